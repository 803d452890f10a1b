/** Who in a call hears badly, who is heard badly, and why: from the server's samples. Pure. */

/** One interval of one person's connection, as `GET /channels/{id}/quality` tells it. */
export interface QualitySample {
  /** Milliseconds since 1970. */
  at: number;
  up: QualityWay;
  down: QualityWay;
  round_trip_ms: number | null;
  /** Share of the sound that had to be made up, 0 to 1; null when their client does not say. */
  concealed: number | null;
  frozen_ms: number | null;
}
export interface QualityWay {
  kbps: number;
  /** Share of packets, 0 to 1; null when none were due. */
  loss: number | null;
  jitter_ms: number | null;
  /** Up: what the client lets its microphone take. Down: what the way is held to take of video. */
  target_kbps: number | null;
  /** How long packets wait on the way down. */
  queue_ms: number | null;
  /** The largest that goes this way. */
  picture: QualityPicture | null;
}
export interface QualityPicture {
  /** Whose it is. */
  user_id: string;
  source: "camera" | "screen";
  /** The simulcast encoding; null for the only one. */
  rid: string | null;
  width: number;
  height: number;
}
export interface CallQuality {
  /** Milliseconds between two samples. */
  interval: number;
  participants: { user_id: string; samples: QualitySample[] }[];
}

export type Reason = "concealed" | "down-loss" | "up-loss" | "jitter" | "delay" | "queue" | "frozen";
export interface Finding {
  reason: Reason;
  /** A share from 0 to 1, or milliseconds. */
  value: number;
  bad: boolean;
}
export interface Diagnosis {
  /** What keeps this person from hearing, worst first. */
  hears: Finding[];
  /** What keeps the others from hearing this person. */
  heard: Finding[];
}

/** What counts is the last ten seconds. */
const RECENT_MS = 10_000;
/** Opus conceals less than this without anybody noticing; at the second one words are lost. */
const LOSS = [0.03, 0.1] as const;
/** ITU-T G.114, there and back. */
const DELAY_MS = [250, 600] as const;
/** What a receiver's buffer takes up easily, and what it does not. */
const JITTER_MS = [40, 100] as const;
/** Sound that waits so long comes after what it answers. */
const QUEUE_MS = [150, 400] as const;
const FROZEN_MS = [500, 2_000] as const;

export function diagnose(samples: readonly QualitySample[]): Diagnosis {
  const last = samples.at(-1);
  const recent = last ? samples.filter((sample) => sample.at > last.at - RECENT_MS) : [];
  const find = (reason: Reason, values: readonly (number | null)[], [weak, bad]: readonly [number, number]): Finding[] => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return [];
    const value = known.reduce((sum, one) => sum + one, 0) / known.length;
    return value >= weak ? [{ reason, value, bad: value >= bad }] : [];
  };
  const worstFirst = (findings: Finding[]) => findings.sort((a, b) => Number(b.bad) - Number(a.bad));
  return {
    hears: worstFirst([
      ...find("concealed", recent.map((sample) => sample.concealed), LOSS),
      ...find("down-loss", recent.map((sample) => sample.down.loss), LOSS),
      ...find("frozen", recent.map((sample) => sample.frozen_ms), FROZEN_MS),
      ...find("queue", recent.map((sample) => sample.down.queue_ms), QUEUE_MS),
      ...find("delay", recent.map((sample) => sample.round_trip_ms), DELAY_MS),
    ]),
    heard: worstFirst([...find("up-loss", recent.map((sample) => sample.up.loss), LOSS), ...find("jitter", recent.map((sample) => sample.up.jitter_ms), JITTER_MS)]),
  };
}

/** The points of a line through shares over time, newest at the right: for an SVG of this size. A share of `top` reaches the upper edge. */
export function sparkline(shares: readonly (number | null)[], points: number, width: number, height: number, top = 0.2): string {
  const shown = shares.slice(-points);
  const step = width / Math.max(1, points - 1);
  const from = width - (shown.length - 1) * step;
  return shown.map((share, index) => `${(from + index * step).toFixed(1)},${(height - Math.min(1, (share ?? 0) / top) * height).toFixed(1)}`).join(" ");
}
