/**
 * One's own messages on their way. A message is drawn at once, sent in the order of writing, and sent again with the
 * same nonce until the server acknowledges it or the person gives up, so it is stored exactly once.
 */
import { ApiError } from "../api/http.ts";
import { sentence } from "../api/errors.ts";
import { api } from "./account.svelte.ts";
import type { Id } from "./model.ts";
import { store } from "./store.svelte.ts";

/** Waits between tries; after the last one the message is shown as not sent, and tried again when the line is back. */
const WAITS_MS = [500, 1500, 4000];

/** By channel: the end of its queue. */
const queues = new Map<Id, Promise<void>>();

/** Queues a message. It appears in the timeline before this returns. */
export function post(channelId: Id, content: string): void {
  const nonce = newNonce();
  store.changeTimeline(channelId, { type: "drafted", draft: { nonce, channelId, content, at: Date.now(), state: "pending", reason: null } });
  enqueue(channelId, nonce);
}

export function retry(channelId: Id, nonce: string): void {
  store.changeTimeline(channelId, { type: "draft-retried", nonce });
  enqueue(channelId, nonce);
}

export function giveUp(channelId: Id, nonce: string): void {
  store.changeTimeline(channelId, { type: "draft-dropped", nonce });
}

/** Tries again what only the network stopped. */
export function retryAll(): void {
  for (const [channelId, line] of store.timelines) {
    for (const draft of line.pending) if (draft.state === "failed" && draft.reason === null) retry(channelId, draft.nonce);
  }
}

store.listen((event) => {
  if (event.t === "READY" || event.t === "RESUMED") retryAll();
});

function enqueue(channelId: Id, nonce: string): void {
  const before = queues.get(channelId) ?? Promise.resolve();
  queues.set(
    channelId,
    before.then(() => deliver(channelId, nonce)),
  );
}

async function deliver(channelId: Id, nonce: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const draft = store.timeline(channelId).pending.find((entry) => entry.nonce === nonce);
    // Acknowledged by its event, or given up.
    if (!draft || draft.state === "failed") return;
    try {
      const wire = await api.send(channelId, draft.content, nonce);
      store.received({ ...wire, nonce }, undefined);
      return;
    } catch (error) {
      const wait = WAITS_MS[attempt];
      const passing = !(error instanceof ApiError) || error.passing;
      if (passing && wait !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      store.changeTimeline(channelId, { type: "draft-failed", nonce, reason: passing ? null : sentence(error) });
      return;
    }
  }
}

/** At most 25 characters, unlike any other of this account: time, then chance. */
function newNonce(): string {
  const chance = crypto.getRandomValues(new Uint32Array(2));
  return `${Date.now().toString(36)}${(chance[0] ?? 0).toString(36)}${(chance[1] ?? 0).toString(36)}`.slice(0, 25);
}
