/**
 * Which calls are recorded: kept by the gateway, asked for once where it may have said so before we listened. What a
 * person does about the recording of their own call is in `own.svelte.ts`, which is loaded with the call.
 */
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { recordingApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { applyRecordings, ended, noRecordings, told, type CallRecording, type CallRecordings } from "./calls.ts";
import type { WireCallRecording } from "./wire.ts";

class Recordings {
  calls = $state.raw<CallRecordings>(noRecordings);
  /** Of the call one is in. */
  mine = $derived<CallRecording | undefined>(call.active && call.state.phase !== "failed" ? this.calls.get(call.state.channelId ?? "") : undefined);
  /** By room: how often its recording was told. An answer that was asked for before the last time is old. */
  #news = new Map<Id, number>();

  constructor() {
    store.listen((event) => {
      this.calls = applyRecordings(this.calls, event, Date.now());
      if (event.t === "CALL_RECORDING_UPDATE") this.#news.set(event.d.channel_id, (this.#news.get(event.d.channel_id) ?? 0) + 1);
      if (event.t !== "READY") return;
      // It is not told again what is recorded: what we knew of other rooms may be over.
      const here = call.active ? call.state.channelId : null;
      this.calls = new Map([...this.calls].filter(([id]) => id === here));
      if (here !== null) void this.ask(here);
    });
  }

  /** Asks whether a room is recorded: the gateway says only what changes. */
  async ask(channelId: Id): Promise<void> {
    const news = this.#news.get(channelId);
    const answer = await recordingApi.ofCall(channelId).catch((error: unknown) => (error instanceof ApiError && error.status === 404 ? "none" : "unknown"));
    if (answer === "unknown" || news !== this.#news.get(channelId)) return;
    if (typeof answer === "string") this.calls = ended(this.calls, channelId);
    else this.#tell(answer);
  }

  /** Takes what the server answers about a room, unless the gateway says something newer meanwhile. */
  async hear(channelId: Id, answer: Promise<WireCallRecording>): Promise<void> {
    const news = this.#news.get(channelId);
    const wire = await answer;
    if (news === this.#news.get(channelId)) this.#tell(wire);
  }

  #tell(wire: WireCallRecording): void {
    this.calls = told(this.calls, wire, Date.now());
  }
}

export const recordings = new Recordings();
