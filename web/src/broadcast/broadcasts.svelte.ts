/**
 * Which calls are broadcast: kept by the gateway, asked for once where it may have said so before we listened. What a
 * person does about the broadcast of their own call is in `own.svelte.ts`, which is loaded with the call.
 */
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { broadcastApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { applyBroadcasts, ended, noBroadcasts, told, type CallBroadcast, type CallBroadcasts } from "./calls.ts";
import type { WireCallBroadcast } from "./wire.ts";

class Broadcasts {
  calls = $state.raw<CallBroadcasts>(noBroadcasts);
  /** Of the call one is in. */
  mine = $derived<CallBroadcast | undefined>(call.active && call.state.phase !== "failed" ? this.calls.get(call.state.channelId ?? "") : undefined);
  /** By room: how often its broadcast was told. An answer that was asked for before the last time is old. */
  #news = new Map<Id, number>();

  constructor() {
    store.listen((event) => {
      this.calls = applyBroadcasts(this.calls, event);
      if (event.t === "CALL_BROADCAST_UPDATE") this.#news.set(event.d.channel_id, (this.#news.get(event.d.channel_id) ?? 0) + 1);
      if (event.t !== "READY") return;
      // It is not told again what is broadcast: what we knew of other rooms may be over.
      const here = call.active ? call.state.channelId : null;
      this.calls = new Map([...this.calls].filter(([id]) => id === here));
      if (here !== null) void this.ask(here);
    });
  }

  /** Asks whether a room is broadcast: the gateway says only what changes. False: that is not known. */
  async ask(channelId: Id): Promise<boolean> {
    const news = this.#news.get(channelId);
    const answer = await broadcastApi.ofCall(channelId).catch((error: unknown) => (error instanceof ApiError && error.status === 404 ? "none" : "unknown"));
    if (answer === "unknown") return false;
    if (news !== this.#news.get(channelId)) return true;
    this.calls = typeof answer === "string" ? ended(this.calls, channelId) : told(this.calls, answer);
    return true;
  }

  /** Takes what the server answers about a room, unless the gateway says something newer meanwhile. */
  async hear(channelId: Id, answer: Promise<WireCallBroadcast>): Promise<void> {
    const news = this.#news.get(channelId);
    const wire = await answer;
    if (news === this.#news.get(channelId)) this.calls = told(this.calls, wire);
  }
}

export const broadcasts = new Broadcasts();
