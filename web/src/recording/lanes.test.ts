import { expect, test } from "vitest";
import { bars, barsPath, isSpeaking, lanePath, laneTarget, nextSpoken } from "./lanes.ts";

const SPOKE = [
  [1200, 3400],
  [9000, 9800],
] as const;

test("each bar is as loud as the loudest moment in it", () => {
  expect(bars(Uint8Array.of(0, 51, 255, 0), 400, 2)).toEqual([0.2, 1]);
  expect(bars(Uint8Array.of(255), 100, 3)).toEqual([1, 1, 1]);
  expect(bars(new Uint8Array(), 0, 2)).toEqual([0, 0]);
});

test("silence is a thin line, full loudness the whole height", () => {
  expect(barsPath([0, 1], 3, 2, 40)).toBe("M0 19h2v2h-2zM3 0h2v40h-2z");
});

test("a lane shows each span where it is, and short ones not at all smaller than a pixel", () => {
  expect(lanePath(SPOKE, 10_000, 100, 8)).toBe("M12 0h22v8H12zM90 0h8v8H90z");
  expect(lanePath([[5000, 5001]], 10_000_000, 100, 8)).toBe("M0.1 0h1v8H0.1z");
});

test("spans that stand closer than a pixel are drawn as one", () => {
  const many = Array.from({ length: 1000 }, (_, index) => [index * 10, index * 10 + 9] as const);
  expect(lanePath(many, 10_000, 100, 8).match(/M/gu)).toHaveLength(1);
});

test("a press leads to the beginning of words that are near it, else to the place itself", () => {
  expect(laneTarget(SPOKE, 1300, 500)).toBe(1200);
  expect(laneTarget(SPOKE, 800, 500)).toBe(1200);
  expect(laneTarget(SPOKE, 3000, 500)).toBe(3000);
  expect(laneTarget(SPOKE, 6000, 500)).toBe(6000);
});

test("the next words come after here, and the first ones after the last", () => {
  expect([0, 1200, 9500].map((at) => nextSpoken(SPOKE, at))).toEqual([1200, 9000, 1200]);
  expect(nextSpoken([], 0)).toBe(null);
});

test("somebody speaks from the first moment of a span until before its end", () => {
  expect([1199, 1200, 3399, 3400].map((at) => isSpeaking(SPOKE, at))).toEqual([false, true, true, false]);
});
