// werift: WebRTC written in TypeScript.

import { MediaStreamTrack, RTCPeerConnection, useOPUS, useVP8 } from "werift";
import { AUDIO, VIDEO, counter, end, main, post, rtp, told } from "./lib.js";

const options = () => ({ bundlePolicy: "max-bundle", codecs: { audio: [useOPUS()], video: [useVP8()] } });

async function exchange(pc, endpoint, token) {
  await pc.setLocalDescription(await pc.createOffer());
  const { answer, resource } = await post(endpoint, token, pc.localDescription.sdp);
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  return resource;
}

async function publish(endpoint, token) {
  const pc = new RTCPeerConnection(options());
  const kinds = [
    { track: new MediaStreamTrack({ kind: "audio" }), payload: AUDIO, payloadType: 96, step: 960, ssrc: 1 },
    { track: new MediaStreamTrack({ kind: "video" }), payload: VIDEO, payloadType: 97, step: 1800, ssrc: 2 },
  ];
  for (const { track } of kinds) pc.addTransceiver(track, { direction: "sendonly" });
  const resource = await exchange(pc, endpoint, token);
  let sequence = 0;
  const beat = setInterval(() => {
    sequence += 1;
    for (const { track, payload, payloadType, step, ssrc } of kinds) track.writeRtp(rtp({ payloadType, sequence, timestamp: sequence * step, ssrc, payload, marker: true }));
  }, 20);
  await told();
  clearInterval(beat);
  await end(resource, token);
  await pc.close();
}

async function watch(endpoint, token) {
  const pc = new RTCPeerConnection(options());
  const { count, enough } = counter();
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "recvonly" }).onTrack.subscribe((track) => track.onReceiveRtp.subscribe(() => count(kind)));
  const resource = await exchange(pc, endpoint, token);
  const seen = await enough;
  await end(resource, token);
  await pc.close();
  return seen;
}

main(publish, watch);
