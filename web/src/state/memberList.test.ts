import { expect, test } from "vitest";
import { Permission } from "../permissions.ts";
import { aGuild, aMember, aRole } from "./builders.ts";
import { applyList, emptyList, localList, rangesFor } from "./memberList.ts";

const wireMember = (id: string, status: string) => ({ member: { user: { id, username: `user${id}` }, roles: [], presence: { status, activities: [{ type: 4, state: "at the bench" }] } } });
const update = (range: [number, number], items: object[], groups = [{ id: "online", count: 150 }, { id: "offline", count: 50 }]) => ({
  guild_id: "1",
  channel_id: "2",
  member_count: 200,
  online_count: 150,
  groups,
  ops: [{ op: "SYNC", range, items: items as never }],
});

test("rows come where their range says, and rows that are not known have their room", () => {
  const list = applyList(emptyList, update([100, 199], [wireMember("7", "idle")]));
  expect(list.total).toBe(202);
  expect(list.rows.size).toBe(1);
  expect(list.rows.get(100)).toMatchObject({ status: "idle", custom: { text: "at the bench" } });
});

test("a range told anew replaces the old one, and a shorter list forgets its end", () => {
  const before = applyList(emptyList, update([0, 99], [{ group: { id: "online", count: 150 } }, wireMember("7", "online"), wireMember("8", "online")]));
  const after = applyList(before, update([0, 99], [{ group: { id: "online", count: 1 } }, wireMember("8", "online")], [{ id: "online", count: 1 }]));
  expect(after.total).toBe(2);
  expect([...after.rows.keys()]).toEqual([0, 1]);
});

test("the ranges asked for hold what is on screen and what comes next, three at most", () => {
  expect(rangesFor(0, 20)).toEqual([[0, 99], [100, 199]]);
  expect(rangesFor(180, 220)).toEqual([[0, 99], [100, 199], [200, 299]]);
  expect(rangesFor(950, 990)).toEqual([[900, 999], [1000, 1099]]);
  expect(rangesFor(0, 900)).toHaveLength(3);
});

test("a small guild's list is made here: hoisted roles first, who does not see the channel not at all", () => {
  const guild = aGuild({
    id: "1",
    members: [aMember("10"), aMember("11", ["5"]), aMember("12", ["5"]), aMember("13", ["6"])],
    roles: [aRole({ id: "1", permissions: Permission.viewChannel, position: 0 }), aRole({ id: "5", hoist: true }), aRole({ id: "6" })],
  });
  const hidden = { overwrites: [{ id: "6", type: 0 as const, allow: 0n, deny: Permission.viewChannel }] };
  const list = localList(guild, hidden, new Intl.Collator("en"), (id) => (id === "12" ? "offline" : "online"));
  expect(list.groups).toEqual([
    { id: "5", count: 1 },
    { id: "online", count: 1 },
    { id: "offline", count: 1 },
  ]);
  expect(list.total).toBe(6);
});
