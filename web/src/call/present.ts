/** Everybody in the call that one is in, as its stage draws them. */
import type { Id, VoiceState } from "../state/model.ts";
import { list } from "../ui/format.ts";
import { m } from "../ui/messages.ts";
import type { CallState } from "../voice/types.ts";

export interface Present {
  userId: Id;
  self: boolean;
  name: string;
  speaking: boolean;
  unplayable: boolean;
  muted: boolean;
  deafened: boolean;
  camera: MediaStream | undefined;
  screen: MediaStream | undefined;
}

/** In the order in which they came, oneself last; whoever the voice states forgot but the media knows, too. */
export function present(state: CallState, seated: readonly VoiceState[], selfId: Id, nameOf: (userId: Id) => string): Present[] {
  const ids = new Set([...seated.map((seat) => seat.userId), ...state.members.keys()]);
  ids.delete(selfId);
  return [...ids, selfId].map((userId) => {
    const self = userId === selfId;
    const media = state.members.get(userId);
    const voice = seated.find((seat) => seat.userId === userId);
    return {
      userId,
      self,
      name: nameOf(userId),
      speaking: media?.speaking ?? false,
      unplayable: media?.unplayable ?? false,
      muted: self ? state.muted : (voice?.muted ?? false),
      deafened: self ? state.deafened : (voice?.deafened ?? false),
      camera: self ? state.selfCamera : media?.camera,
      screen: self ? state.selfScreen : media?.screen,
    };
  });
}

/** What goes on, in a few words. */
export function summary(people: readonly Present[]): string {
  const screens = people.filter((person) => person.screen !== undefined);
  if (screens.length === 0) return m.people({ count: people.length });
  if (screens.length === 1 && screens[0]?.self) return m.you_alone_showing();
  return m.is_showing({ count: screens.length, names: list(screens.map((person) => (person.self ? m.you_showing() : person.name))) });
}
