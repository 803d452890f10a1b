import { describe, expect, test } from "vitest";
import { Cues, NOTES } from "./cues.ts";
import type { CallMember, CallState } from "./types.ts";

type State = Pick<CallState, "phase" | "muted" | "deafened" | "screen" | "members">;

const person = (userId: string, screen = false): CallMember => ({
  userId,
  speaking: false,
  screenHasSound: false,
  unplayable: false,
  ...(screen && { screen: {} as MediaStream }),
});
const people = (...all: CallMember[]) => new Map(all.map((one) => [one.userId, one]));
const ME = person("me");
const BEN = person("ben");

/** A call whose changes are listened to, ten seconds apart unless said otherwise. */
class Timeline {
  readonly #cues = new Cues();
  #nowMs = 0;
  state: State = { phase: "idle", muted: false, deafened: false, screen: false, members: new Map() };

  change(to: Partial<State>, afterMs = 10_000): string[] {
    const before = this.state;
    this.#nowMs += afterMs;
    this.state = { ...before, ...to };
    return this.#cues.change(before, this.state, "me", this.#nowMs);
  }

  enter(...others: CallMember[]): this {
    this.change({ phase: "connected", members: people(ME, ...others) });
    return this;
  }
}

describe("the sounds of a call", () => {
  test("coming and going, one's own and the others'", () => {
    const call = new Timeline();
    expect(call.change({ phase: "joining" })).toEqual([]);
    expect(call.change({ phase: "connected", members: people(ME) })).toEqual(["join"]);
    expect(call.change({ members: people(ME, BEN) })).toEqual(["join"]);
    expect(call.change({ members: people(ME) })).toEqual(["leave"]);
    expect(call.change({ phase: "idle", members: new Map() })).toEqual(["leave"]);
  });

  test("those who are there already do not come, not after a reconnection either", () => {
    const call = new Timeline().enter();
    expect(call.change({ members: people(ME, BEN) }, 100)).toEqual([]);
    expect(call.change({ phase: "reconnecting", members: new Map() })).toEqual([]);
    expect(call.change({ phase: "connected" })).toEqual([]);
    expect(call.change({ members: people(ME, BEN) }, 100)).toEqual([]);
  });

  test("a crowd is heard once", () => {
    const call = new Timeline().enter();
    expect(call.change({ members: people(ME, BEN) })).toEqual(["join"]);
    expect(call.change({ members: people(ME, BEN, person("clara")) }, 200)).toEqual([]);
    expect(call.change({ members: people(ME, BEN, person("clara"), person("dora")) })).toEqual(["join"]);
  });

  test("what one does is always answered, and once", () => {
    const call = new Timeline().enter();
    expect(call.change({ muted: true }, 10)).toEqual(["mute"]);
    expect(call.change({ muted: false }, 10)).toEqual(["unmute"]);
    expect(call.change({ muted: true }, 10)).toEqual(["mute"]);
    expect(call.change({ muted: true, deafened: true }, 10)).toEqual(["deafen"]);
    expect(call.change({ muted: false, deafened: false }, 10)).toEqual(["unmute"]);
    expect(call.change({ screen: true }, 10)).toEqual(["stream"]);
    expect(call.change({ screen: false }, 10)).toEqual([]);
  });

  test("a stream that starts, but not the one that one finds", () => {
    const call = new Timeline().enter(person("ben", true));
    expect(call.change({ members: people(ME, BEN) })).toEqual([]);
    expect(call.change({ members: people(ME, person("ben", true)) })).toEqual(["stream"]);
    expect(call.change({ members: people(ME, person("ben", true), person("clara", true)) })).toEqual(["join"]);
  });

  test("whoever is deafened hears only themselves", () => {
    const call = new Timeline().enter(BEN);
    call.change({ muted: true, deafened: true });
    expect(call.change({ members: people(ME) })).toEqual([]);
    expect(call.change({ members: people(ME, person("ben", true)) })).toEqual([]);
    expect(call.change({ phase: "idle" })).toEqual(["leave"]);
  });

  test("outside of a call nothing is heard, and nothing lasts", () => {
    expect(new Timeline().change({ muted: true })).toEqual([]);
    for (const notes of Object.values(NOTES)) for (const { atMs, ms } of notes) expect(atMs + ms).toBeLessThan(300);
  });
});
