/**
 * Watching a broadcast: from the master playlist to a playing element. hls.js is loaded with the first one; where the
 * browser has no Media Source it plays HLS by itself.
 */
import type Hls from "hls.js/light";
import type { HlsConfig } from "hls.js/light";
import { ApiError } from "../api/http.ts";
import { broadcastApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { broadcasts } from "./broadcasts.svelte.ts";
import { choose, variantsOf, type Choice } from "./variants.ts";
import { part } from "../ui/part.ts";

/**
 * `waiting`: the first segment is being made. `refused`: one may not watch here. `unheard`: this browser knows nothing of
 * what there is. `failed`: it does not come; `again` tries once more.
 */
export type Phase = "opening" | "waiting" | "playing" | "ended" | "none" | "refused" | "unheard" | "failed";

const CONFIG: Partial<HlsConfig> = {
  // The content security policy allows no script from a blob.
  enableWorker: false,
  // Two segments behind what is newest: about eight seconds, which a lost request does not empty.
  liveSyncDurationCount: 2,
  liveMaxLatencyDurationCount: 6,
  maxBufferLength: 20,
  backBufferLength: 20,
};
/** The first segment is there a few seconds after the beginning. */
const AGAIN_MS = 1500;
/** Attempts in a row that brought nothing before one is told. */
const PATIENCE = 4;
/** So far behind, "live" is worth a jump. */
const BEHIND_S = 16;

export class Watch {
  phase = $state<Phase>("opening");
  sound = $state(false);
  /** There is a picture that this browser cannot play. */
  unseen = $state(false);
  paused = $state(true);
  /** The browser waits for a gesture before it makes a sound. */
  blocked = $state(false);
  /** There is something newer than what is shown, by more than it should be. */
  behind = $state(false);
  #hls: Hls | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #run = 0;
  #looking = false;

  constructor(
    private readonly channelId: Id,
    private readonly element: HTMLVideoElement,
  ) {}

  async open(): Promise<void> {
    const run = ++this.#run;
    this.#detach();
    try {
      const choice = choose(variantsOf(await broadcastApi.index(this.channelId)), plays);
      if (run !== this.#run) return;
      if (choice === null) return void (this.phase = "unheard");
      this.sound = choice.sound;
      this.unseen = choice.unseen;
      await this.#attach(choice, run);
    } catch (error) {
      if (run === this.#run) await this.#failed(error, run);
    }
  }

  /** Something to see has come to a broadcast that had only sound: once the first of it is cut, it is shown. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#lookAgain();
    } finally {
      this.#looking = false;
    }
  }

  async #lookAgain(): Promise<void> {
    const run = this.#run;
    const waits = () => run === this.#run && this.sound && !this.unseen && this.phase === "playing";
    while (waits()) {
      const choice = await broadcastApi.index(this.channelId).then((index) => choose(variantsOf(index), plays)).catch(() => null);
      if (!waits()) return;
      if (choice && (!choice.sound || choice.unseen)) return await this.open();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  toggle(): void {
    if (this.element.paused) void this.play();
    else this.element.pause();
  }

  async play(): Promise<void> {
    this.blocked = false;
    await this.element.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.blocked = true;
    });
  }

  /** To what is newest, as far as it is safe. */
  goLive(): void {
    const newest = this.#hls?.liveSyncPosition ?? this.#end();
    if (newest !== null) this.element.currentTime = newest;
    void this.play();
  }

  /** For `timeupdate`, `play`, `pause` and `ended` of the element. */
  observe(): void {
    this.paused = this.element.paused;
    const end = this.#end();
    this.behind = this.phase === "playing" && end !== null && end - this.element.currentTime > BEHIND_S;
    if (!this.paused && this.element.currentTime > 0) this.#attempts = 0;
    if (this.element.ended) this.phase = "ended";
  }

  /** The gateway says that it is over: what was loaded is still shown to its end. */
  over(): void {
    if (this.phase === "opening" || this.phase === "waiting" || this.phase === "failed" || this.phase === "unheard") this.close("ended");
  }

  again(): void {
    this.#attempts = 0;
    this.phase = "opening";
    void this.open();
  }

  close(phase: Phase = "none"): void {
    this.#run++;
    this.#detach();
    this.phase = phase;
  }

  #end(): number | null {
    const { seekable } = this.element;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#hls?.destroy();
    this.#hls = null;
    this.element.removeAttribute("src");
  }

  async #attach({ url }: Choice, run: number): Promise<void> {
    if (!("MediaSource" in globalThis) && !("ManagedMediaSource" in globalThis)) {
      this.element.src = url;
      this.phase = "playing";
      return await this.play();
    }
    const { default: Player } = await part(() => import("hls.js/light"));
    if (run !== this.#run) return;
    const hls = new Player(CONFIG);
    this.#hls = hls;
    hls.on(Player.Events.ERROR, (_, { fatal, type }) => {
      if (!fatal || run !== this.#run) return;
      if (type === Player.ErrorTypes.MEDIA_ERROR && this.#attempts++ < PATIENCE) return hls.recoverMediaError();
      void this.#failed(null, run);
    });
    hls.on(Player.Events.MANIFEST_PARSED, () => {
      this.phase = "playing";
      void this.play();
    });
    hls.loadSource(new URL(url, location.href).href);
    hls.attachMedia(this.element);
  }

  /** Whether it is worth another attempt the server knows. */
  async #failed(error: unknown, run: number): Promise<void> {
    if (error instanceof ApiError && error.status === 403) return this.close("refused");
    const known = await broadcasts.ask(this.channelId);
    if (run !== this.#run) return;
    const live = broadcasts.calls.has(this.channelId);
    if (known && !live) return this.close(this.phase === "playing" ? "ended" : "none");
    const young = error instanceof ApiError && error.status === 404;
    if (!young && this.#attempts++ >= PATIENCE) return this.close("failed");
    this.phase = young ? "waiting" : "opening";
    this.#timer = setTimeout(() => void this.open(), AGAIN_MS);
  }
}

/** What does not say its codecs is tried. */
function plays(type: string): boolean {
  const source = globalThis.MediaSource ?? (globalThis as { ManagedMediaSource?: typeof MediaSource }).ManagedMediaSource;
  return source ? source.isTypeSupported(type) : document.createElement("video").canPlayType(type) !== "";
}
