"""GStreamer's webrtcbin over libnice. Encodes and decodes for real.

Its DTLS makes an RSA certificate; ours speaks ECDSA only, as browsers do since 2016. So it is given an ECDSA one.
"""

import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENDPOINT, TOKEN = os.environ["ENDPOINT"], os.environ["TOKEN"]
ENOUGH = {"video": 30, "audio": 50}
PATIENCE = 25
VP8 = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
SENDER = f"""
  webrtcbin name=rtc bundle-policy=max-bundle
  videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=25/1
    ! vp8enc deadline=1 keyframe-max-dist=50 target-bitrate=300000 ! rtpvp8pay picture-id-mode=2 ! {VP8} ! rtc.
  audiotestsrc is-live=true volume=0.1 ! audioconvert ! audioresample ! opusenc ! rtpopuspay ! {OPUS} ! rtc.
"""

Gst.init(None)
loop = GLib.MainLoop()
outcome = {"resource": None, "error": None, "seen": {"video": 0, "audio": 0}}


def ecdsa():
    """A fresh key and certificate, as one PEM."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stranger -keyout - -out -"
    return subprocess.run(["openssl", *words.split()], check=True, capture_output=True, text=True).stdout


PEM = ecdsa()
DER = hashlib.sha256(ssl.PEM_cert_to_DER_cert(PEM[PEM.index("-----BEGIN CERTIFICATE") :])).hexdigest().upper()
FINGERPRINT = ":".join(DER[at : at + 2] for at in range(0, len(DER), 2))


def certify(_bin, _parent, element):
    factory = element.get_factory() if element else None
    if factory and factory.get_name() == "dtlsdec":
        element.set_property("pem", PEM)


def request(method, url, body=None):
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/sdp"}
    data = body.encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as response:
        return response.status, response.headers, response.read().decode()


def finish(error=None):
    outcome["error"] = outcome["error"] or error
    GLib.idle_add(loop.quit)


def gathered(rtc, _property):
    if rtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    # The description still names the certificate that it had before.
    offer = re.sub(r"(a=fingerprint:sha-256 ).*", rf"\g<1>{FINGERPRINT}\r", rtc.get_property("local-description").sdp.as_text())

    def exchange():
        try:
            _status, headers, text = request("POST", ENDPOINT, offer)
            outcome["resource"] = urljoin(ENDPOINT, headers["location"])
            _result, message = GstSdp.SDPMessage.new_from_text(text)
            answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
            rtc.emit("set-remote-description", answer, None)
        except Exception as error:  # noqa: BLE001 (whatever it is, it ends the run)
            detail = error.read().decode() if hasattr(error, "read") else ""
            finish(f"{error} {detail}\n{offer}")

    threading.Thread(target=exchange, daemon=True).start()


def negotiate(rtc):
    def offer():
        promise = Gst.Promise.new()
        rtc.emit("create-offer", None, promise)
        promise.wait()
        # The description lives in the reply.
        reply = promise.get_reply()
        description = reply.get_value("offer")
        rtc.emit("set-local-description", description, None)
        del reply

    threading.Thread(target=offer, daemon=True).start()


def publish():
    pipeline = Gst.parse_launch(SENDER)
    rtc = pipeline.get_by_name("rtc")
    rtc.connect("deep-element-added", certify)
    for index in (0, 1):
        transceiver = rtc.emit("get-transceiver", index)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
    rtc.connect("on-negotiation-needed", negotiate)
    rtc.connect("notify::ice-gathering-state", gathered)
    threading.Thread(target=lambda: (sys.stdin.read(), finish()), daemon=True).start()
    return pipeline


def watch():
    pipeline = Gst.Pipeline.new("watch")
    rtc = Gst.ElementFactory.make("webrtcbin", "rtc")
    rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    rtc.connect("deep-element-added", certify)
    pipeline.add(rtc)

    def count(kind):
        outcome["seen"][kind] += 1
        if all(outcome["seen"][kind] >= wanted for kind, wanted in ENOUGH.items()):
            finish()

    def pad_added(_rtc, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decode = {"video": "rtpvp8depay ! vp8dec", "audio": "rtpopusdepay ! opusdec"}[kind]
        branch = Gst.parse_bin_from_description(f"queue ! {decode} ! fakesink name=sink sync=false", True)
        pipeline.add(branch)
        sink = branch.get_by_name("sink")
        sink.get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, lambda *_: (count(kind), Gst.PadProbeReturn.OK)[1]
        )
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    rtc.connect("pad-added", pad_added)
    rtc.connect("notify::ice-gathering-state", gathered)
    pipeline.set_state(Gst.State.READY)
    for caps in (OPUS, VP8):
        rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    GLib.timeout_add_seconds(PATIENCE, lambda: finish(f"too little was decoded: {outcome['seen']}"))
    GLib.idle_add(lambda: negotiate(rtc))
    return pipeline


pipeline = publish() if sys.argv[1] == "publish" else watch()
pipeline.set_state(Gst.State.PLAYING)
loop.run()
if outcome["resource"]:
    try:
        request("DELETE", outcome["resource"])
    except Exception as error:  # noqa: BLE001
        outcome["error"] = outcome["error"] or f"DELETE: {error}"
pipeline.set_state(Gst.State.NULL)
if outcome["error"]:
    sys.exit(outcome["error"])
if sys.argv[1] == "watch":
    print(json.dumps(outcome["seen"]))
