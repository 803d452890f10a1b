/** The sounds of the communities that were looked at, kept by events; and playing them, to all or to oneself. */
import { untrack } from "svelte";
import { call } from "../call/call.svelte.ts";
import { soundApi } from "./routes.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { loadPreferences } from "../voice/preferences.ts";
import { soundProblem } from "./problem.ts";
import { applySounds, inOrder, type Boards, type Sound, toSound } from "./model.ts";
import type { WireSound } from "./wire.ts";

class Sounds {
  boards = $state.raw<Boards>(new Map());
  /** What just did not work, in words. */
  problem = $state<string | null>(null);
  /** The one that one listens to oneself. */
  preview = $state<Id | null>(null);
  #audio: HTMLAudioElement | null = null;

  constructor() {
    store.listen((event) => (this.boards = applySounds(this.boards, event)));
  }

  /** Asks for a community's sounds, if they are not known. Rejects when they do not come. */
  async load(guildId: Id): Promise<void> {
    if (untrack(() => this.boards.has(guildId))) return;
    const { items } = await soundApi.all(guildId);
    this.boards = new Map(this.boards).set(guildId, inOrder(items.map(toSound)));
  }

  /** Keeps one that was just made: the answer says who made it, the event does not. */
  put(wire: WireSound): void {
    const sound = toSound(wire);
    const others = (this.boards.get(sound.guildId) ?? []).filter(({ id }) => id !== sound.id);
    this.boards = new Map(this.boards).set(sound.guildId, inOrder([...others, sound]));
  }

  /** To everybody in one's call. */
  async play({ id, guildId }: Sound): Promise<void> {
    const channelId = call.state.channelId;
    if (channelId === null) return;
    this.problem = null;
    try {
      await soundApi.play(channelId, guildId, id);
    } catch (error) {
      this.problem = soundProblem(error);
    }
  }

  /** To oneself alone, or no more. */
  async listen({ id, volume }: Sound): Promise<void> {
    const goesOn = this.preview !== id;
    this.quiet();
    if (!goesOn) return;
    const audio = new Audio(`/cdn/soundboard-sounds/${id}`);
    audio.volume = volume * (loadPreferences().soundboard ?? 1);
    audio.addEventListener("ended", () => this.#audio === audio && this.quiet());
    this.#audio = audio;
    this.preview = id;
    const speaker = loadPreferences().speaker;
    if (speaker && "setSinkId" in audio) await audio.setSinkId(speaker).catch(() => undefined);
    await audio.play().catch(() => this.#audio === audio && this.quiet());
  }

  quiet(): void {
    this.#audio?.pause();
    this.#audio = null;
    this.preview = null;
  }
}

export const sounds = new Sounds();
