import { expect, test } from "vitest";
import { aMessage, aUser } from "../state/builders.ts";
import { buildRows, grewAbove } from "./rows.ts";

const noon = new Date(2026, 10, 21, 12).getTime();
const minutes = (count: number) => noon + count * 60_000;
const options = { selfId: "10", seen: null, reachedStart: true };
const shape = (rows: ReturnType<typeof buildRows>) => rows.map((row) => (row.kind === "message" || row.kind === "draft" ? `${row.kind}${row.head ? "*" : ""}` : row.kind));

test("lines of one author within seven minutes stand together", () => {
  const rows = buildRows([aMessage("1", { at: minutes(0) }), aMessage("2", { at: minutes(6) }), aMessage("3", { at: minutes(13) }), aMessage("4", { at: minutes(14), author: aUser("11") })], [], options);
  expect(shape(rows)).toEqual(["start", "day", "message*", "message", "message*", "message*"]);
});

test("a new day begins with its name", () => {
  const rows = buildRows([aMessage("1", { at: minutes(0) }), aMessage("2", { at: minutes(24 * 60) })], [], options);
  expect(shape(rows)).toEqual(["start", "day", "message*", "day", "message*"]);
});

test("the line before what is new stands before the first message of somebody else", () => {
  const messages = [aMessage("1", { at: noon }), aMessage("2", { at: noon }), aMessage("3", { at: noon, author: aUser("11") })];
  expect(shape(buildRows(messages, [], { ...options, seen: "1" }))).toEqual(["start", "day", "message*", "message", "fresh", "message*"]);
  expect(shape(buildRows(messages, [], { ...options, seen: "3" }))).not.toContain("fresh");
});

test("a hole that is being filled is seen where it is, and nowhere when nothing stands behind it", () => {
  const messages = [aMessage("1", { at: noon }), aMessage("9", { at: noon })];
  expect(shape(buildRows(messages, [], { ...options, gapAfter: "1" }))).toEqual(["start", "day", "message*", "loading", "message*"]);
  expect(shape(buildRows(messages, [], { ...options, gapAfter: "0" }))).toEqual(["start", "loading", "day", "message*", "message"]);
  expect(shape(buildRows(messages, [], { ...options, gapAfter: "9" }))).toEqual(["start", "day", "message*", "message"]);
});

test("a draft stands last, and keeps its key when the server says it back", () => {
  const draft = { nonce: "abc", channelId: "2", content: "hi", at: minutes(1), state: "pending" as const, reason: null };
  const before = buildRows([aMessage("1", { at: noon })], [draft], options);
  expect(shape(before)).toEqual(["start", "day", "message*", "draft"]);
  const after = buildRows([aMessage("1", { at: noon }), aMessage("2", { at: minutes(1), nonce: "abc" })], [], options);
  expect(after.at(-1)!.key).toBe(before.at(-1)!.key);
});

test("a page above is told from a message below", () => {
  const one = buildRows([aMessage("5")], [], options);
  expect(grewAbove(one, buildRows([aMessage("4"), aMessage("5")], [], options))).toBe(true);
  expect(grewAbove(one, buildRows([aMessage("5"), aMessage("6")], [], options))).toBe(false);
});

test("a hundred thousand messages take well under a frame's patience", () => {
  const many = Array.from({ length: 100_000 }, (_, index) => aMessage(String(index), { at: noon + index * 20_000 }));
  const start = performance.now();
  buildRows(many, [], options);
  expect(performance.now() - start).toBeLessThan(500);
});

test("an answer and what the server tells begin anew, and away from the end nothing that waits is shown", () => {
  const answers = { id: "1", channelId: "2", message: null };
  const messages = [aMessage("1", { at: noon }), aMessage("2", { at: noon, answers }), aMessage("3", { at: noon }), aMessage("4", { at: noon, kind: "join" }), aMessage("5", { at: noon })];
  expect(shape(buildRows(messages, [], options))).toEqual(["start", "day", "message*", "message*", "message", "message*", "message*"]);
  const draft = { nonce: "abc", channelId: "2", content: "hi", at: minutes(1), state: "pending" as const, reason: null };
  expect(shape(buildRows([aMessage("1", { at: noon })], [draft], { ...options, reachedEnd: false }))).toEqual(["start", "day", "message*", "loading"]);
});
