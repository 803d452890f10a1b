import { expect, test } from "vitest";
import { channelPermissions, guildPermissions, may, Permission } from "./permissions.ts";
import { aChannel, aGuild, aMember } from "./state/builders.ts";

const base = Permission.viewChannel | Permission.sendMessages;
const guild = aGuild({
  id: "1",
  ownerId: "10",
  members: [aMember("10"), aMember("11"), aMember("12", ["5"]), aMember("13", ["6"])],
  roles: [
    { id: "1", name: "@everyone", permissions: base, position: 0 },
    { id: "5", name: "mute", permissions: 0n, position: 1 },
    { id: "6", name: "admin", permissions: Permission.administrator, position: 2 },
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
  const forgiven = { ...channel, overwrites: [...channel.overwrites, { id: "12", type: 1 as const, allow: Permission.sendMessages, deny: 0n }] };
  expect(may(channelPermissions(guild, forgiven, "12"), Permission.sendMessages)).toBe(true);
});

test("a channel that one may not see grants nothing", () => {
  const hidden = aChannel({ id: "3", overwrites: [{ id: "1", type: 0, allow: 0n, deny: Permission.viewChannel }] });
  expect(channelPermissions(guild, hidden, "11")).toBe(0n);
  expect(channelPermissions(guild, hidden, "10")).not.toBe(0n);
});
