// Who is in the call and what can be seen of them, keyed by person: slots, connections and restarts do not show.

import type { Slot } from "./frames.ts";
import type { Session } from "./session.ts";
import type { CallMember } from "./types.ts";

export interface Self {
  userId: string;
  /** Whether our own media is in the call. */
  here: boolean;
  speaking: boolean;
}

/** The members now; one that has not changed stays the same object, so that nothing of theirs is drawn anew. */
export function members(
  session: Session,
  self: Self,
  streamOf: (slot: Slot) => MediaStream | undefined,
  before: ReadonlyMap<string, CallMember>,
): ReadonlyMap<string, CallMember> {
  const now = new Map<string, CallMember>();
  const member = (userId: string): CallMember => {
    const known = now.get(userId) ?? { userId, speaking: session.speaking.has(userId), screenHasSound: false, unplayable: false };
    now.set(userId, known);
    return known;
  };
  for (const userId of session.present) member(userId);
  for (const slot of session.slots) {
    if (slot.userId === null || slot.userId === self.userId) continue;
    const their = member(slot.userId);
    if (slot.source === "screen_audio") their.screenHasSound = true;
    if (slot.source !== "camera" && slot.source !== "screen") continue;
    their.unplayable ||= !slot.playable;
    const stream = slot.playable ? streamOf(slot) : undefined;
    if (stream) their[slot.source] = stream;
  }
  if (self.here) now.set(self.userId, { userId: self.userId, speaking: self.speaking, screenHasSound: false, unplayable: false });
  else now.delete(self.userId);
  for (const [userId, their] of now) {
    const old = before.get(userId);
    if (old && same(old, their)) now.set(userId, old);
  }
  return now.size === before.size && [...now].every(([userId, their]) => before.get(userId) === their) ? before : now;
}

function same(a: CallMember, b: CallMember): boolean {
  return a.speaking === b.speaking && a.camera === b.camera && a.screen === b.screen && a.screenHasSound === b.screenHasSound && a.unplayable === b.unplayable;
}
