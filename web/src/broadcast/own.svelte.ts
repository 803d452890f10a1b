/** The broadcast of the call that one is in: said to screen readers, answered, and, for whoever may, begun and ended. */
import { untrack } from "svelte";
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { nameAt } from "../call/company.ts";
import { Answers, OUTSIDE } from "../recording/answers.svelte.ts";
import { broadcastApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { broadcasts } from "./broadcasts.svelte.ts";
import type { CallBroadcast } from "./calls.ts";

/** What the server answers where nothing is broadcast. */
const GONE = 10128;

class OwnBroadcast {
  /** What just did not work, in words. */
  problem = $state<string | null>(null);
  readonly answers = new Answers({
    key: "voxlink.unbroadcast",
    gone: GONE,
    mine: () => broadcasts.mine,
    send: ({ channelId }, accept) => broadcastApi.consent(channelId, accept),
    sent: (accept) => announce(accept ? m.say_live_in() : m.say_live_out()),
    failed: (error) => (this.problem = problemText(error)),
  });
  #heard: { channelId: Id; id: Id | undefined } | null = null;

  constructor() {
    $effect.root(() => {
      const room = $derived(call.state.phase === "connected" && call.state.guildId !== null ? call.state.channelId : null);
      $effect(() => {
        if (room !== null) void broadcasts.ask(room);
      });
      $effect(() => {
        const [here, broadcast] = [room, broadcasts.mine];
        untrack(() => this.#listen(here, broadcast));
      });
    });
  }

  async start(channelId: Id): Promise<void> {
    this.problem = null;
    try {
      await broadcasts.hear(channelId, broadcastApi.start(channelId));
    } catch (error) {
      this.problem = problemText(error);
    }
  }

  /** Rejects when it did not end. */
  stop({ channelId }: CallBroadcast): Promise<void> {
    return broadcastApi.stop(channelId);
  }

  /** What changed in one's own call is said; the sounds are those of recordings, since it is the same that one should know. */
  #listen(channelId: Id | null, broadcast: CallBroadcast | undefined): void {
    if (channelId === null) {
      if (!call.active) this.#heard = null;
      return;
    }
    const before = this.#heard?.channelId === channelId ? this.#heard.id : undefined;
    this.#heard = { channelId, id: broadcast?.id };
    if (before === broadcast?.id) return;
    const what = broadcast ? "started" : "ended";
    void import("../recording/sounds.ts").then(({ play }) => play(what)).catch(() => {});
    if (!broadcast) return announce(m.say_live_ended());
    announce(this.answers.asks ? m.say_live_asked({ name: nameAt(broadcast.guildId, broadcast.channelId, broadcast.startedBy) }) : m.say_live_started());
  }

}

/** Why it did not work, and what to do. */
function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return sentence(error);
  switch (error.code) {
    case 50013:
      return m.live_error_right();
    case 40180:
      return m.live_error_off();
    case 150_011:
      return m.live_error_many();
    case OUTSIDE:
      return m.live_error_outside();
    case GONE:
      return m.live_error_gone();
    default:
      return sentence(error);
  }
}

export const ownBroadcast = new OwnBroadcast();
