import { expect, test } from "vitest";
import type { WireEvent, WireVoiceState } from "../api/wire.ts";
import { applyCalls, noCalls, type Calls } from "./calls.ts";

const state = (userId: string, channelId: string | null, more: Partial<WireVoiceState> = {}): WireEvent => ({
  t: "VOICE_STATE_UPDATE",
  d: { user_id: userId, channel_id: channelId, session_id: "s", self_mute: false, self_deaf: false, ...more },
});
const play = (...events: WireEvent[]): Calls => events.reduce(applyCalls, noCalls);
const inside = (calls: Calls, channelId: string) => [...(calls.get(channelId)?.voice.keys() ?? [])];

test("a call is on for as long as somebody is in it", () => {
  const calls = play(state("1", "5"), state("2", "5"), state("1", "5", { self_mute: true }));
  expect(inside(calls, "5")).toEqual(["1", "2"]);
  expect(calls.get("5")!.voice.get("1")!.muted).toBe(true);
  expect([...play(state("1", "5"), state("1", null)).keys()]).toEqual([]);
});

test("whoever joins another conversation has left the first", () => {
  const calls = play(state("1", "5"), state("2", "5"), state("1", "6"));
  expect([inside(calls, "5"), inside(calls, "6")]).toEqual([["2"], ["1"]]);
});

test("rooms of guilds and refusals are no business of conversations", () => {
  expect(play(state("1", "5", { guild_id: "9" })).size).toBe(0);
  const refused = state("1", null, { refused: { channel_id: "6", reason: "forbidden" } });
  expect(inside(play(state("1", "5"), refused), "5")).toEqual(["1"]);
});

test("a new session begins with the calls that READY names", () => {
  const ready: WireEvent = {
    t: "READY",
    d: { user: { id: "1", username: "anna" }, session_id: "s", resume_gateway_url: "", guilds: [], calls: [{ channel_id: "7", voice_states: [{ user_id: "3", channel_id: "7", session_id: "x", self_mute: false, self_deaf: false }] }] },
  };
  const calls = play(state("1", "5"), ready);
  expect([inside(calls, "5"), inside(calls, "7")]).toEqual([[], ["3"]]);
});

test("a group that one has left has no call", () => {
  expect(play(state("2", "5"), { t: "CHANNEL_DELETE", d: { id: "5", type: 3 } }).size).toBe(0);
});
