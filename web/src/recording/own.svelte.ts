/** The recording of the call that one is in: heard, said to screen readers, answered, and, for whoever may, begun and ended. */
import { untrack } from "svelte";
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { nameAt } from "../call/company.ts";
import { recordingApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { answersItself, change, standingIn, type CallRecording, type Standing, type Told } from "./calls.ts";
import { recordings } from "./recordings.svelte.ts";

/** Recordings of this tab's calls that one does not want to be in: a reload must not answer yes to them. */
const KEY = "voxlink.unrecorded";
/** An answer that did not arrive is given again after this long. */
const AGAIN_MS = 3000;

/** What the server answers to whoever is not in the call, and where nothing is recorded. */
const OUTSIDE = 40032;
const GONE = 10127;

class Own {
  /** The recording of one's call that ended a moment ago, until it is dismissed. */
  finished = $state<Id | null>(null);
  /** What just did not work, in words. */
  problem = $state<string | null>(null);
  /** An answer is on its way. */
  answering = $state(false);
  /** A request of whoever records is on its way. */
  busy = $state(false);
  #refused = $state.raw<ReadonlySet<Id>>(new Set(remembered()));
  /** Counts answers that got lost: each is a reason to try again. */
  #attempt = $state(0);
  #wanted: { recording: CallRecording; accept: boolean } | null = null;
  #heard: { channelId: Id; recording: CallRecording | undefined } | null = null;

  constructor() {
    $effect.root(() => {
      const room = $derived(call.state.phase === "connected" ? call.state.channelId : null);
      $effect(() => {
        if (room !== null) void recordings.ask(room);
      });
      $effect(() => {
        const [{ channelId, phase }, recording] = [call.state, recordings.mine];
        untrack(() => this.#listen(channelId, phase, recording));
      });
    });
  }

  /** Where one stands oneself in it. */
  get standing(): Standing {
    return recordings.mine ? standingIn(recordings.mine, store.world.self?.id ?? "", this.#refused) : "pending";
  }

  /** Whether the mark answers yes once it is seen. */
  get answersItself(): boolean {
    void this.#attempt;
    return call.state.phase === "connected" && recordings.mine !== undefined && answersItself(recordings.mine, store.world.self?.id ?? "", this.#refused);
  }

  /** Says whether one is recorded from now on. */
  async answer(accept: boolean): Promise<void> {
    const recording = recordings.mine;
    if (!recording) return;
    this.#remember(recording.id, !accept);
    this.#wanted = { recording, accept };
    if (this.answering) return;
    this.answering = true;
    // The last answer counts, also when it is given while another one is on its way.
    while (this.#wanted !== null) {
      const { recording: asked, accept: yes } = this.#wanted;
      this.#wanted = null;
      await this.#send(asked, yes);
    }
    this.answering = false;
  }

  start(channelId: Id): Promise<void> {
    return this.#change(() => recordings.hear(channelId, recordingApi.start(channelId)));
  }

  pause({ channelId }: CallRecording, paused: boolean): Promise<void> {
    return this.#change(() => recordings.hear(channelId, recordingApi.pause(channelId, paused)));
  }

  /** Rejects when it did not end. */
  stop({ channelId }: CallRecording): Promise<void> {
    return recordingApi.stop(channelId);
  }

  async #send({ id, channelId }: CallRecording, accept: boolean): Promise<void> {
    try {
      await recordingApi.consent(channelId, accept);
      announce(accept ? m.say_rec_in() : m.say_rec_out());
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 0;
      // It is over: nothing was left to answer.
      if (code === GONE) return;
      // Who just came in may be known to the call before the recording knows them.
      if (error instanceof ApiError && !error.passing && code !== OUTSIDE) return void (this.problem = problemText(error));
      setTimeout(() => {
        if (recordings.mine?.id !== id) return;
        if (accept) this.#attempt++;
        else void this.answer(false);
      }, AGAIN_MS);
    }
  }

  async #change(work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = null;
    this.finished = null;
    try {
      await work();
    } catch (error) {
      this.problem = problemText(error);
    } finally {
      this.busy = false;
    }
  }

  /** What changed in one's own call is heard and said. */
  #listen(channelId: Id | null, phase: typeof call.state.phase, after: CallRecording | undefined): void {
    if (channelId === null || (phase !== "connected" && phase !== "reconnecting")) {
      if (phase !== "idle" && phase !== "failed") return;
      this.#heard = null;
      this.finished = null;
      this.problem = null;
      return;
    }
    const before = this.#heard?.channelId === channelId ? this.#heard.recording : undefined;
    const what = change(before, after, this.#heard?.channelId === channelId);
    this.#heard = { channelId, recording: after };
    if (what === "started") this.finished = null;
    if (what === "ended") this.finished = before?.id ?? null;
    if (what === "ended" && before?.trouble === "quota") this.problem = m.rec_quota();
    if (what === "started" || what === "ended") void import("./sounds.ts").then(({ play }) => play(what)).catch(() => {});
    if (what !== null) announce(this.#words(what, after));
  }

  #words(what: Told, recording: CallRecording | undefined): string {
    switch (what) {
      case "started":
        return recording?.policy === "ask" && this.standing === "pending" && !this.answersItself
          ? m.say_rec_asked({ name: nameAt(recording.guildId, recording.channelId, recording.startedBy) })
          : m.say_rec_started();
      case "ended":
        return m.say_rec_ended();
      case "paused":
        return m.say_rec_paused();
      case "resumed":
        return m.say_rec_resumed();
    }
  }

  #remember(id: Id, refused: boolean): void {
    const next = new Set(this.#refused);
    if (refused) next.add(id);
    else next.delete(id);
    this.#refused = next;
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...next]));
    } catch {
      // Not remembered: after a reload the server still knows it.
    }
  }
}

function remembered(): Id[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Id[];
  } catch {
    return [];
  }
}

/** Why it did not work, and what to do. */
function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return sentence(error);
  if (error.status === 507) return m.rec_error_disk();
  switch (error.code) {
    case 50013:
      return m.rec_error_right();
    case 40180:
      return m.rec_error_off();
    case OUTSIDE:
      return m.rec_error_outside();
    case GONE:
      return m.rec_error_gone();
    default:
      return sentence(error);
  }
}

export const own = new Own();
