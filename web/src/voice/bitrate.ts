// How much the microphone takes of the way up, from what reports say of it: pure, so that whole evenings can be played.
//
// Down at once, up step by step after a calm while that grows when it did not last. Redundancy (RFC 2198) is not decided here.

/** What one look at the connection says. */
export interface Uplink {
  /** The largest share of sound lost on the way to the server, 0 to 1 (receiver reports). */
  loss: number;
  /** Packets of sound sent since the last look: silence is two or three a second. */
  packets: number;
  rttMs: number;
  /** What the browser holds the way up to take, bit/s; `null` while no picture is sent, for then it measures nothing. */
  available: number | null;
}

/** What bounds it. */
export interface Bounds {
  /** bit/s: what the channel, and the kind of sound, allow. */
  most: number;
  stereo: boolean;
  /** bit/s: what half of those who listen can take (op 26); `null` when they take anything. */
  asked: number | null;
}

export interface Pace {
  /** bit/s of one frame after the other. */
  bitrate: number;
  /** Looks in a row that found nothing wrong. */
  calm: number;
  /** So many of them before the next step up. */
  patience: number;
  /** Looks since the last step up. */
  sinceRise: number;
  /** The way without a queue. */
  leastRttMs: number;
}

/** Opus keeps a voice intelligible down to here in narrow and wide band, and music in stereo worth hearing. */
const FLOOR = { voice: 12_000, music: 16_000 } as const;
/** A voice that still sounds like itself; with redundancy no more than was sent without. */
const DECENT = { voice: 24_000, music: 48_000 } as const;
/** Above this share less is sent, below the other nothing is wrong (Google Congestion Control, draft-ietf-rmcat-gcc-02 §6). */
const MUCH_LOSS = 0.1;
const LITTLE_LOSS = 0.02;
/** One lost of fewer is no share of anything; speech has a hundred between two looks. */
const ENOUGH_PACKETS = 25;
/** So much longer than without a queue: packets wait somewhere on the way. */
const QUEUE_MS = 150;
/** Nearly every second packet: whatever the reason, less must be sent. */
const RUINED = 0.4;
const DOWN = 0.7;
const UP = 1.5;
/** A way that takes more than this is not narrow for sound. */
const WIDE = 200_000;
/** Of a narrow way sound may have this share; a picture needs the rest. */
const SHARE = 0.5;
/** Looks are 2 s apart: ten seconds, and at most a minute. */
const PATIENCE = { least: 5, most: 30 } as const;
/** Trouble so soon after a step up was the step's doing. */
const REGRET = 3;
/** A way may become another one: how short it was is forgotten by so much a look. */
const FORGET_MS = 2;

export const FULL: Pace = { bitrate: Number.POSITIVE_INFINITY, calm: 0, patience: PATIENCE.least, sinceRise: Number.POSITIVE_INFINITY, leastRttMs: Number.POSITIVE_INFINITY };

/** The pace after one more look. */
export function pace(before: Pace, uplink: Uplink, bounds: Bounds): Pace {
  const kind = bounds.stereo ? "music" : "voice";
  const leastRttMs = uplink.rttMs > 0 ? Math.min(before.leastRttMs + FORGET_MS, uplink.rttMs) : before.leastRttMs;
  const queued = uplink.rttMs - leastRttMs > QUEUE_MS;
  // Where the air loses, the browser's estimate only echoes the loss. Opus repeats itself (in-band FEC) above 22 kbit/s in
  // every band, and at 30 % lost that is what makes up for a frame whose redundancy went as well.
  const aired = uplink.loss >= MUCH_LOSS && uplink.loss < RUINED && !queued;
  const most = limit(uplink.available, aired ? DECENT[kind] : FLOOR[kind], bounds);
  const bitrate = Math.min(before.bitrate, most);
  const now = { ...before, bitrate, leastRttMs, sinceRise: before.sinceRise + 1 };
  if (uplink.packets < ENOUGH_PACKETS) return now;
  if (uplink.loss >= MUCH_LOSS) {
    // Loss without a queue is the air's, not ours: redundancy helps, and must not make it more.
    const floor = aired ? Math.max(DECENT[kind], bounds.most / 2) : FLOOR[kind];
    const lower = Math.max(Math.min(bitrate, floor), Math.round(bitrate * DOWN));
    const regretted = before.sinceRise < REGRET;
    return { ...now, bitrate: lower, calm: 0, patience: regretted ? Math.min(PATIENCE.most, before.patience * 2) : before.patience, sinceRise: Number.POSITIVE_INFINITY };
  }
  if (uplink.loss >= LITTLE_LOSS || queued) return { ...now, calm: 0 };
  const calm = before.calm + 1;
  if (bitrate >= most) return { ...now, calm, patience: calm >= PATIENCE.most ? PATIENCE.least : before.patience };
  if (calm < before.patience) return { ...now, calm };
  return { ...now, bitrate: Math.min(most, Math.round(bitrate * UP)), calm: 0, sinceRise: 0 };
}

/** The pace under other bounds, without a new look. */
export function within(before: Pace, bounds: Bounds): Pace {
  return { ...before, bitrate: Math.min(before.bitrate, limit(null, 0, bounds)) };
}

/** Chromium takes 48 bytes a packet off, nobody a multiple of that. */
const MOST_OVERHEAD = 60_000;
/** What an encoder may miss its wish by without anybody hearing it. */
const NEAR = 1_000;

/**
 * How much more than we want the browser must be told. When the bitrate is changed while sending, Chromium takes off what
 * it holds for the headers of every packet: 19,200 bit/s, and of 24,000 six are left, which is no voice. It takes off
 * nothing when a connection or a codec begins. So what its encoder was left with (`target`) is looked at and made up for.
 */
export function madeUp(overhead: number, wanted: number, target: number): number {
  const missing = wanted - target;
  return target <= 0 || Math.abs(missing) < NEAR ? overhead : Math.min(MOST_OVERHEAD, Math.max(0, overhead + missing));
}

/** As the server does for its listeners (docs/protocol/voice.md): from this share of sound lost on, what is sent goes out again. */
const REPEAT_LOSS = 0.03;
/** Without such a look for so long it is not worth its bytes. */
const REPEAT_MS = 15_000;

/** Whether frames of the microphone go out again with later ones, where no server says it. */
export class Repeating {
  #until = Number.NEGATIVE_INFINITY;

  look({ loss, packets }: Uplink, nowMs: number): boolean {
    if (loss >= REPEAT_LOSS && packets >= ENOUGH_PACKETS) this.#until = nowMs + REPEAT_MS;
    return nowMs < this.#until;
  }
}

/** The most that may be sent right now: never above what the channel allows, nor for the way's own sake below `least`. */
function limit(available: number | null, least: number, { most, stereo, asked }: Bounds): number {
  const floor = Math.min(most, stereo ? FLOOR.music : FLOOR.voice);
  const narrow = available !== null && available < WIDE ? Math.max(least, available * SHARE) : Number.POSITIVE_INFINITY;
  const listeners = asked === null ? Number.POSITIVE_INFINITY : stereo ? asked * 2 : asked;
  return Math.max(floor, Math.min(most, Math.round(narrow), listeners));
}
