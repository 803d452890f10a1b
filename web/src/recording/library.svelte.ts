/** Recordings that ended and are looked at: fetched once, told by the gateway how far they are, fetched again when that changes them. */
import { ApiError } from "../api/http.ts";
import { recordingApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { isMaking, toOutput, toRecording, withNews, withOutput, type Recording } from "./model.ts";

export interface Entry {
  recording: Recording | null;
  /** 0 to 1, while it is being made ready. */
  progress: number;
  problem: unknown;
}

/** A recording whose state changes often is not fetched more often than this. */
const PAUSE_MS = 1000;

class Library {
  entries = $state.raw<ReadonlyMap<Id, Entry>>(new Map());
  #loading = new Map<Id, Promise<void>>();
  #waiting = new Set<Id>();
  /** What was told while one waited. */
  #again = new Set<Id>();

  constructor() {
    let self: Id | undefined;
    store.listen((event) => {
      if (event.t === "READY") {
        // What somebody else saw on this page is not for whoever signs in after them.
        if (self !== undefined && self !== event.d.user.id) this.entries = new Map();
        self = event.d.user.id;
        // What became of it meanwhile was not told.
        for (const [id, { recording }] of this.entries) if (recording && (recording.state === "processing" || isMaking(recording))) void this.load(id);
        return;
      }
      if (event.t !== "RECORDING_UPDATE") return;
      const { id, state, progress, output } = event.d;
      const entry = this.entries.get(id);
      // It is asked for at this moment: the answer may be from before.
      if (!entry) return void (this.#loading.has(id) && this.#soon(id));
      if (output && entry.recording && output.state !== "ready" && output.state !== "failed") this.#put(id, { ...entry, recording: withNews(entry.recording, output.kind, output.track, { state: output.state, progress }) });
      else if (state === "deleted") this.gone(id);
      else if (state === "ready" || state === "failed" || entry.recording === null) this.#soon(id);
      else this.#put(id, { ...entry, progress });
    });
  }

  load(id: Id): Promise<void> {
    const running = this.#loading.get(id) ?? this.#fetch(id).finally(() => this.#loading.delete(id));
    this.#loading.set(id, running);
    return running;
  }

  /** Has something made of it. */
  async make(id: Id, kind: string, track: string | null = null): Promise<void> {
    const output = toOutput(await recordingApi.makeOutput(id, kind, track));
    const entry = this.entries.get(id);
    if (entry?.recording) this.#put(id, { ...entry, recording: withOutput(entry.recording, output) });
  }

  /** It was deleted, by whomever. */
  gone(id: Id): void {
    this.#put(id, { recording: null, progress: 0, problem: new ApiError(404, 0, "deleted") });
  }

  async #fetch(id: Id): Promise<void> {
    const before = this.entries.get(id);
    try {
      const recording = toRecording(await recordingApi.one(id));
      const mix = recording.outputs.find((output) => output.kind === "mix");
      this.#put(id, { recording, progress: Math.max(before?.progress ?? 0, mix?.progress ?? 0), problem: null });
    } catch (problem) {
      const refused = problem instanceof ApiError && !problem.passing;
      this.#put(id, { recording: refused ? null : (before?.recording ?? null), progress: before?.progress ?? 0, problem });
    }
  }

  #soon(id: Id): void {
    if (this.#waiting.has(id)) return void this.#again.add(id);
    this.#waiting.add(id);
    // What is on its way already may be older than what was told.
    const last = this.#loading.get(id) ?? Promise.resolve();
    void last.then(() => this.load(id)).then(() =>
      setTimeout(() => {
        this.#waiting.delete(id);
        const state = this.entries.get(id)?.recording?.state;
        if (this.#again.delete(id)) this.#soon(id);
        else if (state === "processing") void this.load(id);
      }, PAUSE_MS),
    );
  }

  #put(id: Id, entry: Entry): void {
    this.entries = new Map(this.entries).set(id, entry);
  }
}

export const library = new Library();
