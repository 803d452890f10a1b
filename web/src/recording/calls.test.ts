import { expect, test } from "vitest";
import type { WireEvent } from "../api/wire.ts";
import { answersItself, applyRecordings, change, lengthOf, noRecordings, standingIn, type CallRecordings } from "./calls.ts";
import type { WireCallRecording } from "./wire.ts";

const NOON = Date.parse("2026-01-01T12:00:00Z");
const wire = (part: Partial<WireCallRecording> = {}): WireCallRecording => ({
  id: "70",
  channel_id: "5",
  guild_id: "1",
  state: "recording",
  policy: "announce",
  started_by: "10",
  started_at: "2026-01-01T12:00:00.000000+00:00",
  paused_ms: 0,
  kept: [],
  trouble: null,
  ...part,
});
const said = (part: Partial<WireCallRecording> = {}): WireEvent => ({ t: "CALL_RECORDING_UPDATE", d: wire(part) });
/** Each event one second after the one before. */
const play = (...events: WireEvent[]): CallRecordings => events.reduce((all, event, second) => applyRecordings(all, event, NOON + second * 1000), noRecordings);
const only = (...events: WireEvent[]) => play(...events).get("5")!;
const nobody = new Set<string>();

test("a call is recorded from the first word about it to the last", () => {
  expect([...play(said()).keys()]).toEqual(["5"]);
  expect(play(said(), said({ state: "ended" })).size).toBe(0);
});

test("the end of a recording that was followed by another one ends nothing", () => {
  expect(only(said(), said({ id: "71" }), said({ state: "ended" })).id).toBe("71");
});

test("a room that is deleted, and a guild that is left, have no recordings", () => {
  expect(play(said(), { t: "CHANNEL_DELETE", d: { id: "5", type: 2 } }).size).toBe(0);
  expect(play(said(), { t: "GUILD_DELETE", d: { id: "1" } }).size).toBe(0);
  expect(play(said(), { t: "GUILD_DELETE", d: { id: "1", unavailable: true } }).size).toBe(1);
});

test("pauses are not part of its length, and a pause that goes on stands still", () => {
  expect(lengthOf(only(said()), NOON + 90_000)).toBe(90_000);
  const paused = only(said(), said({ state: "paused" }), said({ state: "paused", kept: ["11"] }));
  expect(lengthOf(paused, NOON + 60_000)).toBe(1000);
  expect(lengthOf(only(said({ paused_ms: 5000 })), NOON + 60_000)).toBe(55_000);
});

test("a clock that is behind the server's shows no negative time", () => {
  expect(lengthOf(only(said()), NOON - 3000)).toBe(0);
});

test("who comes late to a pause sees how much there is", () => {
  const late = applyRecordings(noRecordings, said({ state: "paused", paused_ms: 20_000 }), NOON + 50_000).get("5")!;
  expect(lengthOf(late, NOON + 99_000)).toBe(30_000);
});

test("a person is kept, has declined, or has not answered", () => {
  const recording = only(said({ kept: ["11"], declined: ["12"] }));
  expect(["11", "12", "13"].map((id) => standingIn(recording, id, nobody))).toEqual(["kept", "declined", "pending"]);
  expect(standingIn(recording, "13", new Set(["70"]))).toBe("declined");
  // Nobody is told that they are left out before they are.
  expect(standingIn(recording, "11", new Set(["70"]))).toBe("kept");
});

test("under `announce` the client answers for whoever has not; under `ask` only for the one who records", () => {
  const announced = only(said());
  const asked = only(said({ policy: "ask" }));
  expect([answersItself(announced, "11", nobody), answersItself(announced, "11", new Set(["70"]))]).toEqual([true, false]);
  expect([answersItself(asked, "11", nobody), answersItself(asked, "10", nobody)]).toEqual([false, true]);
  expect(answersItself(only(said({ kept: ["11"] })), "11", nobody)).toBe(false);
});

test("a start is told to who is there and to who comes late, an end only to who was there", () => {
  const on = only(said());
  expect(change(undefined, on, false)).toBe("started");
  expect(change(on, on, true)).toBe(null);
  expect(change(on, undefined, true)).toBe("ended");
  expect(change(on, undefined, false)).toBe(null);
  const paused = only(said({ state: "paused" }));
  expect([change(on, paused, true), change(paused, on, true)]).toEqual(["paused", "resumed"]);
  expect(change(on, only(said({ id: "71" })), true)).toBe("started");
});

test("what is wrong with the disk is known by name", () => {
  expect([null, "slow_disk", "full_disk", "quota", "other"].map((trouble) => only(said({ trouble })).trouble)).toEqual([null, "slow-disk", "full-disk", "quota", null]);
});
