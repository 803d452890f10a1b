/**
 * The sound with which a recording begins, also for who comes late, and the one with which it ends. Made on the spot,
 * soft and under 300 ms as those of the call; no switch silences them, and who is deafened hears them: they say what is
 * done with one's own voice.
 */
import { loadPreferences } from "../voice/preferences.ts";
import { audioContext } from "../voice/sound.ts";

interface Note {
  hz: number;
  atMs: number;
  ms: number;
}

/** Twice the same and then up, which nothing else here does; the end comes back down. */
export const NOTES: Readonly<Record<"started" | "ended", readonly Note[]>> = {
  started: [{ hz: 587, atMs: 0, ms: 70 }, { hz: 587, atMs: 90, ms: 70 }, { hz: 880, atMs: 180, ms: 110 }],
  ended: [{ hz: 880, atMs: 0, ms: 70 }, { hz: 587, atMs: 90, ms: 170 }],
};

/** A little above the call's other sounds: it must not be missed. */
const PEAK = 0.09;
const ATTACK_S = 0.008;
/** Exponential ramps end above nothing. */
const NOTHING = 0.0001;

export async function play(what: "started" | "ended"): Promise<void> {
  const context: AudioContext & { setSinkId?(id: string): Promise<void>; sinkId?: unknown } = audioContext();
  const speaker = loadPreferences().speaker ?? "";
  // A device that went away: the sound comes from the usual one.
  if (context.setSinkId && context.sinkId !== speaker) await context.setSinkId(speaker).catch(() => undefined);
  for (const { hz, atMs, ms } of NOTES[what]) {
    const start = context.currentTime + atMs / 1000;
    const oscillator = new OscillatorNode(context, { frequency: hz });
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(NOTHING, start);
    envelope.gain.exponentialRampToValueAtTime(PEAK, start + ATTACK_S);
    envelope.gain.exponentialRampToValueAtTime(NOTHING, start + ms / 1000);
    oscillator.connect(envelope).connect(context.destination);
    oscillator.start(start);
    oscillator.stop(start + ms / 1000);
  }
}
