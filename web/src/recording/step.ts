/** Keeping several tracks in step with one clock: what is to be done about one that is early or late. Pure. */

/** Below this nobody hears that two tracks are apart. */
const NOTHING_MS = 15;
/** From here on a track is put where it belongs at once: catching up would take seconds. */
const FAR_MS = 400;
/** How much faster or slower a track may run for a while without anybody noticing. */
const NUDGE = 0.03;

export type Step =
  /** It is where it should be, or runs a little faster or slower until it is. */
  | { do: "play"; rate: number }
  /** Its place, in milliseconds of the track. */
  | { do: "seek"; toMs: number; rate: number }
  /** It has not begun, or is over. */
  | { do: "rest" };

export interface TrackAt {
  startsMs: number;
  durationMs: number;
  /** Where it is, in milliseconds of the track. */
  atMs: number;
  playing: boolean;
}

/** `clockMs`: where the recording is; `rate`: how fast it is played. */
export function step(track: TrackAt, clockMs: number, rate: number): Step {
  const due = clockMs - track.startsMs;
  if (due < 0 || due >= track.durationMs) return { do: "rest" };
  const late = due - track.atMs;
  if (!track.playing ? Math.abs(late) > NOTHING_MS : Math.abs(late) > FAR_MS * rate) return { do: "seek", toMs: due, rate };
  if (Math.abs(late) <= NOTHING_MS) return { do: "play", rate };
  return { do: "play", rate: rate * (late > 0 ? 1 + NUDGE : 1 - NUDGE) };
}
