import { describe, expect, test } from "vitest";
import { parseFrame, type Slot } from "./frames.ts";
import { heard } from "./playback.ts";
import { silenced } from "./preferences.ts";
import { voiceUrl } from "./link.ts";
import { members } from "./members.ts";
import { count, flowed, quality, uplink, type Counters } from "./quality.ts";
import { hearStereo, midsOf, sendRedundant, sendStereo, sendVoice } from "./sdp.ts";
import { NO_CALL } from "./session.ts";
import { loudness, SpeakingGate } from "./sound.ts";

const section = (mid: string, direction: string, fmtp: string) =>
  `m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:${mid}\r\na=${direction}\r\na=rtpmap:111 opus/48000/2\r\n${fmtp}a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n`;

const at = (atMs: number, change: Partial<Counters> = {}): Counters => ({
  atMs,
  bytesSent: 0,
  bytesReceived: 0,
  packetsReceived: 0,
  packetsLost: 0,
  lossUp: 0,
  soundLossUp: 0,
  soundPacketsSent: 0,
  pictureBytesSent: 0,
  available: 0,
  rttMs: 20,
  consents: 0,
  samples: 0,
  concealed: 0,
  frozenMs: 0,
  ...change,
});

describe("frames", () => {
  test("a slot without a person or with an unknown source is an empty slot", () => {
    const text = JSON.stringify({
      op: 21,
      seq: 3,
      d: {
        slots: [
          { mid: "4", user_id: "8", source: "microphone" },
          { mid: "5", user_id: null, source: null },
          { mid: "6", user_id: "8", source: "hologram" },
          { mid: "7", user_id: "8", source: "camera", playable: false },
        ],
        wanted: { audio: 1e9, video: 8 },
      },
    });
    expect(parseFrame(text)).toEqual({
      seq: 3,
      frame: {
        op: "slots",
        slots: [
          { mid: "4", userId: "8", source: "microphone", playable: true },
          { mid: "5", userId: null, source: null, playable: true },
          { mid: "6", userId: null, source: null, playable: true },
          { mid: "7", userId: "8", source: "camera", playable: false },
        ],
        wanted: { audio: 100, video: 8 },
      },
    });
  });

  test("which encodings are wanted", () => {
    const encodings = [{ rid: "q", wanted: true }, { rid: null, wanted: false }, { rid: "h" }, 7];
    expect(parseFrame(JSON.stringify({ op: 23, d: { source: "camera", encodings } })).frame).toEqual({
      op: "encodings",
      source: "camera",
      encodings: [
        { rid: "q", wanted: true },
        { rid: null, wanted: false },
      ],
    });
    expect(parseFrame('{"op":23,"d":{"source":"hologram","encodings":[]}}').frame).toBeNull();
  });

  test.each(["", "nonsense", "[]", '{"op":99}', '{"op":4,"d":null}', '{"op":5,"d":[]}', "7"])("%s is not for us", (text) => {
    expect(parseFrame(text).frame).toBeNull();
  });
});

describe("the mix", () => {
  const mixed: Slot = { mid: "4", userId: null, source: null, playable: true, mixed: true };

  test("is nobody's, and a slot all the same", () => {
    const slots = [{ mid: "4", user_id: null, source: "mixed", playable: true }];
    expect(parseFrame(JSON.stringify({ op: 21, d: { slots, wanted: { audio: 8, video: 8 } } })).frame).toMatchObject({ op: "slots", slots: [mixed] });
    expect(parseFrame('{"op":30,"d":{"mode":"mixed","mixed":false,"bitrate":null,"refused":"busy"},"seq":3}')).toEqual({
      frame: { op: "listening", mixed: false, refused: true },
      seq: 3,
    });
  });

  test("is heard in place of each one", () => {
    const stream = {} as MediaStream;
    expect([...heard([mixed], () => stream, [])]).toEqual([["mixed", { userId: "", stream }]]);
    expect([...heard([mixed], () => undefined, [])]).toEqual([]);
  });

  test("and what is missed of a direct way is listened for at the server too", () => {
    const [direct, server] = [{}, {}] as [MediaStream, MediaStream];
    const slot: Slot = { mid: "4", userId: "8", source: "microphone", playable: true };
    const voices = [{ userId: "8", source: "microphone", stream: direct }] as const;
    expect([...heard([slot], () => direct, voices).values()]).toEqual([{ userId: "8", stream: direct }]);
    const both = heard([slot], () => direct, voices, () => server);
    expect([...both.values()].map(({ stream }) => stream)).toEqual([direct, server]);
  });

  test("is made without those whom one does not hear", () => {
    expect(silenced({ volumes: { "1": 0, "2": 0.5, "3": 0 } })).toEqual(["1", "3"]);
  });
});

describe("the voice address", () => {
  test("takes the scheme that the page came by", () => {
    expect(voiceUrl("host:8080/voice", "http:")).toBe("ws://host:8080/voice?v=8");
    expect(voiceUrl("host/voice", "https:")).toBe("wss://host/voice?v=8");
  });
});

describe("stereo", () => {
  const fmtp = "a=fmtp:111 minptime=10;useinbandfec=1\r\n";

  const stereo = "stereo=1;sprop-stereo=1;usedtx=0;maxaveragebitrate=128000\r\n";

  test("can be heard in every slot and leaves what we send alone", () => {
    const offer = `v=0\r\n${section("0", "sendonly", fmtp)}${section("4", "recvonly", fmtp)}`;
    expect(hearStereo(offer)).toBe(
      `v=0\r\n${section("0", "sendonly", fmtp)}${section("4", "recvonly", "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n")}`,
    );
  });

  test("can be heard where both send, and yet a voice is sent as one", () => {
    const both = section("0", "sendrecv", fmtp);
    const ours = hearStereo(both);
    expect(ours).toBe(section("0", "sendrecv", "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n"));
    expect(sendVoice(ours, "0")).toBe(section("0", "sendrecv", "a=fmtp:111 minptime=10;stereo=0;useinbandfec=1;usedtx=1\r\n"));
    expect(midsOf(`v=0\r\n${both}${section("a1", "recvonly", fmtp)}`)).toEqual(["0", "a1"]);
  });

  test("is sent only for shared sound, whether the answer says something about Opus or not", () => {
    const voice = `v=0\r\n${section("0", "recvonly", fmtp)}`;
    const answer = section("3", "recvonly", "a=fmtp:111 usedtx=1;minptime=10\r\n");
    expect(sendStereo(voice + answer, "3", 128_000)).toBe(voice + section("3", "recvonly", `a=fmtp:111 minptime=10;${stereo}`));
    expect(sendStereo(voice + section("3", "recvonly", ""), "3", 128_000)).toBe(voice + section("3", "recvonly", `a=fmtp:111 ${stereo}`));
  });
});

describe("redundancy", () => {
  const types = (list: string) => `m=audio 9 UDP/TLS/RTP/SAVPF ${list}\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n`;

  test("is sent when its payload type comes first, on that line alone", () => {
    const other = types("111 63").replace("a=mid:0", "a=mid:3");
    expect(sendRedundant(`v=0\r\n${types("111 63")}${other}`, "0")).toBe(`v=0\r\n${types("63 111")}${other}`);
    expect(sendRedundant(types("63 111"), "0")).toBe(types("63 111"));
  });

  test("ends when plain Opus comes first again", () => {
    expect(sendRedundant(types("63 111 110"), "0", false)).toBe(types("111 110 63"));
  });

  test("is not for an answer that knows none", () => {
    const plain = types("111").replace("a=rtpmap:63 red/48000/2\r\n", "");
    expect(sendRedundant(plain, "0")).toBe(plain);
  });
});

describe("the way up", () => {
  test("is told by sound, and its width only while a picture is measured", () => {
    const report = (video: number, available: number): RTCStatsReport =>
      new Map(
        [
          { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.2 },
          { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.01 },
          { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.5 },
          { type: "outbound-rtp", kind: "audio", packetsSent: video + 100 },
          { type: "outbound-rtp", kind: "video", bytesSent: video },
          { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.04, availableOutgoingBitrate: available },
        ].map((entry, id) => [`${id}`, entry]),
      );
    const still = count(report(0, 300_000), 0);
    expect(uplink(still, count(report(0, 300_000), 2_000))).toEqual({ loss: 0.2, packets: 0, rttMs: 40, available: null });
    expect(uplink(still, count(report(90, 120_000), 2_000))).toEqual({ loss: 0.2, packets: 90, rttMs: 40, available: 120_000 });
  });
});

describe("quality", () => {
  test("is judged by what was lost since the last look", () => {
    const before = at(0, { packetsReceived: 1_000, packetsLost: 500 });
    const after = at(2_000, { packetsReceived: 1_090, packetsLost: 510, bytesReceived: 250_000, bytesSent: 12_500 });
    expect(quality(before, after)).toEqual({ lossUp: 0, lossDown: 0.1, rttMs: 20, upKbps: 50, downKbps: 1_000, concealed: 0, frozenMs: 0, level: "bad" });
  });

  test("tells how much of what was played had to be made up, and how long pictures stood still", () => {
    const after = at(2_000, { samples: 96_000, concealed: 4_800, frozenMs: 700 });
    expect(quality(at(0), after)).toMatchObject({ concealed: 0.05, frozenMs: 700 });
  });

  test("is weak when answers take long, good when nothing is wrong", () => {
    expect(quality(at(0), at(2_000, { rttMs: 300 })).level).toBe("weak");
    expect(quality(at(0), at(2_000)).level).toBe("good");
  });

  test("a path that answers STUN is alive though nobody speaks", () => {
    expect(flowed(at(0), at(2_000, { consents: 1 }))).toBe(true);
    expect(flowed(at(0), at(2_000))).toBe(false);
  });
});

describe("members", () => {
  const streams = new Map<string, MediaStream>();
  const streamOf = ({ mid }: Slot) => {
    const stream = streams.get(mid) ?? ({} as MediaStream);
    streams.set(mid, stream);
    return stream;
  };
  const self = { userId: "7", here: true, speaking: false };

  test("are one per person, with what their slots carry", () => {
    const session = {
      ...NO_CALL,
      present: new Set(["7", "8", "9"]),
      speaking: new Set(["9"]),
      slots: [
        { mid: "5", userId: "8", source: "camera", playable: true },
        { mid: "6", userId: "8", source: "screen", playable: true },
        { mid: "7", userId: "8", source: "screen_audio", playable: true },
        { mid: "8", userId: null, source: null, playable: true },
      ] satisfies Slot[],
    };
    const now = members(session, self, streamOf, new Map());
    expect([...now.keys()]).toEqual(["7", "8", "9"]);
    expect(now.get("8")).toMatchObject({ screenHasSound: true, speaking: false });
    expect(now.get("8")?.camera).toBe(streams.get("5"));
    expect(now.get("9")).toEqual({ userId: "9", speaking: true, screenHasSound: false, unplayable: false });
  });

  test("who did not change stay the same objects", () => {
    const session = { ...NO_CALL, present: new Set(["8", "9"]) };
    const before = members(session, self, streamOf, new Map());
    expect(members({ ...session }, self, streamOf, before)).toBe(before);
    const after = members({ ...session, speaking: new Set(["8"]) }, self, streamOf, before);
    expect(after.get("8")).not.toBe(before.get("8"));
    expect(after.get("9")).toBe(before.get("9"));
  });
});

describe("speaking", () => {
  test("silence is nothing, full scale is everything", () => {
    expect(loudness(new Float32Array(1_024))).toBe(0);
    expect(loudness(new Float32Array(1_024).fill(1))).toBe(1);
  });

  test("outlasts the gaps between words, not the end of a sentence", () => {
    const gate = new SpeakingGate();
    expect(gate.hear(0.1, 0)).toBe(false);
    expect(gate.hear(0.6, 100)).toBe(true);
    expect(gate.hear(0, 350)).toBe(true);
    expect(gate.hear(0, 450)).toBe(false);
  });
});
