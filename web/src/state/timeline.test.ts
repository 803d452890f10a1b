import { expect, test } from "vitest";
import { aMessage } from "./builders.ts";
import { applyTimeline, emptyTimeline, trimmed, type Draft, type Timeline, type TimelineEvent } from "./timeline.ts";

function after(...events: TimelineEvent[]): Timeline {
  return events.reduce(applyTimeline, emptyTimeline);
}
const ids = (line: Timeline) => line.messages.map((message) => message.id);
const draft = (nonce: string): Draft => ({ nonce, channelId: "2", content: "hi", at: 0, state: "pending", reason: null });
const latest = (...list: string[]): TimelineEvent => ({ type: "latest", messages: list.map((id) => aMessage(id)), complete: false });

test("the newest page comes newest first and is kept oldest first", () => {
  expect(ids(after(latest("12", "11", "9")))).toEqual(["9", "11", "12"]);
});

test("a message that comes both as an event and in a page is there once", () => {
  const line = after(latest("9"), { type: "created", message: aMessage("10") }, { type: "created", message: aMessage("10") }, { type: "older", messages: [aMessage("9"), aMessage("8")], complete: true });
  expect(ids(line)).toEqual(["8", "9", "10"]);
  expect(line.reachedStart).toBe(true);
});

test("ids are compared as numbers, not as text", () => {
  expect(ids(after(latest("999", "1000")))).toEqual(["999", "1000"]);
});

test("the author's own message replaces the draft with its nonce, whichever way it comes back first", () => {
  const sent = { type: "created", message: aMessage("10", { nonce: "n1" }) } as const;
  const line = after(latest("9"), { type: "drafted", draft: draft("n1") }, { type: "drafted", draft: draft("n2") }, sent, sent);
  expect(ids(line)).toEqual(["9", "10"]);
  expect(line.pending.map((d) => d.nonce)).toEqual(["n2"]);
});

test("a draft fails, is tried again with its nonce, and can be given up", () => {
  const failed = after({ type: "drafted", draft: draft("n1") }, { type: "draft-failed", nonce: "n1", reason: null });
  expect(failed.pending[0]).toMatchObject({ nonce: "n1", state: "failed" });
  const again = applyTimeline(failed, { type: "draft-retried", nonce: "n1" });
  expect(again.pending[0]).toMatchObject({ nonce: "n1", state: "pending" });
  expect(applyTimeline(again, { type: "draft-dropped", nonce: "n1" }).pending).toEqual([]);
});

test("after a lost session the hole is filled from the last id before it, page by page, while new messages come", () => {
  const lost = after(latest("9"), { type: "gap" }, { type: "created", message: aMessage("20") });
  expect(lost.gapAfter).toBe("9");
  const half = applyTimeline(lost, { type: "gap-page", messages: [aMessage("11"), aMessage("10")], complete: false });
  expect(half.gapAfter).toBe("11");
  const whole = applyTimeline(half, { type: "gap-page", messages: [aMessage("20"), aMessage("12")], complete: true });
  expect(ids(whole)).toEqual(["9", "10", "11", "12", "20"]);
  expect(whole.gapAfter).toBeNull();
});

test("losing the session twice keeps the older edge of the hole", () => {
  const line = after(latest("9"), { type: "gap" }, { type: "created", message: aMessage("20") }, { type: "gap" });
  expect(line.gapAfter).toBe("9");
});

test("an edit keeps the place and marks the message, a deletion removes it", () => {
  const line = after(latest("9", "10"), { type: "updated", id: "9", content: "new", edited: true }, { type: "deleted", id: "10" });
  expect(line.messages).toMatchObject([{ id: "9", content: "new", edited: true }]);
});

test("a channel nobody opened collects nothing", () => {
  expect(ids(after({ type: "created", message: aMessage("1") }))).toEqual([]);
});

test("a channel that was left keeps its end and knows that there is more before", () => {
  const many = Array.from({ length: 500 }, (_, index) => aMessage(String(index + 1)));
  const line = trimmed(after({ type: "latest", messages: many, complete: true }));
  expect(line.messages.length).toBe(200);
  expect(line.messages.at(-1)!.id).toBe("500");
  expect(line.reachedStart).toBe(false);
});
