import { expect, test } from "vitest";
import { canActOn, canGiveRole, canManageRole, channelPermissions, compareRoles, guildPermissions, isSynced, may, outranksRole, Permission, rolePermissionsIn, rolesInOrder } from "./permissions.ts";
import { aChannel, aGuild, aMember, aRole } from "./state/builders.ts";
import type { Overwrite } from "./state/model.ts";
import vectors from "./permissions.vectors.json";

const base = Permission.viewChannel | Permission.sendMessages;
const guild = aGuild({
  id: "1",
  ownerId: "10",
  members: [aMember("10"), aMember("11"), aMember("12", ["5"]), aMember("13", ["6"]), aMember("14", ["7"]), aMember("15", ["5", "7"])],
  roles: [
    aRole({ id: "1", name: "@everyone", permissions: base, position: 0 }),
    aRole({ id: "5", name: "mute", position: 1 }),
    aRole({ id: "6", name: "admin", permissions: Permission.administrator, position: 3 }),
    aRole({ id: "7", name: "keeper", permissions: Permission.manageRoles, position: 2 }),
  ],
});

test("the owner and an administrator may do everything", () => {
  expect(may(guildPermissions(guild, "10"), Permission.manageGuild)).toBe(true);
  expect(may(guildPermissions(guild, "13"), Permission.banMembers)).toBe(true);
});

test("everybody else has what @everyone gives", () => {
  expect(guildPermissions(guild, "11")).toBe(base);
});

test("a role's denial is stronger than @everyone's allowance, and the member's own entry stronger than both", () => {
  const channel = aChannel({
    id: "2",
    overwrites: [
      { id: "1", type: 0, allow: Permission.sendMessages, deny: 0n },
      { id: "5", type: 0, allow: 0n, deny: Permission.sendMessages },
    ],
  });
  expect(may(channelPermissions(guild, channel, "11"), Permission.sendMessages)).toBe(true);
  expect(may(channelPermissions(guild, channel, "12"), Permission.sendMessages)).toBe(false);
  expect(may(rolePermissionsIn(guild, channel, "5"), Permission.sendMessages)).toBe(false);
  const forgiven = { ...channel, overwrites: [...channel.overwrites, { id: "12", type: 1 as const, allow: Permission.sendMessages, deny: 0n }] };
  expect(may(channelPermissions(guild, forgiven, "12"), Permission.sendMessages)).toBe(true);
});

test("a channel that one may not see grants nothing", () => {
  const hidden = aChannel({ id: "3", overwrites: [{ id: "1", type: 0, allow: 0n, deny: Permission.viewChannel }] });
  expect(channelPermissions(guild, hidden, "11")).toBe(0n);
  expect(channelPermissions(guild, hidden, "10")).not.toBe(0n);
});

test("the server's own function says the same, three hundred times", () => {
  for (const it of vectors) {
    const overwrites = it.overwrites.map((entry): Overwrite => ({ id: entry.id, type: entry.type as 0 | 1, allow: BigInt(entry.allow), deny: BigInt(entry.deny) }));
    const facts = aGuild({
      id: it.guild_id,
      ownerId: it.owner_id,
      members: [{ ...aMember(it.user_id, it.member_roles), timedOutUntil: it.timed_out ? 2000 : 0 }],
      roles: it.roles.map((role) => aRole({ id: role.id, permissions: BigInt(role.permissions), position: role.position })),
    });
    expect(canActOn(facts, it.user_id, aMember(it.other_id, it.other_roles))).toBe(it.can_act_on_other);
    const below = it.roles.filter((role) => outranksRole(facts, it.user_id, role)).map((role) => role.id);
    expect(below).toEqual(it.roles_below);
    expect(String(guildPermissions(facts, it.user_id, 1000))).toBe(it.in_guild);
    const kind = it.channel_type === 2 ? ("voice" as const) : ("text" as const);
    expect(String(channelPermissions(facts, { overwrites, kind }, it.user_id, 1000))).toBe(it.in_channel);
  }
});

test("a timeout that is over takes nothing", () => {
  const late = aGuild({ id: "1", ownerId: "10", members: [{ ...aMember("11"), timedOutUntil: 1000 }], roles: [aRole({ id: "1", permissions: base, position: 0 })] });
  expect(guildPermissions(late, "11", 999)).toBe(Permission.viewChannel);
  expect(guildPermissions(late, "11", 1000)).toBe(base);
});

test("roles outrank by position, and at the same position the older one does", () => {
  expect(rolesInOrder(guild).map((role) => role.name)).toEqual(["admin", "keeper", "mute", "@everyone"]);
  expect(compareRoles({ id: "5", position: 1 }, { id: "6", position: 1 })).toBeGreaterThan(0);
});

test("one manages only roles below one's own, and only with the permission", () => {
  const [admin, keeper, mute, everyone] = rolesInOrder(guild);
  expect([admin, keeper, mute].map((role) => canManageRole(guild, "14", role!))).toEqual([false, false, true]);
  expect([admin, keeper, mute].map((role) => canManageRole(guild, "10", role!))).toEqual([true, true, true]);
  expect(canManageRole(guild, "11", mute!)).toBe(false);
  expect(canGiveRole(guild, "14", mute!)).toBe(true);
  expect(canGiveRole(guild, "10", everyone!)).toBe(false);
  expect(canGiveRole(guild, "10", { ...mute!, managed: true })).toBe(false);
});

test("one acts only on those below: never on the owner, oneself or an equal", () => {
  const on = (actor: string, target: string) => canActOn(guild, actor, guild.members.get(target)!);
  expect(on("13", "14")).toBe(true);
  expect(on("14", "15")).toBe(false);
  expect(on("14", "12")).toBe(true);
  expect(on("12", "11")).toBe(true);
  expect([on("13", "10"), on("13", "13"), on("10", "13")]).toEqual([false, false, true]);
});

test("a channel follows its category while their entries say the same, in any order", () => {
  const a: Overwrite = { id: "1", type: 0, allow: 1n, deny: 2n };
  const b: Overwrite = { id: "5", type: 0, allow: 0n, deny: 2n };
  const nothing: Overwrite = { id: "6", type: 0, allow: 0n, deny: 0n };
  expect(isSynced({ overwrites: [a, b] }, { overwrites: [b, a, nothing] })).toBe(true);
  expect(isSynced({ overwrites: [a] }, { overwrites: [a, b] })).toBe(false);
});
