import { expect, test } from "vitest";
import { Permission } from "../permissions.ts";
import { aGuild, aMember, aRole } from "../state/builders.ts";
import { openParts } from "./guildParts.ts";
import { rightsOver } from "./rights.ts";

const guild = aGuild({
  id: "1",
  ownerId: "10",
  members: [aMember("10"), aMember("11", ["5"]), aMember("12"), aMember("13", ["6"])],
  roles: [
    aRole({ id: "1", permissions: Permission.viewChannel | Permission.changeNickname, position: 0 }),
    aRole({ id: "5", permissions: Permission.kickMembers | Permission.moderateMembers | Permission.manageRoles, position: 2 }),
    aRole({ id: "6", permissions: Permission.administrator, position: 1 }),
  ],
});
const over = (actor: string, target: string) => rightsOver(guild, actor, guild.members.get(target)!);

test("the owner may do everything with others, and with themselves only what is harmless", () => {
  expect(over("10", "11")).toEqual({ nick: true, roles: true, timeout: true, kick: true, ban: true, transfer: true });
  expect(over("10", "10")).toEqual({ nick: true, roles: true, timeout: false, kick: false, ban: false, transfer: false });
});

test("a keeper does what their role allows to those below, and nothing to the owner", () => {
  expect(over("11", "12")).toEqual({ nick: false, roles: true, timeout: true, kick: true, ban: false, transfer: false });
  expect(over("11", "10")).toEqual({ nick: false, roles: false, timeout: false, kick: false, ban: false, transfer: false });
});

test("who may do everything cannot be timed out, as the server has it", () => {
  expect(over("11", "13").timeout).toBe(false);
  expect(over("10", "13").timeout).toBe(false);
});

test("anybody may change their own name here, and nothing else", () => {
  expect(over("12", "12")).toEqual({ nick: true, roles: false, timeout: false, kick: false, ban: false, transfer: false });
});

test("only the parts of the settings that one may use are there", () => {
  expect(openParts(guild, "10")).toEqual(["overview", "emoji", "sounds", "roles", "members", "invites", "bans", "log", "bots", "recording"]);
  expect(openParts(guild, "11")).toEqual(["roles", "members"]);
  expect(openParts(guild, "12")).toEqual([]);
});
