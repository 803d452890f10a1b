import { expect, test } from "vitest";
import { step, type TrackAt } from "./step.ts";

const at = (atMs: number, part: Partial<TrackAt> = {}): TrackAt => ({ startsMs: 10_000, durationMs: 60_000, atMs, playing: true, ...part });

test("a track rests before it begins and after its end", () => {
  expect(step(at(0), 9999, 1)).toEqual({ do: "rest" });
  expect(step(at(60_000), 70_000, 1)).toEqual({ do: "rest" });
});

test("in step it runs as fast as all", () => {
  expect(step(at(5010), 15_000, 1.5)).toEqual({ do: "play", rate: 1.5 });
});

test("a little late it runs a little faster, a little early slower", () => {
  expect(step(at(4900), 15_000, 1)).toEqual({ do: "play", rate: 1.03 });
  expect(step(at(5100), 15_000, 2)).toEqual({ do: "play", rate: 1.94 });
});

test("far off, it is put where it belongs", () => {
  expect(step(at(1000), 15_000, 1)).toEqual({ do: "seek", toMs: 5000, rate: 1 });
});

test("what stands still is put in place before it starts", () => {
  expect(step(at(4900, { playing: false }), 15_000, 1)).toEqual({ do: "seek", toMs: 5000, rate: 1 });
  expect(step(at(5000, { playing: false }), 15_000, 1)).toEqual({ do: "play", rate: 1 });
});

test("drifting by a thousandth, it comes back to its place and stays there", () => {
  let atMs = 0;
  let worst = 0;
  for (let clockMs = 10_000; clockMs < 60_000; clockMs += 250) {
    const what = step(at(atMs), clockMs, 1);
    if (what.do !== "play") throw new Error(what.do);
    atMs += 250 * 0.999 * what.rate;
    worst = Math.max(worst, Math.abs(clockMs + 250 - 10_000 - atMs));
  }
  expect(worst).toBeLessThan(25);
});
