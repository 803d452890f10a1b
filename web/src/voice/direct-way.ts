// The way between two people as the call sees it: not there until the server names somebody for the first time.

import type { DirectCall, DirectHost } from "./direct-call.ts";
import type { DirectEvent } from "./direct.ts";

export class DirectWay {
  readonly #host: DirectHost;
  #loading: Promise<DirectCall> | null = null;
  /** Null while nobody was ever talked to directly. */
  call: DirectCall | null = null;

  constructor(host: DirectHost) {
    this.#host = host;
  }

  get isUp(): boolean {
    return this.call?.isUp ?? false;
  }

  take(event: DirectEvent): void {
    const pair = event.type === "frame" && event.frame.op === "paired" ? event.frame : null;
    if (!pair && !this.#loading) return;
    this.#loading ??= import("./direct-call.ts").then(({ DirectCall }) => (this.call = new DirectCall(this.#host)));
    this.#loading.then(
      (call) => call.take(event),
      () => {
        // It could not be fetched: the server goes on carrying everything, and asks again later.
        this.#loading = null;
        if (pair) this.#host.send({ op: 29, d: { epoch: pair.epoch, state: "failed" } });
      },
    );
  }
}
