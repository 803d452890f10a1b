/** The list of people who see a channel, as rows: headings and members. Big guilds send only the rows one looks at. Pure. */
import type { WireMemberList } from "../api/wire.ts";
import { channelPermissions, compareRoles, Permission } from "../permissions.ts";
import { toCustomStatus, toMember, toStatus, type Channel, type CustomStatus, type Guild, type Id, type Member, type Status } from "./model.ts";
import { displayName } from "./world.ts";

export interface ListGroup {
  /** A hoisted role's id, or "online" or "offline". */
  id: string;
  count: number;
}
export type ListRow = { group: ListGroup } | { member: Member; status: Status; custom: CustomStatus | null };
export interface MemberList {
  groups: readonly ListGroup[];
  /** Headings and members together. */
  total: number;
  /** The rows that are known, by their place. */
  rows: ReadonlyMap<number, ListRow>;
}

export const emptyList: MemberList = { groups: [], total: 0, rows: new Map() };

/** v10's neighbourhood: rows of a range, and ranges at once. */
const ROWS = 100;
const RANGES = 3;

/** What a GUILD_MEMBER_LIST_UPDATE changes. */
export function applyList(list: MemberList, wire: WireMemberList): MemberList {
  const total = wire.groups.reduce((sum, group) => sum + group.count + 1, 0);
  const rows = new Map([...list.rows].filter(([at]) => at < total));
  for (const { range, items } of wire.ops) {
    for (let at = range[0]; at <= range[1]; at++) rows.delete(at);
    items.forEach((item, index) => {
      const row: ListRow = "group" in item ? { group: item.group } : { member: toMember(item.member), status: toStatus(item.member.presence?.status ?? "offline"), custom: item.member.presence ? toCustomStatus(item.member.presence) : null };
      rows.set(range[0] + index, row);
    });
  }
  return { groups: wire.groups, total, rows };
}

/** The ranges to ask for while the rows from `first` to `last` are on screen: those that hold them, then a neighbour. */
export function rangesFor(first: number, last: number): [number, number][] {
  const from = Math.max(0, Math.floor(first / ROWS));
  const to = Math.max(from, Math.floor(last / ROWS));
  const chunks = [];
  for (let chunk = from; chunk <= to && chunks.length < RANGES; chunk++) chunks.push(chunk);
  // The one that scrolling on would reach first.
  if (chunks.length < RANGES) chunks.push((last % ROWS) * 2 >= ROWS || from === 0 ? to + 1 : from - 1);
  return chunks.sort((a, b) => a - b).map((chunk) => [chunk * ROWS, chunk * ROWS + ROWS - 1]);
}

/** The same list out of what is known here, for a guild whose people all are. */
export function localList(guild: Guild, channel: Pick<Channel, "overwrites">, order: Intl.Collator, statusOf: (id: Id) => Status): MemberList {
  const hoisted = [...guild.roles.values()].filter((role) => role.hoist && role.id !== guild.id).sort((a, b) => compareRoles(b, a));
  const buckets = new Map<string, { member: Member; status: Status }[]>([...hoisted.map((role): [string, []] => [role.id, []]), ["online", []], ["offline", []]]);
  for (const member of guild.members.values()) {
    if ((channelPermissions(guild, channel, member.user.id) & Permission.viewChannel) === 0n) continue;
    const status = statusOf(member.user.id);
    const key = status === "offline" ? "offline" : (hoisted.find((role) => member.roles.includes(role.id))?.id ?? "online");
    buckets.get(key)?.push({ member, status });
  }
  const rows = new Map<number, ListRow>();
  const groups: ListGroup[] = [];
  for (const [id, people] of buckets) {
    if (people.length === 0) continue;
    const group = { id, count: people.length };
    groups.push(group);
    rows.set(rows.size, { group });
    people.sort((a, b) => order.compare(displayName(a.member), displayName(b.member)));
    for (const { member, status } of people) rows.set(rows.size, { member, status, custom: guild.customStatuses.get(member.user.id) ?? null });
  }
  return { groups, total: rows.size, rows };
}
