import { expect, test } from "vitest";
import type { WireEvent } from "../api/wire.ts";
import { applySounds, found, type Boards, toSound } from "./model.ts";
import type { WireSound } from "./wire.ts";

const wire = (id: string, name: string): WireSound => ({ sound_id: id, name, volume: 1, emoji_id: null, emoji_name: "📯", guild_id: "1", available: true });
const made = { ...wire("9", "Horn"), user: { id: "5", username: "anna" } };
const boards: Boards = new Map([["1", [toSound(made)]]]);
const names = (all: Boards) => (all.get("1") ?? []).map(({ name }) => name);
const event = (t: string, d: unknown) => ({ t, d }) as WireEvent;

test("sounds come in the order in which they were made, change and go", () => {
  const two = applySounds(boards, event("GUILD_SOUNDBOARD_SOUND_CREATE", wire("10", "Bell")));
  expect(names(two)).toEqual(["Horn", "Bell"]);
  const renamed = applySounds(two, event("GUILD_SOUNDBOARD_SOUND_UPDATE", wire("9", "Fog horn")));
  expect(names(renamed)).toEqual(["Fog horn", "Bell"]);
  expect(renamed.get("1")?.[0]?.maker).toBe("anna");
  expect(names(applySounds(renamed, event("GUILD_SOUNDBOARD_SOUND_DELETE", { guild_id: "1", sound_id: "9" })))).toEqual(["Bell"]);
});

test("a board that nobody asked for is not kept, and one whose community is gone goes", () => {
  const elsewhere = { ...wire("11", "Drum"), guild_id: "2" };
  expect(applySounds(boards, event("GUILD_SOUNDBOARD_SOUND_CREATE", elsewhere))).toBe(boards);
  expect(applySounds(boards, event("GUILD_CREATE", { id: "1", soundboard_sounds: [wire("9", "Horn"), wire("12", "Gong")] })).get("1")).toHaveLength(2);
  expect(applySounds(boards, event("GUILD_DELETE", { id: "1" })).size).toBe(0);
});

test("sounds are found by their names and emojis", () => {
  const all = [toSound(made), { ...toSound(wire("10", "Bell")), emoji: "🔔" }];
  expect(found(all, " ho ").map(({ name }) => name)).toEqual(["Horn"]);
  expect(found(all, "🔔").map(({ name }) => name)).toEqual(["Bell"]);
  expect(found(all, "")).toHaveLength(2);
});
