// Web Audio for the call: one context for everything, and how loud a track is.

let shared: AudioContext | undefined;

/** The page's one AudioContext, made at the first need, which is always after a click. */
export function audioContext(): AudioContext {
  shared ??= new AudioContext({ latencyHint: "interactive" });
  if (shared.state === "suspended") void shared.resume().catch(() => undefined);
  return shared;
}

/** What counts as silence: decibels below full scale that a meter shows as nothing. */
const FLOOR_DB = -60;
/** Above this level (−42 dB) someone is speaking, not breathing. */
const SPEAKING_LEVEL = 0.3;
/** A word's gaps do not end it. */
const HOLD_MS = 300;

/** Loudness of samples (−1 to 1) as 0 to 1 on a scale of decibels, the way it is heard. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return decibels(Math.sqrt(sum / Math.max(1, samples.length)));
}

/** The same of an amplitude from 0 to 1. */
export function decibels(amplitude: number): number {
  return Math.min(1, Math.max(0, 1 - (10 * Math.log10(amplitude * amplitude + 1e-12)) / FLOOR_DB));
}

/** Somebody speaks as loud as this (0 to 1 on that scale). */
export function isSpeech(level: number): boolean {
  return level >= SPEAKING_LEVEL;
}

/** Turns levels over time into speaking or not. */
export class SpeakingGate {
  #until = Number.NEGATIVE_INFINITY;

  hear(level: number, nowMs: number): boolean {
    if (isSpeech(level)) this.#until = nowMs + HOLD_MS;
    return nowMs < this.#until;
  }
}

/** Listens to one track without playing it. */
export class Meter {
  readonly #source: MediaStreamAudioSourceNode;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(stream: MediaStream) {
    const context = audioContext();
    this.#source = context.createMediaStreamSource(stream);
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }

  level(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return loudness(this.#samples);
  }

  close(): void {
    this.#source.disconnect();
  }
}
