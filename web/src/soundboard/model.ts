/** The sounds of communities, in our own words. One function says what an event changes. Pure. */
import type { WireEvent } from "../api/wire.ts";
import { compareIds, type Id } from "../state/model.ts";
import type { WireSound } from "./wire.ts";

export interface Sound {
  id: Id;
  guildId: Id;
  name: string;
  /** 0 to 1. */
  volume: number;
  /** A community's own emoji, or a Unicode one; neither for most. */
  emojiId: Id | null;
  emoji: string | null;
  /** Who made it; null for whoever is not told. */
  maker: string | null;
}
/** By community; only of those that were asked for. */
export type Boards = ReadonlyMap<Id, readonly Sound[]>;

export function toSound(wire: WireSound): Sound {
  return {
    id: wire.sound_id,
    guildId: wire.guild_id,
    name: wire.name,
    volume: wire.volume,
    emojiId: wire.emoji_id,
    emoji: wire.emoji_name,
    maker: wire.user ? wire.user.global_name || wire.user.username : null,
  };
}

export function applySounds(boards: Boards, event: WireEvent): Boards {
  switch (event.t) {
    case "GUILD_CREATE": {
      const known = boards.get(event.d.id);
      if (!known || !event.d.soundboard_sounds) return boards;
      return new Map(boards).set(event.d.id, inOrder(event.d.soundboard_sounds.map(toSound).map((sound) => withMaker(sound, known))));
    }
    case "GUILD_DELETE": {
      const rest = new Map(boards);
      return rest.delete(event.d.id) ? rest : boards;
    }
    case "GUILD_SOUNDBOARD_SOUND_CREATE":
    case "GUILD_SOUNDBOARD_SOUND_UPDATE": {
      const sound = toSound(event.d);
      return inBoard(boards, sound.guildId, (all) => [...all.filter(({ id }) => id !== sound.id), withMaker(sound, all)]);
    }
    case "GUILD_SOUNDBOARD_SOUND_DELETE":
      return inBoard(boards, event.d.guild_id, (all) => all.filter(({ id }) => id !== event.d.sound_id));
    default:
      return boards;
  }
}

/** Those whose name, or whose emoji, has this in it. */
export function found(sounds: readonly Sound[], query: string): readonly Sound[] {
  const wanted = query.trim().toLowerCase();
  return wanted === "" ? sounds : sounds.filter(({ name, emoji }) => name.toLowerCase().includes(wanted) || emoji === wanted);
}

/** The order in which they were made. */
export function inOrder(sounds: readonly Sound[]): readonly Sound[] {
  return [...sounds].sort((a, b) => compareIds(a.id, b.id));
}

function inBoard(boards: Boards, guildId: Id, change: (all: readonly Sound[]) => readonly Sound[]): Boards {
  const all = boards.get(guildId);
  return all ? new Map(boards).set(guildId, inOrder(change(all))) : boards;
}

/** Events do not say who made it; the list did. */
function withMaker(sound: Sound, all: readonly Sound[]): Sound {
  return { ...sound, maker: sound.maker ?? all.find(({ id }) => id === sound.id)?.maker ?? null };
}
