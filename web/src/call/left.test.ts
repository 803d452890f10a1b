import { expect, test } from "vitest";
import { goesBack, type Left } from "./left.ts";

const LEFT: Left = { selfId: "1", guildId: null, channelId: "5", muted: true, deafened: false, alone: null, sessionId: "s1", at: 100_000 };
const NOW = { selfId: "1", at: 103_000, seated: false, goesOn: true };

test("a reload goes back into the call that goes on", () => {
  expect(goesBack(LEFT, NOW)).toBe(true);
  expect(goesBack({ ...LEFT, guildId: "9" }, { ...NOW, goesOn: false })).toBe(true);
});

test("a tab that comes back much later, another person and another device's call stay out of it", () => {
  expect(goesBack(LEFT, { ...NOW, at: LEFT.at + 30_000 })).toBe(false);
  expect(goesBack(LEFT, { ...NOW, selfId: "2" })).toBe(false);
  expect(goesBack(LEFT, { ...NOW, seated: true })).toBe(false);
});

test("a call of a conversation that ended meanwhile is not begun anew", () => {
  expect(goesBack(LEFT, { ...NOW, goesOn: false })).toBe(false);
});
