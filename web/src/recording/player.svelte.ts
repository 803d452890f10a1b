/**
 * Plays a recording. As long as everybody is as loud as they were, the mix; once somebody is muted or turned down, every
 * track by itself, each through a gain of its own and all kept in step with one clock (`step.ts`).
 */
import type { Id } from "../state/model.ts";
import { audioContext } from "../voice/sound.ts";
import { isDivisible, mixOf, type Recording, type Track } from "./model.ts";
import { step } from "./step.ts";

/** How somebody is heard. `gain` 1: as they were. */
export interface Level {
  muted: boolean;
  gain: number;
}
const AS_IT_WAS: Level = { muted: false, gain: 1 };
export const LOUDEST = 2;

/** How often the tracks are brought into step. */
const EVERY_MS = 100;
/** HTMLMediaElement.HAVE_FUTURE_DATA: it can go on from where it is. */
const GOES_ON = 3;
/** A track's last moments may be missing from its file. */
const TAIL_MS = 60;

interface Voice {
  track: Track;
  element: HTMLAudioElement;
  gain: GainNode;
  /** What the element calls its beginning, in milliseconds: some browsers count from the file's first timestamp, some from 0. Null until it is known. */
  originMs: number | null;
}

const players = new Map<Id, Player>();

/** The player of a recording: its place and its levels outlive the card that shows it. */
export function playerOf(recording: Recording): Player {
  const player = players.get(recording.id) ?? new Player(recording);
  players.set(recording.id, player);
  return player;
}

export class Player {
  playing = $state(false);
  /** Waits for sound to come. */
  waiting = $state(false);
  broken = $state(false);
  atMs = $state(0);
  rate = $state(1);
  /** 0 to 1. */
  volume = $state(1);
  levels = $state.raw<ReadonlyMap<Id, Level>>(new Map());
  #recording: Recording;
  #mix: HTMLAudioElement | null = null;
  /** Shown in place of the mix. */
  #video: HTMLVideoElement | null = null;
  #unlisten: AbortController | null = null;
  #voices: Voice[] | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #frame = 0;
  /** Of the tracks' clock: where it was, and when. */
  #base = 0;
  #since = 0;

  constructor(recording: Recording) {
    this.#recording = recording;
  }

  get durationMs(): number {
    return this.#recording.durationMs;
  }

  /** Whether people can be turned down one by one. */
  get divisible(): boolean {
    return isDivisible(this.#recording);
  }

  /** New addresses: the old ones are good for some hours. */
  renew(recording: Recording): void {
    const before = this.#recording;
    this.#recording = recording;
    if (this.playing || mixOf(before)?.url === mixOf(recording)?.url) return;
    this.#drop();
    this.broken = false;
  }

  /** A video that shows the recording takes the place of the mix; null: the mix again. It goes on at the same place. */
  attach(video: HTMLVideoElement | null): void {
    if (this.#video === video) return;
    const place = this.#place();
    this.#halt();
    this.#unlisten?.abort();
    this.#unlisten = video ? this.#listen(video) : null;
    this.#video = video;
    this.atMs = place;
    this.#level();
    if (video) video.currentTime = place / 1000;
    if (this.playing) this.#begin();
  }

  /** What plays everyone together. */
  get #whole(): HTMLMediaElement | null {
    return this.#video ?? this.#mix;
  }

  play(): void {
    // One thing plays at a time.
    for (const other of players.values()) if (other !== this) other.pause();
    this.broken = false;
    if (this.atMs >= this.durationMs - TAIL_MS) this.atMs = 0;
    this.playing = true;
    this.#begin();
  }

  pause(): void {
    if (!this.playing) return;
    this.atMs = this.#place();
    this.playing = false;
    this.waiting = false;
    this.#halt();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(ms: number): void {
    this.atMs = Math.max(0, Math.min(ms, this.durationMs));
    if (this.#byTrack) {
      this.#base = this.atMs;
      this.#since = performance.now();
      if (this.playing) this.#keepStep();
    }
    if (this.#whole && (!this.#byTrack || this.#video)) this.#whole.currentTime = this.atMs / 1000;
  }

  setRate(rate: number): void {
    this.#base = this.#place();
    this.#since = performance.now();
    this.rate = rate;
    if (this.#whole) this.#whole.playbackRate = rate;
  }

  setVolume(volume: number): void {
    this.volume = volume;
    this.#level();
  }

  levelOf(userId: Id): Level {
    return this.levels.get(userId) ?? AS_IT_WAS;
  }

  /** Loudness of one person, from now on. Between mix and tracks it goes on at the same place, once the sound is there. */
  setLevel(userId: Id, level: Level): void {
    const was = this.#byTrack;
    const next = new Map(this.levels);
    if (level.muted || level.gain !== 1) next.set(userId, level);
    else next.delete(userId);
    const place = this.#place();
    this.levels = next;
    if (was !== this.#byTrack) {
      this.#halt();
      this.atMs = place;
      if (this.playing) this.#begin();
    }
    this.#level();
  }

  /** Whether the tracks play and not the mix. */
  get #byTrack(): boolean {
    return (this.levels.size > 0 || mixOf(this.#recording) === null) && this.divisible;
  }

  #begin(): void {
    if (this.#byTrack) {
      this.#voices ??= this.#recording.tracks.filter((track) => track.sound).map((track) => this.#voice(track));
      this.#level();
      this.#base = this.atMs;
      this.#since = performance.now();
      this.waiting = true;
      this.#keepStep();
      this.#timer = setInterval(() => this.#keepStep(), EVERY_MS);
    } else {
      if (!this.#video) this.#mix ??= this.#element(mixOf(this.#recording)?.url ?? "");
      this.#level();
      const whole = this.#whole;
      if (!whole) return;
      if (Math.abs(whole.currentTime * 1000 - this.atMs) > 1) whole.currentTime = this.atMs / 1000;
      whole.playbackRate = this.rate;
      void whole.play().catch(() => {});
    }
    this.#follow();
  }

  #halt(): void {
    clearInterval(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#mix?.pause();
    this.#video?.pause();
    for (const { element } of this.#voices ?? []) element.pause();
  }

  #drop(): void {
    this.#halt();
    for (const element of [this.#mix, ...(this.#voices ?? []).map((voice) => voice.element)]) element?.removeAttribute("src");
    for (const { gain } of this.#voices ?? []) gain.disconnect();
    this.#mix = null;
    this.#voices = null;
  }

  #element(url: string): HTMLAudioElement {
    const element = new Audio();
    element.preload = "auto";
    element.src = url;
    this.#listen(element);
    return element;
  }

  #listen(element: HTMLMediaElement): AbortController {
    const over = new AbortController();
    const on = (name: string, then: () => void) => element.addEventListener(name, then, { signal: over.signal });
    on("error", () => this.#break());
    on("waiting", () => (this.waiting = this.playing));
    on("playing", () => (this.waiting = this.waiting && this.#byTrack));
    on("ended", () => !this.#byTrack && this.#end());
    return over;
  }

  #voice(track: Track): Voice {
    const element = this.#element(track.url);
    const context = audioContext();
    const gain = new GainNode(context);
    context.createMediaElementSource(element).connect(gain).connect(context.destination);
    const voice: Voice = { track, element, gain, originMs: null };
    element.addEventListener("loadeddata", () => (voice.originMs = element.currentTime * 1000), { once: true });
    return voice;
  }

  #level(): void {
    if (this.#whole) this.#whole.volume = this.volume;
    // Its sound is everyone's: while they play one by one it is only seen.
    if (this.#video) this.#video.muted = this.#byTrack;
    for (const { track, gain } of this.#voices ?? []) {
      const level = this.levelOf(track.userId);
      gain.gain.value = level.muted ? 0 : level.gain * this.volume;
    }
  }

  /** Where it is now. */
  #place(): number {
    if (!this.playing) return this.atMs;
    if (!this.#byTrack) return this.#whole ? this.#whole.currentTime * 1000 : this.atMs;
    return this.waiting ? this.#base : this.#base + (performance.now() - this.#since) * this.rate;
  }

  /** Every track where it belongs; all wait for the one whose sound has not come. */
  #keepStep(): void {
    const clock = this.#place();
    if (clock >= this.durationMs) return this.#end();
    const due: HTMLAudioElement[] = [];
    for (const { track, element, originMs } of this.#voices ?? []) {
      // Before its first sound is there it may not be sent anywhere, or its beginning would never be known.
      if (originMs === null) {
        due.push(element);
        continue;
      }
      const what = step({ startsMs: track.startsMs, durationMs: track.durationMs, atMs: element.currentTime * 1000 - originMs, playing: !element.paused }, clock, this.rate);
      if (what.do === "rest" || isOver(element, originMs + clock - track.startsMs)) {
        element.pause();
        continue;
      }
      due.push(element);
      element.playbackRate = what.rate;
      if (what.do === "seek" && !element.seeking) element.currentTime = (originMs + what.toMs) / 1000;
    }
    if (due.some((element) => element.seeking || element.readyState < GOES_ON) || this.#voices?.some((voice) => voice.originMs === null)) {
      this.#base = clock;
      this.waiting = true;
      for (const element of due) element.pause();
      return;
    }
    if (this.waiting) this.#since = performance.now();
    this.waiting = false;
    this.#showStep(clock);
    for (const element of due) if (element.paused) void element.play().catch(() => {});
  }

  /** The picture where the sound is. It is not waited for. */
  #showStep(clock: number): void {
    const video = this.#video;
    if (!video) return;
    const what = step({ startsMs: 0, durationMs: this.durationMs, atMs: video.currentTime * 1000, playing: !video.paused }, clock, this.rate);
    if (what.do === "rest") return video.pause();
    video.playbackRate = what.rate;
    if (what.do === "seek" && !video.seeking) video.currentTime = what.toMs / 1000;
    if (video.paused) void video.play().catch(() => {});
  }

  #follow(): void {
    cancelAnimationFrame(this.#frame);
    const look = () => {
      if (!this.playing) return;
      this.atMs = Math.min(this.#place(), this.durationMs);
      this.#frame = requestAnimationFrame(look);
    };
    this.#frame = requestAnimationFrame(look);
  }

  #end(): void {
    this.playing = false;
    this.waiting = false;
    this.atMs = this.durationMs;
    this.#halt();
  }

  #break(): void {
    this.pause();
    this.#drop();
    this.broken = true;
  }
}

/** `atMs`: as the element counts. */
function isOver(element: HTMLAudioElement, atMs: number): boolean {
  return element.ended || (Number.isFinite(element.duration) && atMs > element.duration * 1000 - TAIL_MS);
}
