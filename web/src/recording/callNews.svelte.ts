/**
 * What goes on in calls, by room: kept by the gateway, asked for once where it may have said so before we listened. Of
 * recordings and of broadcasts.
 */
import { ApiError } from "../api/http.ts";
import type { WireEvent } from "../api/wire.ts";
import { call } from "../call/call.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { ended } from "./calls.ts";

interface Sources<T, Wire> {
  /** What an event changes. */
  apply(calls: ReadonlyMap<Id, T>, event: WireEvent): ReadonlyMap<Id, T>;
  /** What the server says of one call. */
  told(calls: ReadonlyMap<Id, T>, wire: Wire): ReadonlyMap<Id, T>;
  /** The room that an event is news about. */
  room(event: WireEvent): Id | null;
  /** Asks the server; 404 where nothing goes on. */
  ofCall(channelId: Id): Promise<Wire>;
}

export class CallNews<T extends { id: Id }, Wire> {
  calls = $state.raw<ReadonlyMap<Id, T>>(new Map());
  /** Of the call one is in. */
  mine = $derived<T | undefined>(call.active && call.state.phase !== "failed" ? this.calls.get(call.state.channelId ?? "") : undefined);
  readonly #sources: Sources<T, Wire>;
  /** By room: how often news came. An answer that was asked for before the last time is old. */
  #news = new Map<Id, number>();

  constructor(sources: Sources<T, Wire>) {
    this.#sources = sources;
    store.listen((event) => {
      this.calls = sources.apply(this.calls, event);
      const room = sources.room(event);
      if (room !== null) this.#news.set(room, (this.#news.get(room) ?? 0) + 1);
      if (event.t !== "READY") return;
      // It is not told again what goes on: what we knew of other rooms may be over.
      const here = call.active ? call.state.channelId : null;
      this.calls = new Map([...this.calls].filter(([id]) => id === here));
      if (here !== null) void this.ask(here);
    });
  }

  /** Asks about a room: the gateway says only what changes. False: that is not known. */
  async ask(channelId: Id): Promise<boolean> {
    const news = this.#news.get(channelId);
    const answer = await this.#sources.ofCall(channelId).catch((error: unknown) => (error instanceof ApiError && error.status === 404 ? null : undefined));
    if (answer === undefined) return false;
    if (news !== this.#news.get(channelId)) return true;
    this.calls = answer === null ? ended(this.calls, channelId) : this.#sources.told(this.calls, answer);
    return true;
  }

  /** Takes what the server answers about a room, unless the gateway says something newer meanwhile. */
  async hear(channelId: Id, answer: Promise<Wire>): Promise<void> {
    const news = this.#news.get(channelId);
    const wire = await answer;
    if (news === this.#news.get(channelId)) this.calls = this.#sources.told(this.calls, wire);
  }
}
