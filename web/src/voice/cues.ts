// The sounds of the call itself: which change is heard, and how it sounds. A handful, soft, shorter than 300 ms,
// made on the spot. Whoever is deafened hears only what they do themselves.

import { audioContext } from "./sound.ts";
import type { CallState } from "./types.ts";

export type Cue = "join" | "leave" | "mute" | "unmute" | "deafen" | "stream" | "ring" | "knock" | "wait";

interface Note {
  hz: number;
  atMs: number;
  ms: number;
}

/** Up for what begins, down for what ends, in fifths; low for what takes sound away. */
export const NOTES: Readonly<Record<Cue, readonly Note[]>> = {
  join: [{ hz: 440, atMs: 0, ms: 110 }, { hz: 660, atMs: 90, ms: 170 }],
  leave: [{ hz: 660, atMs: 0, ms: 110 }, { hz: 440, atMs: 90, ms: 170 }],
  mute: [{ hz: 330, atMs: 0, ms: 110 }],
  unmute: [{ hz: 495, atMs: 0, ms: 110 }],
  deafen: [{ hz: 330, atMs: 0, ms: 90 }, { hz: 220, atMs: 80, ms: 150 }],
  // Repeated by whoever plays them: a call for us, a call for us while we talk to others, a call of ours.
  ring: [{ hz: 523, atMs: 0, ms: 130 }, { hz: 659, atMs: 110, ms: 130 }, { hz: 784, atMs: 220, ms: 70 }],
  knock: [{ hz: 392, atMs: 0, ms: 90 }],
  wait: [{ hz: 349, atMs: 0, ms: 260 }],
  stream: [{ hz: 440, atMs: 0, ms: 90 }, { hz: 550, atMs: 70, ms: 90 }, { hz: 660, atMs: 140, ms: 150 }],
};

/** Well below a voice, which is about −20 dB. */
const PEAK = 0.06;
const ATTACK_S = 0.008;
/** Exponential ramps end above nothing. */
const NOTHING = 0.0001;
/** Who was there before us did not come now; a crowd that comes at once is heard once. */
const APART_MS = 1_500;

type Heard = Pick<CallState, "phase" | "muted" | "deafened" | "screen" | "members">;

/** Says what a change of the call sounds like. */
export class Cues {
  /** Since when each may be heard again. */
  readonly #since = new Map<Cue, number>();
  #othersFromMs = 0;

  change(before: Heard, after: Heard, selfId: string, nowMs: number): Cue[] {
    const connected = after.phase === "connected";
    if (connected && before.phase !== "connected") this.#othersFromMs = nowMs + APART_MS;
    const own = ownAct(before, after);
    const othersCount = connected && before.phase === "connected" && !after.deafened && nowMs >= this.#othersFromMs;
    const cues = [...(own ? [own] : []), ...(othersCount ? othersActs(before, after, selfId) : [])];
    return cues.filter((cue) => {
      // What one does oneself is always answered.
      if (cue !== own && nowMs < (this.#since.get(cue) ?? 0)) return false;
      this.#since.set(cue, nowMs + APART_MS);
      return true;
    });
  }
}

function ownAct(before: Heard, after: Heard): Cue | null {
  const was = before.phase === "connected" || before.phase === "reconnecting";
  if (after.phase === "connected" && !was) return "join";
  if (was && (after.phase === "idle" || after.phase === "failed")) return "leave";
  if (after.phase === "idle") return null;
  if (after.deafened !== before.deafened) return after.deafened ? "deafen" : "unmute";
  if (after.muted !== before.muted) return after.muted ? "mute" : "unmute";
  return after.screen && !before.screen ? "stream" : null;
}

function othersActs(before: Heard, after: Heard, selfId: string): Cue[] {
  const others = ({ members }: Heard) => [...members.keys()].filter((userId) => userId !== selfId);
  const cues: Cue[] = [];
  if (others(after).some((userId) => !before.members.has(userId))) cues.push("join");
  if (others(before).some((userId) => !after.members.has(userId))) cues.push("leave");
  if (others(after).some((userId) => after.members.get(userId)?.screen && before.members.has(userId) && !before.members.get(userId)?.screen)) cues.push("stream");
  return cues;
}

/** Makes the sound, through the output that the call plays through. */
export async function playCue(cue: Cue, speaker: string): Promise<void> {
  const context: AudioContext & { setSinkId?(id: string): Promise<void>; sinkId?: unknown } = audioContext();
  // A device that went away: the sound comes from the usual one.
  if (context.setSinkId && context.sinkId !== speaker) await context.setSinkId(speaker).catch(() => undefined);
  for (const { hz, atMs, ms } of NOTES[cue]) {
    const start = context.currentTime + atMs / 1_000;
    const end = start + ms / 1_000;
    const oscillator = new OscillatorNode(context, { frequency: hz });
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(NOTHING, start);
    envelope.gain.exponentialRampToValueAtTime(PEAK, start + ATTACK_S);
    envelope.gain.exponentialRampToValueAtTime(NOTHING, end);
    oscillator.connect(envelope).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(end);
  }
}
