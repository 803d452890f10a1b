/** What one can do with somebody, wherever their name stands. */
import { sentence } from "../api/errors.ts";
import { openDirect } from "../direct/open.ts";
import { adminApi } from "../state/account.svelte.ts";
import type { Id, User } from "../state/model.ts";
import { people } from "../state/people.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";

/** Opens the conversation with somebody; throws what the server says when there can be none. */
export async function writeTo(userId: Id): Promise<void> {
  await openDirect([userId]);
}

/** Accepts a request, or asks. */
export async function befriend(user: User): Promise<void> {
  const wire = await adminApi.befriend(user.id);
  if (wire) people.relationshipIs(wire);
  announce(people.relationTo(user.id) === "friend" ? m.pp_accepted({ name: user.name }) : m.pp_asked({ name: user.name }));
}

/** Declines, takes back, unblocks, or ends a friendship. */
export async function endRelation(userId: Id): Promise<void> {
  await adminApi.endRelationship(userId);
  people.relationshipEnded(userId);
}

/** For buttons that have no place for a sentence: the failure is said aloud and shown by `tell`. */
export async function attempt(task: () => Promise<unknown>, tell: (problem: string | null) => void): Promise<void> {
  tell(null);
  try {
    await task();
  } catch (error) {
    const text = sentence(error);
    tell(text);
    announce(text);
  }
}
