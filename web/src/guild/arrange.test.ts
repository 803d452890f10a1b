import { expect, test } from "vitest";
import { aChannel, aGuild } from "../state/builders.ts";
import { groupsOf, inListOrder, placesAfter } from "./arrange.ts";

const guild = aGuild({
  id: "1",
  channels: [
    aChannel({ id: "2", name: "tea", position: 0 }),
    aChannel({ id: "3", name: "wood", position: 1 }),
    aChannel({ id: "4", name: "Boats", kind: "category", position: 0 }),
    aChannel({ id: "5", name: "sails", parentId: "4", position: 1 }),
    aChannel({ id: "6", name: "hulls", parentId: "4", position: 0 }),
    aChannel({ id: "7", name: "pier", kind: "voice", parentId: "4", position: 0 }),
    aChannel({ id: "8", name: "Empty", kind: "category", position: 1 }),
    aChannel({ id: "9", name: "lost", parentId: "404", position: 2 }),
  ],
});
const names = (mayFill: boolean) => groupsOf(guild, () => true, mayFill).map((group) => [group.category?.name ?? "", ...group.rooms.map((c) => c.name), ...group.channels.map((c) => c.name)].join(" "));

test("channels lie in their categories, rooms before what is read; what has lost its category lies in none", () => {
  expect(names(false)).toEqual([" tea wood lost", "Boats pier hulls sails"]);
  expect(names(true)).toEqual([" tea wood lost", "Boats pier hulls sails", "Empty"]);
  expect(inListOrder(groupsOf(guild, () => true, false)).map((c) => c.name)).toEqual(["tea", "wood", "lost", "pier", "hulls", "sails"]);
});

test("a category whose channels one may not see is not there", () => {
  expect(groupsOf(guild, (channel) => channel.parentId !== "4", false).map((group) => group.category?.name)).toEqual([undefined]);
});

test("a move among siblings numbers only those whose place changes", () => {
  expect(placesAfter(guild, "3", null, 0)).toEqual([
    { id: "3", position: 0 },
    { id: "2", position: 1 },
  ]);
});

test("a move into a category says so, and whose rights it takes", () => {
  expect(placesAfter(guild, "2", "4", 1, true)).toEqual([
    { id: "2", position: 1, parent_id: "4", lock_permissions: true },
    { id: "5", position: 2 },
  ]);
  expect(placesAfter(guild, "6", null, 99)).toEqual([{ id: "6", position: 2, parent_id: null, lock_permissions: false }]);
});

test("categories move among categories and never into one", () => {
  expect(placesAfter(guild, "8", "4", 0)).toEqual([
    { id: "8", position: 0 },
    { id: "4", position: 1 },
  ]);
});
