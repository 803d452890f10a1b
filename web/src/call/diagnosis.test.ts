import { expect, test } from "vitest";
import { diagnose, sparkline, type QualitySample } from "./diagnosis.ts";

const sample = (at: number, over: Partial<QualitySample> = {}): QualitySample => ({
  at,
  up: { kbps: 40, loss: 0, jitter_ms: 3 },
  down: { kbps: 900, loss: 0, jitter_ms: null },
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
  const { hears, heard } = diagnose([sample(0, { down: { kbps: 900, loss: 0.3, jitter_ms: null }, concealed: 0.05 })]);
  expect(hears.map(({ reason, bad }) => [reason, bad])).toEqual([["down-loss", true], ["concealed", false]]);
  expect(heard).toEqual([]);
});

test("only the last ten seconds count, and nothing said is nothing wrong", () => {
  const old = sample(0, { up: { kbps: 40, loss: 0.5, jitter_ms: 200 } });
  const silent = sample(20_000, { up: { kbps: 0, loss: null, jitter_ms: null }, round_trip_ms: null, concealed: null, frozen_ms: null });
  expect(diagnose([old, silent])).toEqual({ hears: [], heard: [] });
  expect(diagnose([old]).heard.map((finding) => finding.reason)).toEqual(["up-loss", "jitter"]);
});

test("a line ends at the right, and a large loss at the upper edge", () => {
  expect(sparkline([0, 0.1, 0.9], 5, 40, 20)).toBe("20.0,20.0 30.0,10.0 40.0,0.0");
  expect(sparkline([], 5, 40, 20)).toBe("");
});
