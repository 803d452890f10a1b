/** What one answers to being recorded or broadcast: remembered in this tab, sent, and sent again when it got lost. */
import { ApiError } from "../api/http.ts";
import { call } from "../call/call.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { answersItself, standingIn, type Asking, type Standing } from "./calls.ts";

/** An answer that did not arrive is given again after this long. */
const AGAIN_MS = 3000;
/** What the server answers to whoever is not in the call. */
export const OUTSIDE = 40032;

/** What is asked of one: it goes on in one's own call. */
export interface Asked extends Asking {
  channelId: Id;
}
interface Questions<T extends Asked> {
  /** Where this tab remembers what one does not want to be in: a reload must not answer yes to it. */
  key: string;
  /** The server's answer where nothing goes on. */
  gone: number;
  mine(): T | undefined;
  send(asked: T, accept: boolean): Promise<void>;
  sent(accept: boolean): void;
  failed(error: ApiError): void;
}

export class Answers<T extends Asked> {
  /** An answer is on its way. */
  answering = $state(false);
  readonly #questions: Questions<T>;
  #refused = $state.raw<ReadonlySet<Id>>(new Set());
  /** Counts answers that got lost: each is a reason to try again. */
  #attempt = $state(0);
  #wanted: { asked: T; accept: boolean } | null = null;

  constructor(questions: Questions<T>) {
    this.#questions = questions;
    this.#refused = new Set(remembered(questions.key));
  }

  /** Where one stands oneself in it. */
  get standing(): Standing {
    const asked = this.#questions.mine();
    return asked ? standingIn(asked, store.world.self?.id ?? "", this.#refused) : "pending";
  }

  /** Whether the mark answers yes once it is seen. */
  get answersItself(): boolean {
    void this.#attempt;
    const asked = this.#questions.mine();
    return call.state.phase === "connected" && asked !== undefined && answersItself(asked, store.world.self?.id ?? "", this.#refused);
  }

  /** It waits for one's answer, yes or no. */
  get asks(): boolean {
    return this.#questions.mine()?.policy === "ask" && this.standing === "pending" && !this.answersItself;
  }

  /** Says whether one is in it from now on. */
  async answer(accept: boolean): Promise<void> {
    const asked = this.#questions.mine();
    if (!asked) return;
    this.#remember(asked.id, !accept);
    this.#wanted = { asked, accept };
    if (this.answering) return;
    this.answering = true;
    // The last answer counts, also when it is given while another one is on its way.
    while (this.#wanted !== null) {
      const { asked: what, accept: yes } = this.#wanted;
      this.#wanted = null;
      await this.#send(what, yes);
    }
    this.answering = false;
  }

  async #send(asked: T, accept: boolean): Promise<void> {
    try {
      await this.#questions.send(asked, accept);
      this.#questions.sent(accept);
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 0;
      // It is over: nothing was left to answer.
      if (code === this.#questions.gone) return;
      // Who just came in may be known to the call before the server's listener knows them.
      if (error instanceof ApiError && !error.passing && code !== OUTSIDE) return this.#questions.failed(error);
      setTimeout(() => {
        if (this.#questions.mine()?.id !== asked.id) return;
        if (accept) this.#attempt++;
        else void this.answer(false);
      }, AGAIN_MS);
    }
  }

  #remember(id: Id, refused: boolean): void {
    const next = new Set(this.#refused);
    if (refused) next.add(id);
    else next.delete(id);
    this.#refused = next;
    try {
      sessionStorage.setItem(this.#questions.key, JSON.stringify([...next]));
    } catch {
      // Not remembered: after a reload one is asked again.
    }
  }
}

function remembered(key: string): Id[] {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "[]") as Id[];
  } catch {
    return [];
  }
}
