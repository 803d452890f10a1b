/** The order of channels: categories with what lies in them, and what a move changes. Pure. */
import type { ChannelPlace } from "../api/adminRoutes.ts";
import { compareIds, type Channel, type Guild, type Id } from "../state/model.ts";

export interface ChannelGroup {
  /** Null: what lies in no category. */
  category: Channel | null;
  rooms: Channel[];
  channels: Channel[];
}

const byPosition = (a: Channel, b: Channel) => a.position - b.position || compareIds(a.id, b.id);

/** What `shows` lets through, grouped; a category without anything in it is there only for who may fill it. */
export function groupsOf(guild: Guild, shows: (channel: Channel) => boolean, mayFill: boolean): ChannelGroup[] {
  const all = [...guild.channels.values()].sort(byPosition);
  const categories = all.filter((channel) => channel.kind === "category");
  const known = new Set(categories.map((category) => category.id));
  const parentOf = (channel: Channel) => (channel.parentId !== null && known.has(channel.parentId) ? channel.parentId : null);
  const group = (category: Channel | null): ChannelGroup => {
    const inside = all.filter((channel) => parentOf(channel) === (category?.id ?? null) && shows(channel));
    return { category, rooms: inside.filter((channel) => channel.kind === "voice"), channels: inside.filter((channel) => channel.kind === "text") };
  };
  return [group(null), ...categories.map(group).filter((entry) => mayFill || entry.rooms.length + entry.channels.length > 0)];
}

/** All channels that can be opened, in the order in which they are listed. */
export function inListOrder(groups: readonly ChannelGroup[]): Channel[] {
  return groups.flatMap((group) => [...group.rooms, ...group.channels]);
}

/** Channels of the same kind in the same category, in their order. */
export function siblingsOf(guild: Guild, kind: Channel["kind"], parentId: Id | null): Channel[] {
  return [...guild.channels.values()].filter((channel) => channel.kind === kind && channel.parentId === parentId).sort(byPosition);
}

/** What to ask of the server so that a channel stands at `index` among its new siblings (counted without itself). Only what changes. */
export function placesAfter(guild: Guild, id: Id, parentId: Id | null, index: number, takeRights = false): ChannelPlace[] {
  const moved = guild.channels.get(id);
  if (!moved) return [];
  const parent = moved.kind === "category" ? null : parentId;
  const order = siblingsOf(guild, moved.kind, parent).filter((channel) => channel.id !== id);
  order.splice(Math.max(0, Math.min(index, order.length)), 0, moved);
  return order.flatMap((channel, position): ChannelPlace[] => {
    if (channel.id === id) return [{ id, position, ...(parent === moved.parentId ? {} : { parent_id: parent, lock_permissions: takeRights }) }];
    return channel.position === position ? [] : [{ id: channel.id, position }];
  });
}
