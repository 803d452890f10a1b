/** The sound of a telephone: soft, repeated, and in one tab of a browser only. */
import type { Cue } from "../voice/cues.ts";

type Tone = Extract<Cue, "ring" | "knock" | "wait">;

const EVERY_MS: Record<Tone, number> = { ring: 2_200, knock: 5_000, wait: 3_600 };

let tone: Tone | null = null;
let stop: () => void = () => {};

/** Rings like this until told otherwise. */
export function sound(wanted: Tone, selfId: string): void {
  if (tone === wanted) return;
  quiet();
  tone = wanted;
  let over = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let free: () => void = () => {};
  stop = () => {
    over = true;
    clearInterval(timer);
    free();
  };
  const ring = async () => {
    const { playCue } = await import("../voice/cues.ts");
    const { loadPreferences } = await import("../voice/preferences.ts");
    const { audioContext } = await import("../voice/sound.ts");
    const play = () => {
      const context = audioContext();
      // A page that nobody has touched yet makes no sound; what it would play now must not come all at once later.
      if (context.state === "running") void playCue(wanted, loadPreferences().speaker ?? "").catch(() => {});
      else void context.resume().catch(() => {});
    };
    if (over) return;
    play();
    timer = setInterval(play, EVERY_MS[wanted]);
    await new Promise<void>((resolve) => (free = resolve));
  };
  // Other tabs of the same person show the call and leave the sound to this one.
  if (navigator.locks) void navigator.locks.request(`voxlink-telephone-${selfId}`, () => (over ? undefined : ring())).catch(() => {});
  else void ring().catch(() => {});
}

export function quiet(): void {
  stop();
  stop = () => {};
  tone = null;
}
