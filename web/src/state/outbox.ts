/**
 * One's own messages on their way. A message is drawn at once, sent in the order of writing, and sent again with the
 * same nonce until the server acknowledges it or the person gives up, so it is stored exactly once. What is not sent
 * yet survives a reload; files do not, as the browser keeps no hold of them.
 */
import { ApiError } from "../api/http.ts";
import { sentence } from "../api/errors.ts";
import type { WireNewMessage } from "../api/wire.ts";
import { m } from "../ui/messages.ts";
import { keep, kept } from "../ui/storage.ts";
import { api } from "./account.svelte.ts";
import type { Id } from "./model.ts";
import { store } from "./store.svelte.ts";
import type { Draft } from "./timeline.ts";
import { uploads } from "./uploads.svelte.ts";

/** Waits between tries; after the last one the message is shown as not sent, and tried again when the line is back. */
const WAITS_MS = [500, 1500, 4000];
const KEY = "voxlink.outbox";

/** By channel: the end of its queue. */
const queues = new Map<Id, Promise<void>>();

export interface Posting {
  content: string;
  answers?: { id: Id; ping: boolean } | undefined;
  files?: readonly string[];
}

/** Queues a message. It appears in the timeline before this returns. */
export function post(channelId: Id, { content, answers, files = [] }: Posting): void {
  const nonce = newNonce();
  store.changeTimeline(channelId, { type: "drafted", draft: { nonce, channelId, content, at: Date.now(), state: "pending", reason: null, answers, files } });
  remember();
  enqueue(channelId, nonce);
}

export function retry(channelId: Id, nonce: string): void {
  for (const key of draftOf(channelId, nonce)?.files ?? []) if (uploads.get(key)?.state === "failed") uploads.retry(key);
  store.changeTimeline(channelId, { type: "draft-retried", nonce });
  enqueue(channelId, nonce);
}

export function giveUp(channelId: Id, nonce: string): void {
  for (const key of draftOf(channelId, nonce)?.files ?? []) uploads.drop(key);
  store.changeTimeline(channelId, { type: "draft-dropped", nonce });
  remember();
}

/** Tries again what only the network stopped. */
export function retryAll(): void {
  for (const [channelId, line] of store.timelines) {
    for (const draft of line.pending) if (draft.state === "failed" && draft.reason === null) retry(channelId, draft.nonce);
  }
}

let restored = false;
store.listen((event) => {
  if (event.t !== "READY" && event.t !== "RESUMED") return;
  if (!restored) restore();
  retryAll();
});

function draftOf(channelId: Id, nonce: string): Draft | undefined {
  return store.timeline(channelId).pending.find((entry) => entry.nonce === nonce);
}

/** Keeps what waits where a reload finds it. */
function remember(): void {
  const waiting = [...store.timelines.values()].flatMap((line) => line.pending.filter((draft) => (draft.files ?? []).length === 0));
  keep(KEY, waiting.length === 0 ? null : waiting);
}

function restore(): void {
  restored = true;
  for (const draft of kept<Draft[]>(KEY) ?? []) {
    if (draftOf(draft.channelId, draft.nonce)) continue;
    store.changeTimeline(draft.channelId, { type: "drafted", draft: { ...draft, state: "pending", reason: null } });
    enqueue(draft.channelId, draft.nonce);
  }
}

function enqueue(channelId: Id, nonce: string): void {
  const before = queues.get(channelId) ?? Promise.resolve();
  queues.set(
    channelId,
    before.then(() => deliver(channelId, nonce)),
  );
}

async function deliver(channelId: Id, nonce: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const draft = draftOf(channelId, nonce);
    // Acknowledged by its event, or given up.
    if (!draft || draft.state === "failed") return remember();
    try {
      const wire = await api.send(channelId, await toWire(draft));
      store.received({ ...wire, nonce }, undefined);
      for (const key of draft.files ?? []) uploads.forget(key);
      return remember();
    } catch (error) {
      const wait = WAITS_MS[attempt];
      const passing = error instanceof LostFile ? false : !(error instanceof ApiError) || error.passing;
      if (passing && wait !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      store.changeTimeline(channelId, { type: "draft-failed", nonce, reason: passing ? null : error instanceof LostFile ? m.file_not_sent() : sentence(error) });
      return remember();
    }
  }
}

/** A file of the message did not arrive. */
class LostFile extends Error {}

async function toWire(draft: Draft): Promise<WireNewMessage> {
  const attachments: NonNullable<WireNewMessage["attachments"]> = [];
  for (const key of draft.files ?? []) {
    const upload = await uploads.settled(key);
    if (!upload?.id) throw new LostFile();
    attachments.push({ id: upload.id, filename: upload.name, ...(upload.description ? { description: upload.description } : {}), ...(upload.spoiler ? { is_spoiler: true } : {}) });
  }
  return {
    content: draft.content,
    nonce: draft.nonce,
    enforce_nonce: true,
    ...(attachments.length > 0 ? { attachments } : {}),
    ...(draft.answers
      ? {
          message_reference: { message_id: draft.answers.id, channel_id: draft.channelId, fail_if_not_exists: false as const },
          allowed_mentions: { parse: ["users", "roles", "everyone"], replied_user: draft.answers.ping },
        }
      : {}),
  };
}

/** At most 25 characters, unlike any other of this account: time, then chance. */
function newNonce(): string {
  const chance = crypto.getRandomValues(new Uint32Array(2));
  return `${Date.now().toString(36)}${(chance[0] ?? 0).toString(36)}${(chance[1] ?? 0).toString(36)}`.slice(0, 25);
}
