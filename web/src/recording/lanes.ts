/** How a recording is drawn and walked through: its loudness as bars, who speaks when as lanes, and where a press leads. Pure. */
import { PEAK_MS, type Span } from "./model.ts";

/** Loudness from 0 to 1 of `count` equal parts, each as loud as its loudest moment. */
export function bars(peaks: Uint8Array, durationMs: number, count: number): number[] {
  // The last peak may stand for less than its whole time.
  const perBar = durationMs / PEAK_MS / Math.max(1, count);
  return Array.from({ length: count }, (_, index) => {
    let loudest = 0;
    const from = Math.floor(index * perBar);
    const until = Math.max(from + 1, Math.ceil((index + 1) * perBar));
    for (let at = from; at < until && at < peaks.length; at++) loudest = Math.max(loudest, peaks[at] ?? 0);
    return loudest / 255;
  });
}

/** The bars as the path of an SVG, mirrored at its middle; silence stays a line that one sees. */
export function barsPath(heights: readonly number[], step: number, width: number, height: number): string {
  const least = 2;
  return heights
    .map((value, index) => {
      const tall = Math.max(least, value * height);
      return `M${round(index * step)} ${round((height - tall) / 2)}h${width}v${round(tall)}h-${width}z`;
    })
    .join("");
}

/** Spans as rectangles of an SVG that is `width` wide. What would stand closer than a pixel is one. */
export function lanePath(spoke: readonly Span[], durationMs: number, width: number, height: number): string {
  const scale = width / Math.max(1, durationMs);
  const drawn: [number, number][] = [];
  for (const [from, until] of spoke) {
    const [left, right] = [from * scale, Math.max(from * scale + 1, until * scale)];
    const last = drawn.at(-1);
    if (last && left - last[1] < 1) last[1] = Math.max(last[1], right);
    else drawn.push([left, right]);
  }
  return drawn.map(([left, right]) => `M${round(left)} 0h${round(right - left)}v${height}H${round(left)}z`).join("");
}

const round = (value: number) => Math.round(value * 10) / 10;

/** Where a press on a lane leads: to the beginning of what is said there or begins near by, else to the very place. */
export function laneTarget(spoke: readonly Span[], at: number, nearMs: number): number {
  const hit = spoke.find(([from, until]) => at >= from - nearMs && at <= until);
  // In the middle of a long speech one means the place.
  return hit && Math.abs(at - hit[0]) <= nearMs ? hit[0] : at;
}

/** When they begin to speak next after `at`; from the start again after their last words, null when they never do. */
export function nextSpoken(spoke: readonly Span[], at: number): number | null {
  const next = spoke.find(([from]) => from > at) ?? spoke[0];
  return next ? next[0] : null;
}

/** Who speaks now. */
export function isSpeaking(spoke: readonly Span[], at: number): boolean {
  return spoke.some(([from, until]) => at >= from && at < until);
}
