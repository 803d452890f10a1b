import { expect, test } from "vitest";
import type { WireEvent } from "../api/wire.ts";
import { answersItself, standingIn } from "../recording/calls.ts";
import { applyBroadcasts, noBroadcasts, type CallBroadcasts } from "./calls.ts";
import { choose, variantsOf } from "./variants.ts";
import type { WireCallBroadcast } from "./wire.ts";

const said = (part: Partial<WireCallBroadcast> = {}): WireEvent => ({
  t: "CALL_BROADCAST_UPDATE",
  d: { id: "70", channel_id: "5", guild_id: "1", state: "live", policy: "announce", started_by: "10", started_at: "2026-01-01T12:00:00.000000+00:00", kept: [], viewers: 0, picture: null, sound: ["opus"], trouble: null, ...part },
});
const play = (...events: WireEvent[]): CallBroadcasts => events.reduce(applyBroadcasts, noBroadcasts);

test("a call is broadcast from the first word about it to the last", () => {
  expect([...play(said()).keys()]).toEqual(["5"]);
  expect(play(said(), said({ state: "ended" })).size).toBe(0);
  expect(play(said(), said({ id: "71" }), said({ state: "ended" })).get("5")?.id).toBe("71");
  expect(play(said(), { t: "CHANNEL_DELETE", d: { id: "5", type: 2 } }).size).toBe(0);
  expect(play(said(), { t: "GUILD_DELETE", d: { id: "1" } }).size).toBe(0);
});

test("who watches, what is to be seen and what is wrong is what was said last", () => {
  const picture = { user_id: "10", source: "screen" as const, codec: "vp09.00.31.08" };
  const one = play(said(), said({ viewers: 3, picture, trouble: "no_transcoder" })).get("5")!;
  expect([one.viewers, one.picture, one.noTranscoder]).toEqual([3, { userId: "10", source: "screen", codec: "vp09.00.31.08" }, true]);
});

test("a person is asked as for recordings", () => {
  const nobody = new Set<string>();
  const one = play(said({ kept: ["11"] })).get("5")!;
  expect([standingIn(one, "11", nobody), standingIn(one, "12", nobody), standingIn(one, "12", new Set(["70"]))]).toEqual(["kept", "pending", "declined"]);
  expect(answersItself(one, "12", nobody)).toBe(true);
  expect(answersItself(play(said({ policy: "ask" })).get("5")!, "12", nobody)).toBe(false);
});

const MASTER = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="vp09.00.31.08,opus"
/both
#EXT-X-STREAM-INF:BANDWIDTH=90000,CODECS="opus"
/sound
`;

test("the picture is chosen where the browser knows it, else the sound", () => {
  const variants = variantsOf(MASTER);
  expect(variants.map(({ url, sound }) => [url, sound])).toEqual([["/both", false], ["/sound", true]]);
  expect(choose(variants, (type) => type === 'video/mp4; codecs="vp09.00.31.08,opus"')).toEqual({ url: "/both", sound: false, unseen: false });
  expect(choose(variants, (type) => type === 'audio/mp4; codecs="opus"')).toEqual({ url: "/sound", sound: true, unseen: true });
  expect(choose(variants, () => false)).toBe(null);
  expect(choose(variantsOf(MASTER.split("\n").slice(4).join("\n")), () => true)).toEqual({ url: "/sound", sound: true, unseen: false });
  expect(choose(variantsOf("#EXTM3U\n"), () => true)).toBe(null);
});

test("AAC is for browsers that know no Opus in MP4", () => {
  const variants = variantsOf(`#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.42c01f,mp4a.40.2"
/both.aac
#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.42c01f,opus"
/both
#EXT-X-STREAM-INF:BANDWIDTH=90000,CODECS="mp4a.40.2"
/sound.aac
#EXT-X-STREAM-INF:BANDWIDTH=90000,CODECS="opus"
/sound
`);
  expect(variants.map(({ sound }) => sound)).toEqual([false, false, true, true]);
  expect(choose(variants, () => true)?.url).toBe("/both");
  expect(choose(variants, (type) => !type.includes("opus"))?.url).toBe("/both.aac");
  expect(choose(variants, (type) => !type.includes("avc1"))).toEqual({ url: "/sound", sound: true, unseen: true });
  expect(choose(variants, (type) => type.includes("mp4a") && type.startsWith("audio"))?.url).toBe("/sound.aac");
});
