import { expect, test } from "vitest";
import type { WireEvent, WireVoiceState } from "../api/wire.ts";
import { applyCalls, callsFor, noCalls, solitude, type Calls } from "./calls.ts";

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

const created = (channelId: string, ringing: string[], inside: string[]): WireEvent => ({
  t: "CALL_CREATE",
  d: { channel_id: channelId, message_id: "90", ringing, voice_states: inside.map((id) => ({ user_id: id, channel_id: channelId, session_id: "s", self_mute: false, self_deaf: false })) },
});
const ringing = (channelId: string, ringing: string[]): WireEvent => ({ t: "CALL_UPDATE", d: { channel_id: channelId, message_id: "90", ringing } });

test("a call rings until it is answered, and is over when it says so", () => {
  const calls = play(state("1", "5"), created("5", [], ["1"]), ringing("5", ["2", "3"]));
  expect([callsFor(calls, "2"), callsFor(calls, "1")]).toEqual([["5"], []]);
  const answered = [state("2", "5"), ringing("5", ["3"])].reduce(applyCalls, calls);
  expect([callsFor(answered, "2"), callsFor(answered, "3"), inside(answered, "5")]).toEqual([[], ["5"], ["1", "2"]]);
  expect(applyCalls(answered, { t: "CALL_DELETE", d: { channel_id: "5" } }).size).toBe(0);
});

test("a call whose last one's page loads anew rings on, until the server says that it is over", () => {
  const gone = play(created("5", ["2"], ["1"]), state("1", null));
  expect([callsFor(gone, "2"), inside(gone, "5"), gone.get("5")!.last]).toEqual([["5"], [], "1"]);
  const back = applyCalls(gone, state("1", "5"));
  expect([callsFor(back, "2"), inside(back, "5"), back.get("5")!.last]).toEqual([["5"], ["1"], null]);
  expect(applyCalls(gone, { t: "CALL_DELETE", d: { channel_id: "5" } }).size).toBe(0);
});

test("several call at once, the first in front", () => {
  const calls = play(created("7", ["2"], ["1"]), created("5", ["2"], ["3"]));
  expect(callsFor(calls, "2")).toEqual(["7", "5"]);
});

test("whoever calls waits, is left waiting, or is left alone", () => {
  const calling = play(created("5", ["2"], ["1"])).get("5");
  const silent = play(created("5", [], ["1"])).get("5");
  expect(solitude(calling, "1", false, true)).toBe("calling");
  expect(solitude(silent, "1", false, true)).toBe("unanswered");
  expect(solitude(silent, "1", true, true)).toBe("left");
  expect(solitude(silent, "1", false, false)).toBeNull();
  expect(solitude(play(created("5", [], ["1", "2"])).get("5"), "1", true, true)).toBeNull();
  expect(solitude(silent, "2", false, true)).toBeNull();
});
