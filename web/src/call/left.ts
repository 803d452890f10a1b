/** What a page knew of its call when it went away, and whether the next one goes back. */
import type { Solitude } from "../state/calls.ts";
import type { Id } from "../state/model.ts";

/** A reload takes seconds; a tab that is opened again later is another evening. */
const WITHIN_MS = 30_000;

export interface Left {
  selfId: Id;
  guildId: Id | null;
  channelId: Id;
  muted: boolean;
  deafened: boolean;
  /** How it was in it while nobody else was there. */
  alone: Solitude;
  /** The gateway session that it had. */
  sessionId: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** Whether a page that knows this much goes back into the call. `seated`: another device of ours has a seat somewhere. */
export function goesBack(left: Left, now: { selfId: Id; at: number; seated: boolean; goesOn: boolean }): boolean {
  return left.selfId === now.selfId && now.at - left.at < WITHIN_MS && !now.seated && (left.guildId !== null || now.goesOn);
}
