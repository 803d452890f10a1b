/** One request at a time from a form: whether it runs, how it went, what to say about it. */
import { sentence } from "../api/errors.ts";
import { announce } from "./announce.svelte.ts";
import { m } from "./messages.ts";

export class Work {
  busy = $state(false);
  problem = $state<string | null>(null);
  saved = $state(false);

  /** Runs `task` unless one runs already; true when it succeeded. `explain` may know the error better than the common sentences. */
  async run(task: () => Promise<unknown>, explain: (error: unknown) => string | null = () => null): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    this.saved = false;
    try {
      await task();
      this.saved = true;
      return true;
    } catch (error) {
      this.problem = explain(error) ?? sentence(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The same, and says aloud that it is saved. */
  async save(task: () => Promise<unknown>, explain?: (error: unknown) => string | null): Promise<boolean> {
    const done = await this.run(task, explain);
    if (done) announce(m.saved());
    return done;
  }
}
