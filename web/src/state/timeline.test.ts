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
  const line = after(latest("9"), { type: "created", message: aMessage("10") }, { type: "created", message: aMessage("10") }, { type: "older", run: 1, messages: [aMessage("9"), aMessage("8")], complete: true });
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
  const half = applyTimeline(lost, { type: "gap-page", run: 1, messages: [aMessage("11"), aMessage("10")], complete: false });
  expect(half.gapAfter).toBe("11");
  const whole = applyTimeline(half, { type: "gap-page", run: 1, messages: [aMessage("20"), aMessage("12")], complete: true });
  expect(ids(whole)).toEqual(["9", "10", "11", "12", "20"]);
  expect(whole.gapAfter).toBeNull();
});

test("losing the session twice keeps the older edge of the hole", () => {
  const line = after(latest("9"), { type: "gap" }, { type: "created", message: aMessage("20") }, { type: "gap" });
  expect(line.gapAfter).toBe("9");
});

test("an edit keeps the place and marks the message, a deletion removes it", () => {
  const line = after(latest("9", "10"), { type: "updated", id: "9", wire: { content: "new", edited_timestamp: "2026-11-21T19:00:00Z" } }, { type: "deleted", ids: ["10"] });
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

test("after a jump what comes waits behind the hole, and joins when the pages reach the end", () => {
  const around: TimelineEvent = { type: "around", messages: [aMessage("8"), aMessage("9")], start: false, end: false };
  const away = after(latest("99"), around, { type: "created", message: aMessage("100") });
  expect(ids(away)).toEqual(["8", "9"]);
  const half = applyTimeline(away, { type: "newer", run: 2, messages: [aMessage("50")], complete: false });
  const whole = applyTimeline(half, { type: "newer", run: 2, messages: [aMessage("99")], complete: true });
  expect(ids(whole)).toEqual(["8", "9", "50", "99", "100"]);
  expect(whole.reachedEnd).toBe(true);
  expect(ids(applyTimeline(away, latest("100")))).toEqual(["100"]);
});

test("a page that was asked for before the jump leaves no hole after it", () => {
  const line = after(latest("99"), { type: "around", messages: [aMessage("8"), aMessage("9")], start: false, end: false });
  for (const type of ["older", "newer", "gap-page"] as const) {
    expect(ids(applyTimeline(line, { type, run: 1, messages: [aMessage("50")], complete: true }))).toEqual(["8", "9"]);
  }
});

test("a session lost away from the end leaves no hole to fill, but what came in between is asked for", () => {
  const around: TimelineEvent = { type: "around", messages: [aMessage("9")], start: true, end: false };
  const line = after(around, { type: "created", message: aMessage("100") }, { type: "gap" });
  expect(line).toMatchObject({ gapAfter: null, tail: [], reachedEnd: false });
});

test("one's own reaction counts once, whether it is drawn before the server says so or not", () => {
  const emoji = { id: null, name: "🔧", animated: false };
  const put: TimelineEvent = { type: "reacted", id: "9", emoji, self: true, added: true };
  const line = after(latest("9"), put, put, { ...put, self: false });
  expect(line.messages[0]!.reactions).toEqual([{ emoji, count: 2, me: true }]);
  const back = [{ ...put, added: false }, { ...put, added: false }].reduce(applyTimeline, line);
  expect(back.messages[0]!.reactions).toEqual([{ emoji, count: 1, me: false }]);
  expect(applyTimeline(back, { type: "reactions-cleared", id: "9", emoji }).messages[0]!.reactions).toEqual([]);
});

test("an answer follows the message it answers: its edits, and its end", () => {
  const first = aMessage("9");
  const answer = aMessage("10", { answers: { id: "9", channelId: "2", message: first } });
  const line = after({ type: "latest", messages: [first, answer], complete: true }, { type: "updated", id: "9", wire: { content: "new" } });
  expect(line.messages[1]!.answers!.message!.content).toBe("new");
  expect(applyTimeline(line, { type: "deleted", ids: ["9"] }).messages[0]!.answers!.message).toBeNull();
});
