// node-datachannel: libdatachannel, the library under OBS's WHIP output.

import nodeDataChannel from "node-datachannel";
import { AUDIO, VIDEO, counter, end, main, post, rtp, told } from "./lib.js";

const AUDIO_SSRC = 101;
const VIDEO_SSRC = 102;
const { PeerConnection, Audio, Video, RtcpReceivingSession } = nodeDataChannel;

/** Both tracks and the exchange of descriptions, once all candidates are in the offer. */
async function connect(endpoint, token, direction) {
  const pc = new PeerConnection("stranger", { iceServers: [] });
  const audio = new Audio("audio", direction);
  audio.addOpusCodec(111);
  const video = new Video("video", direction);
  video.addVP8Codec(96);
  if (direction === "SendOnly") {
    audio.addSSRC(AUDIO_SSRC, "stranger", "stream", "audio");
    video.addSSRC(VIDEO_SSRC, "stranger", "stream", "video");
  }
  const tracks = { audio: pc.addTrack(audio), video: pc.addTrack(video) };
  const gathered = new Promise((resolve) => pc.onGatheringStateChange((state) => state === "complete" && resolve()));
  pc.setLocalDescription("offer");
  await gathered;
  const { answer, resource } = await post(endpoint, token, pc.localDescription().sdp);
  pc.setRemoteDescription(answer, "answer");
  return { pc, tracks, resource };
}

async function publish(endpoint, token) {
  const { pc, tracks, resource } = await connect(endpoint, token, "SendOnly");
  let sequence = 0;
  const beat = setInterval(() => {
    sequence += 1;
    if (!tracks.audio.isOpen() || !tracks.video.isOpen()) return;
    tracks.audio.sendMessageBinary(rtp({ payloadType: 111, sequence, timestamp: sequence * 960, ssrc: AUDIO_SSRC, payload: AUDIO, marker: false }));
    tracks.video.sendMessageBinary(rtp({ payloadType: 96, sequence, timestamp: sequence * 1800, ssrc: VIDEO_SSRC, payload: VIDEO, marker: true }));
  }, 20);
  await told();
  clearInterval(beat);
  await end(resource, token);
  pc.close();
}

async function watch(endpoint, token) {
  const { pc, tracks, resource } = await connect(endpoint, token, "RecvOnly");
  const { count, enough } = counter();
  for (const kind of ["audio", "video"]) {
    tracks[kind].setMediaHandler(new RtcpReceivingSession());
    // RTCP has packet types where RTP has none (RFC 5761 §4).
    tracks[kind].onMessage((packet) => (packet[1] < 192 || packet[1] > 223) && count(kind));
  }
  const seen = await enough;
  await end(resource, token);
  pc.close();
  return seen;
}

main(publish, watch);
