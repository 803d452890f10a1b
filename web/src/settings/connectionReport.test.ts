import { expect, test } from "vitest";
import { byWay, summary, wayOf, type Way } from "../voice/probe.ts";
import { lines, worst, type Findings } from "./connectionReport.ts";

const ways = (...list: Way[]) => new Set<Way>(list);
const fine: Findings = {
  httpMs: 12,
  socketMs: 20,
  voiceMs: 21,
  offered: ways("relay-udp", "relay-tcp", "relay-tls"),
  works: ways("host", "reflexive", "relay-udp", "relay-tcp", "relay-tls"),
  loop: { sent: 50, received: 50, rttMs: 40, jitterMs: 2 },
  microphones: 1,
  cameras: 1,
};
const state = (findings: Findings, id: string) => lines(findings).find((line) => line.id === id)?.state;

test("what is not known yet is being asked", () => {
  expect(new Set(lines({}).map((line) => line.state))).toEqual(new Set(["asking"]));
  expect(worst(lines({}))).toBe("asking");
});

test("where everything works there is nothing to say", () => {
  expect(worst(lines(fine))).toBe("good");
});

test("a relay that the server has and that cannot be reached is weak, and so is one that it has not", () => {
  expect(state({ ...fine, works: ways("host", "relay-tcp") }, "relay-udp")).toBe("weak");
  const none: Findings = { ...fine, offered: ways(), works: ways("host"), loop: null };
  expect(lines(none).filter((line) => "offered" in line && line.offered)).toEqual([]);
  expect(lines(none).some((line) => line.id === "loop")).toBe(false);
  expect(worst(lines(none))).toBe("weak");
});

test("a loop is judged by what a voice needs", () => {
  const loop = { sent: 50, received: 50, rttMs: 40, jitterMs: 2 };
  expect(state({ ...fine, loop: { ...loop, received: 40 } }, "loop")).toBe("weak");
  expect(state({ ...fine, loop: { ...loop, rttMs: 400 } }, "loop")).toBe("weak");
  expect(state({ ...fine, loop: { ...loop, received: 0 } }, "loop")).toBe("bad");
  expect(state({ ...fine, loop: null }, "loop")).toBe("bad");
});

test("a socket that does not open is bad, a missing camera is not", () => {
  expect(worst(lines({ ...fine, socketMs: null }))).toBe("bad");
  expect(worst(lines({ ...fine, cameras: 0 }))).toBe("weak");
});

test("each URL of the server is a way of its own", () => {
  const servers = [{ urls: ["turn:a:1?transport=udp", "turn:a:1?transport=tcp", "turns:a:443?transport=tcp"], username: "u", credential: "c" }];
  expect([...byWay(servers)].map(([way, server]) => [way, server.urls])).toEqual([
    ["relay-udp", ["turn:a:1?transport=udp"]],
    ["relay-tcp", ["turn:a:1?transport=tcp"]],
    ["relay-tls", ["turns:a:443?transport=tcp"]],
  ]);
  expect(wayOf("stun:a:1")).toBeNull();
});

test("round trips become a median and a mean step", () => {
  expect(summary(5, [10, 12, 10, 40])).toEqual({ sent: 5, received: 4, rttMs: 12, jitterMs: 34 / 3 });
  expect(summary(5, [])).toEqual({ sent: 5, received: 0, rttMs: 0, jitterMs: 0 });
});
