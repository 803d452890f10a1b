import { expect, test } from "vitest";
import { newSession, step, type Effect, type Input, type Session } from "./session.ts";

/** Plays inputs on a session; gives the last state and every effect of the last input. */
function play(...inputs: Input[]): [Session, Effect[]] {
  let session = newSession("token");
  let effects: Effect[] = [];
  for (const input of inputs) [session, effects] = step(session, input, () => 1);
  return [session, effects];
}
const hello: Input = { type: "frame", frame: { op: 10, d: { heartbeat_interval: 41_250 } } };
const ready: Input = { type: "frame", frame: { op: 0, t: "READY", s: 1, d: { session_id: "abc" } } };
const started: Input[] = [{ type: "start" }, { type: "opened" }, hello];
const sent = (effects: Effect[]) => effects.flatMap((effect) => (effect.type === "send" ? [effect.frame] : []));

test("hello is answered by identify and starts the heartbeat", () => {
  const [, effects] = play(...started);
  expect(sent(effects)).toMatchObject([{ op: 2, d: { token: "token" } }]);
  expect(effects[0]).toEqual({ type: "heartbeat", firstMs: 41_250, everyMs: 41_250 });
});

test("a lost socket comes back with resume and the last sequence number", () => {
  const message: Input = { type: "frame", frame: { op: 0, t: "MESSAGE_CREATE", s: 7, d: {} } };
  const [, effects] = play(...started, ready, message, { type: "closed", code: 1006 }, { type: "retry" }, { type: "opened" }, hello);
  expect(sent(effects)).toMatchObject([{ op: 6, d: { session_id: "abc", seq: 7 } }]);
});

test("a refused resume identifies anew on the same socket", () => {
  const [session, effects] = play(...started, ready, { type: "closed", code: 1006 }, { type: "retry" }, { type: "opened" }, hello, { type: "frame", frame: { op: 9, d: false } });
  expect(session.sessionId).toBeNull();
  expect(sent(effects)).toMatchObject([{ op: 2 }]);
});

test("waits grow, and start over once a session is ready", () => {
  let session = newSession("token");
  const waits: number[] = [];
  const feed = (input: Input) => {
    const [next, effects] = step(session, input, () => 1);
    session = next;
    for (const effect of effects) if (effect.type === "wait") waits.push(effect.ms);
  };
  feed({ type: "start" });
  for (let i = 0; i < 7; i++) {
    feed({ type: "closed", code: 1006 });
    feed({ type: "retry" });
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000]);
  feed({ type: "opened" });
  feed(ready);
  feed({ type: "closed", code: 1006 });
  expect(waits.at(-1)).toBe(500);
});

test("a heartbeat that was not answered means the line is dead", () => {
  const [, first] = play(...started, ready, { type: "beat" });
  expect(sent(first)).toEqual([{ op: 1, d: 1 }]);
  const [session, second] = play(...started, ready, { type: "beat" }, { type: "beat" });
  expect(second.map((effect) => effect.type)).toEqual(["close", "wait"]);
  expect(session.sessionId).toBe("abc");
});

test("an answered heartbeat keeps the line", () => {
  const [session] = play(...started, ready, { type: "beat" }, { type: "frame", frame: { op: 11 } }, { type: "beat" });
  expect(session.phase).toBe("ready");
});

test("a token that is no longer good signs out and never comes back by itself", () => {
  const [session, effects] = play(...started, { type: "closed", code: 4004 });
  expect(effects).toEqual([{ type: "signed-out" }]);
  expect(step(session, { type: "retry" }, Math.random)[1]).toEqual([]);
});

test("a server that drains asks us to come back, and we resume", () => {
  const [session, effects] = play(...started, ready, { type: "frame", frame: { op: 7 } });
  expect(effects.map((effect) => effect.type)).toEqual(["close", "wait"]);
  expect(session.sessionId).toBe("abc");
});

test("the server may ask for a heartbeat", () => {
  const [, effects] = play(...started, ready, { type: "frame", frame: { op: 1 } });
  expect(sent(effects)).toEqual([{ op: 1, d: 1 }]);
});
