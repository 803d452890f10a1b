import { expect, test } from "vitest";
import { diagnose, sparkline, type QualitySample } from "./diagnosis.ts";

const way = (kbps: number, loss: number | null, jitter_ms: number | null, queue_ms: number | null = null) => ({ kbps, loss, jitter_ms, queue_ms, target_kbps: null, picture: null });
const sample = (at: number, over: Partial<QualitySample> = {}): QualitySample => ({
  at,
  up: way(40, 0, 3),
  down: way(900, 0, null),
  round_trip_ms: 30,
  concealed: 0,
  frozen_ms: 0,
  ...over,
});

test("a good line has nothing to say", () => {
  expect(diagnose([sample(0), sample(2_000)])).toEqual({ hears: [], heard: [] });
  expect(diagnose([])).toEqual({ hears: [], heard: [] });
});

test("who loses packets on the way down hears badly, and is heard well", () => {
  const { hears, heard } = diagnose([sample(0, { down: way(900, 0.3, null), concealed: 0.05 })]);
  expect(hears.map(({ reason, bad }) => [reason, bad])).toEqual([["down-loss", true], ["concealed", false]]);
  expect(heard).toEqual([]);
});

test("what waits on the way down is heard late", () => {
  expect(diagnose([sample(0, { down: way(900, 0, null, 500) })]).hears).toEqual([{ reason: "queue", value: 500, bad: true }]);
});

test("only the last ten seconds count, and nothing said is nothing wrong", () => {
  const old = sample(0, { up: way(40, 0.5, 200) });
  const silent = sample(20_000, { up: way(0, null, null), round_trip_ms: null, concealed: null, frozen_ms: null });
  expect(diagnose([old, silent])).toEqual({ hears: [], heard: [] });
  expect(diagnose([old]).heard.map((finding) => finding.reason)).toEqual(["up-loss", "jitter"]);
});

test("a line ends at the right, and a large loss at the upper edge", () => {
  expect(sparkline([0, 0.1, 0.9], 5, 40, 20)).toBe("20.0,20.0 30.0,10.0 40.0,0.0");
  expect(sparkline([], 5, 40, 20)).toBe("");
});
