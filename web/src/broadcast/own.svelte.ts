/** The broadcast of the call that one is in: said to screen readers, answered, and, for whoever may, begun and ended. */
import { untrack } from "svelte";
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import { nameAt } from "../call/company.ts";
import { answersItself, standingIn, type Standing } from "../recording/calls.ts";
import { broadcastApi } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { broadcasts } from "./broadcasts.svelte.ts";
import type { CallBroadcast } from "./calls.ts";

/** Broadcasts of this tab's calls that one does not want to be in: a reload must not answer yes to them. */
const KEY = "voxlink.unbroadcast";
/** An answer that did not arrive is given again after this long. */
const AGAIN_MS = 3000;
/** What the server answers to whoever is not in the call, and where nothing is broadcast. */
const OUTSIDE = 40032;
const GONE = 10128;

class OwnBroadcast {
  /** What just did not work, in words. */
  problem = $state<string | null>(null);
  /** An answer is on its way. */
  answering = $state(false);
  #refused = $state.raw<ReadonlySet<Id>>(new Set(remembered()));
  /** Counts answers that got lost: each is a reason to try again. */
  #attempt = $state(0);
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

  /** Where one stands oneself in it. */
  get standing(): Standing {
    return broadcasts.mine ? standingIn(broadcasts.mine, store.world.self?.id ?? "", this.#refused) : "pending";
  }

  /** Whether the mark answers yes once it is seen. */
  get answersItself(): boolean {
    void this.#attempt;
    return call.state.phase === "connected" && broadcasts.mine !== undefined && answersItself(broadcasts.mine, store.world.self?.id ?? "", this.#refused);
  }

  /** Says whether one is in it from now on. */
  async answer(accept: boolean): Promise<void> {
    const broadcast = broadcasts.mine;
    if (!broadcast || this.answering) return;
    this.#remember(broadcast.id, !accept);
    this.answering = true;
    try {
      await broadcastApi.consent(broadcast.channelId, accept);
      announce(accept ? m.say_live_in() : m.say_live_out());
    } catch (error) {
      this.#failed(error, broadcast, accept);
    } finally {
      this.answering = false;
    }
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

  #failed(error: unknown, { id }: CallBroadcast, accept: boolean): void {
    const code = error instanceof ApiError ? error.code : 0;
    if (code === GONE) return;
    // Who just came in may be known to the call before the broadcast knows them.
    if (error instanceof ApiError && !error.passing && code !== OUTSIDE) return void (this.problem = problemText(error));
    setTimeout(() => {
      if (broadcasts.mine?.id !== id) return;
      if (accept) this.#attempt++;
      else void this.answer(false);
    }, AGAIN_MS);
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
    const asked = broadcast.policy === "ask" && this.standing === "pending" && !this.answersItself;
    announce(asked ? m.say_live_asked({ name: nameAt(broadcast.guildId, broadcast.channelId, broadcast.startedBy) }) : m.say_live_started());
  }

  #remember(id: Id, refused: boolean): void {
    const next = new Set(this.#refused);
    if (refused) next.add(id);
    else next.delete(id);
    this.#refused = next;
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...next]));
    } catch {
      // Not remembered: after a reload one is asked again.
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
