/**
 * Recordings of calls that go on: which call is recorded, and where one stands in it. One function says what an event
 * changes. No clock, no network.
 */
import type { WireEvent } from "../api/wire.ts";
import type { Id } from "../state/model.ts";
import type { WireCallRecording } from "./wire.ts";

export type Trouble = "slow-disk" | "full-disk" | "quota";

export interface CallRecording {
  id: Id;
  channelId: Id;
  guildId: Id | null;
  policy: "announce" | "ask";
  startedBy: Id;
  /** Milliseconds since 1970. */
  startedAt: number;
  pausedMs: number;
  /** Milliseconds that are kept, while it is paused; null while it runs. */
  pausedAtMs: number | null;
  kept: ReadonlySet<Id>;
  declined: ReadonlySet<Id>;
  trouble: Trouble | null;
}
/** By channel. */
export type CallRecordings = ReadonlyMap<Id, CallRecording>;

export const noRecordings: CallRecordings = new Map();

/** `now`: when it was said, milliseconds since 1970. */
export function toCallRecording(wire: WireCallRecording, now: number): CallRecording {
  const startedAt = Date.parse(wire.started_at);
  return {
    id: wire.id,
    channelId: wire.channel_id,
    guildId: wire.guild_id,
    // Under "off" nothing is recorded; a rule that we do not know asks.
    policy: wire.policy === "announce" ? "announce" : "ask",
    startedBy: wire.started_by,
    startedAt,
    pausedMs: wire.paused_ms,
    pausedAtMs: wire.state === "paused" ? Math.max(0, now - startedAt - wire.paused_ms) : null,
    kept: new Set(wire.kept),
    declined: new Set(wire.declined ?? []),
    trouble: wire.trouble === "slow_disk" ? "slow-disk" : wire.trouble === "full_disk" ? "full-disk" : wire.trouble === "quota" ? "quota" : null,
  };
}

export function applyRecordings(recordings: CallRecordings, event: WireEvent, now: number): CallRecordings {
  switch (event.t) {
    case "CALL_RECORDING_UPDATE":
      return event.d.state === "ended" ? ended(recordings, event.d.channel_id, event.d.id) : told(recordings, event.d, now);
    case "CHANNEL_DELETE":
      return ended(recordings, event.d.id);
    case "GUILD_DELETE":
      return event.d.unavailable ? recordings : new Map([...recordings].filter(([, recording]) => recording.guildId !== event.d.id));
    default:
      return recordings;
  }
}

/** What the server says of the recording of a call. */
export function told(recordings: CallRecordings, wire: WireCallRecording, now: number): CallRecordings {
  const before = recordings.get(wire.channel_id);
  const next = toCallRecording(wire, now);
  // A pause that goes on does not make it longer, however often something else about it is said.
  const stands = before?.id === next.id && before.pausedAtMs !== null && next.pausedAtMs !== null;
  return new Map(recordings).set(next.channelId, stands ? { ...next, pausedAtMs: before.pausedAtMs } : next);
}

/** Nothing goes on there any more. With an id: unless it is another one by now. */
export function ended<T extends { id: Id }>(calls: ReadonlyMap<Id, T>, channelId: Id, id?: Id): ReadonlyMap<Id, T> {
  const before = calls.get(channelId);
  if (!before || (id !== undefined && before.id !== id)) return calls;
  const next = new Map(calls);
  next.delete(channelId);
  return next;
}

// What is asked of them

/** How much is recorded so far, in milliseconds. */
export function lengthOf({ pausedAtMs, startedAt, pausedMs }: CallRecording, now: number): number {
  return pausedAtMs ?? Math.max(0, now - startedAt - pausedMs);
}

/** `pending`: this person has not answered. */
export type Standing = "kept" | "declined" | "pending";

/** What is asked of a person is the same for recordings and broadcasts. */
export type Asking = Pick<CallRecording, "id" | "kept" | "declined" | "policy" | "startedBy">;

/** What the server keeps is the truth. `refused`: recordings that this page answered no to, which a server may not say. */
export function standingIn({ id, kept, declined }: Asking, userId: Id, refused: ReadonlySet<Id>): Standing {
  if (kept.has(userId)) return "kept";
  return refused.has(id) || declined.has(userId) ? "declined" : "pending";
}

/**
 * Whether the client answers yes by itself once the mark is on screen. Under `ask` only for whoever pressed Record: that
 * was their answer.
 */
export function answersItself(recording: Asking, userId: Id, refused: ReadonlySet<Id>): boolean {
  return standingIn(recording, userId, refused) === "pending" && (recording.policy === "announce" || recording.startedBy === userId);
}

/** What a change in the call that one is in is worth telling. */
export type Told = "started" | "ended" | "paused" | "resumed";

/** `here`: both are of the same call, and one was in it before and is now. */
export function change(before: CallRecording | undefined, after: CallRecording | undefined, here: boolean): Told | null {
  if (after && before?.id !== after.id) return "started";
  if (!after) return before && here ? "ended" : null;
  const [was, is] = [before?.pausedAtMs !== null, after.pausedAtMs !== null];
  return was === is ? null : is ? "paused" : "resumed";
}
