/** The recording of the call that one is in: heard, said to screen readers, answered, and, for whoever may, begun and ended. */
import { untrack } from "svelte";
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { nameAt } from "../call/company.ts";
import { recordingApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { Answers, OUTSIDE } from "./answers.svelte.ts";
import { change, type CallRecording, type Told } from "./calls.ts";
import { recordings } from "./recordings.svelte.ts";

/** What the server answers where nothing is recorded. */
const GONE = 10127;

class Own {
  /** The recording of one's call that ended a moment ago, until it is dismissed. */
  finished = $state<Id | null>(null);
  /** What just did not work, in words. */
  problem = $state<string | null>(null);
  /** A request of whoever records is on its way. */
  busy = $state(false);
  readonly answers = new Answers({
    key: "voxlink.unrecorded",
    gone: GONE,
    mine: () => recordings.mine,
    send: ({ channelId }, accept) => recordingApi.consent(channelId, accept),
    sent: (accept) => announce(accept ? m.say_rec_in() : m.say_rec_out()),
    failed: (error) => (this.problem = problemText(error)),
  });
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
        return recording && this.answers.asks
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
