import { describe, expect, test } from "vitest";
import { readSaid } from "./direct-peer.ts";
import { directStep, isMissed, NOT_DIRECT, playsDirectly, sendsToServer, type DirectEffect, type DirectEvent, type Times } from "./direct.ts";
import { parseFrame, type DirectFrame, type Sources } from "./frames.ts";
import { withoutRelays } from "./ice.ts";

const VOICE: Sources = { microphone: true, camera: false, screen: false, screen_audio: false };
const SHOWING: Sources = { ...VOICE, camera: true };
const MUTED: Sources = { ...VOICE, microphone: false };

/** The way between two, played from a script; every event comes a second after the one before. */
class Timeline {
  direct = NOT_DIRECT;
  now = 1_000;
  effects: DirectEffect[] = [];

  give(...events: DirectEvent[]): this {
    for (const event of events) {
      this.now += 1_000;
      [this.direct, this.effects] = directStep(this.direct, event, this.now);
    }
    return this;
  }

  /** Looks at what comes: sources that came just now, from the other one and from the server. */
  look(directly: (keyof Sources)[], server: (keyof Sources)[] = []): this {
    const times = (sources: (keyof Sources)[]): Times => Object.fromEntries(sources.map((source) => [source, this.now + 1_000]));
    return this.give({ type: "look", direct: times(directly), server: times(server), loud: false });
  }

  /** Looks twice: what comes directly has come for a while. */
  settle(...directly: (keyof Sources)[]): this {
    return this.look(directly).look(directly);
  }

  get did(): string[] {
    return this.effects.map((effect) => effect.do);
  }
}

const frame = (it: DirectFrame): DirectEvent => ({ type: "frame", frame: it });
const paired = (epoch = 7): DirectEvent => frame({ op: "paired", userId: "8", epoch, polite: false });
const theyAreUp = (epoch = 7, arrives = true): DirectEvent => frame({ op: "other_path", epoch, arrives });
const theySay = (sources: Sources): DirectEvent => ({ type: "said", message: { sources } });
const open: DirectEvent = { type: "channel", open: true };
const said = (state: "up" | "missing" | "failed"): DirectEffect => ({ do: "send", frame: { op: 29, d: { epoch: 7, state } } });
const unpaired = frame({ op: "unpaired" });

const coming = () => new Timeline().give(paired(), open, theySay(SHOWING));
const up = () => coming().settle("microphone", "camera").give(theyAreUp());

describe("the way to each other", () => {
  test("is said to be up when the channel is open and all that they announce has come", () => {
    const call = new Timeline().give(paired());
    expect(call.effects).toContainEqual({ do: "open", polite: false });
    call.settle("microphone");
    expect(call.direct.phase).toBe("coming");
    expect(call.give(open).did).toEqual(["say_sources"]);
    call.give(theySay(SHOWING)).settle("microphone");
    expect(call.direct.phase).toBe("coming");
    call.look(["microphone", "camera"]);
    expect(call.direct.phase).toBe("coming");
    call.look(["microphone", "camera"]);
    expect(call.direct.phase).toBe("ready");
    expect(call.effects).toContainEqual(said("up"));
    expect(sendsToServer(call.direct)).toBe(true);
    call.give(theyAreUp());
    expect(call.direct.phase).toBe("up");
    expect(sendsToServer(call.direct)).toBe(false);
  });

  test("changes each source over as it comes, and no other", () => {
    const call = coming().settle("camera");
    expect(playsDirectly(call.direct, "camera")).toBe(true);
    expect(playsDirectly(call.direct, "microphone")).toBe(false);
  });

  test("may be found by the other one first", () => {
    const call = coming().give(theyAreUp());
    expect(call.direct.phase).toBe("coming");
    expect(call.settle("microphone", "camera").direct.phase).toBe("up");
  });

  test("does not wait for somebody who is silent", () => {
    const call = new Timeline().give(paired(), open, theySay(MUTED)).look([]);
    expect(call.effects).toContainEqual(said("up"));
  });

  test("is given up when it takes too long, and the server is told", () => {
    const call = coming().give({ type: "timer", timer: "coming" });
    expect(call.direct.phase).toBe("leaving");
    expect(call.effects).toContainEqual(said("failed"));
    // Too late: a timer of before.
    expect(up().give({ type: "timer", timer: "coming" }).direct.phase).toBe("up");
  });

  test("knows words of another try", () => {
    const words = { candidate: { candidate: "", sdp_mid: null, sdp_m_line_index: null, username_fragment: null } };
    expect(coming().give(frame({ op: "relayed", epoch: 6, words })).did).toEqual([]);
    expect(coming().give(frame({ op: "relayed", epoch: 7, words })).did).toEqual(["take"]);
    expect(coming().settle("microphone", "camera").give(theyAreUp(6)).direct.phase).toBe("ready");
    expect(coming().give(paired(9)).did).toContain("close");
  });
});

describe("the way back", () => {
  test("keeps what comes directly until it comes from the server, source by source", () => {
    const call = up().give(unpaired);
    expect(call.direct.phase).toBe("leaving");
    expect(sendsToServer(call.direct)).toBe(true);
    expect(playsDirectly(call.direct, "microphone")).toBe(true);
    call.look([], ["microphone"]);
    expect(playsDirectly(call.direct, "microphone")).toBe(false);
    expect(playsDirectly(call.direct, "camera")).toBe(true);
    expect(call.did).toEqual([]);
    call.look([], ["camera"]);
    expect(call.effects).toEqual([{ do: "say", message: { back: true } }]);
    expect(call.give({ type: "said", message: { back: true } }).did).toContain("close");
    expect(call.direct.phase).toBe("off");
  });

  test("is not taken for what the server sent before", () => {
    const call = up();
    const before = call.now - 5_000;
    call.give(unpaired, { type: "look", direct: {}, server: { microphone: before, camera: before }, loud: false });
    expect(call.direct.returned.size).toBe(0);
  });

  test("does not wait for what is muted or off, nor for ever", () => {
    const call = up().give(theySay(MUTED), unpaired).look([]);
    expect(call.effects).toContainEqual({ do: "say", message: { back: true } });
    expect(up().give(unpaired, { type: "timer", timer: "leaving" }).did).toContain("close");
  });

  test("ends when the other one is gone, or the channel with all of theirs back", () => {
    expect(up().give({ type: "gone", userId: "8" }).direct.phase).toBe("off");
    expect(up().give({ type: "gone", userId: "9" }).direct.phase).toBe("up");
    const call = up().give(unpaired).look([], ["microphone", "camera"]);
    expect(call.give({ type: "channel", open: false }).did).toContain("close");
  });

  test("is taken after a second of trouble, and not when that passes", () => {
    const call = up().give({ type: "path", state: "troubled" });
    expect(call.effects).toEqual([{ do: "start_timer", timer: "trouble", ms: 1_000 }]);
    expect(call.give({ type: "path", state: "fine" }).did).toEqual(["stop_timer"]);
    call.give({ type: "timer", timer: "trouble" });
    expect(call.direct.phase).toBe("leaving");
    expect(call.effects).toContainEqual(said("failed"));
    expect(up().give({ type: "channel", open: false }).did).toEqual(["start_timer"]);
    expect(up().give({ type: "path", state: "failed" }).direct.phase).toBe("leaving");
  });

  test("may turn at once into another way", () => {
    const call = up().give(unpaired, paired(8));
    expect(call.did).toEqual(["stop_timer", "stop_timer", "stop_timer", "close", "open", "start_timer"]);
    expect(call.direct).toMatchObject({ phase: "coming", epoch: 8, theyAreUp: false, theirs: null });
  });
});

describe("a voice that breaks off", () => {
  /** Looks so long after the last packet of theirs. */
  const after = (call: Timeline, ms: number, loud: boolean, server: Times = {}) => {
    call.now += ms - 1_000;
    return call.give({ type: "look", direct: { microphone: call.now + 1_000 - ms, camera: call.now + 1_000 }, server, loud });
  };
  const doubting = () => after(up(), 250, true);

  test("is asked for by the other way at once, and silence a little later", () => {
    expect(after(up(), 130, true).direct.phase).toBe("up");
    expect(doubting().effects).toEqual([said("missing")]);
    expect(sendsToServer(doubting().direct)).toBe(true);
    expect(after(up(), 500, false).direct.phase).toBe("up");
    expect(after(up(), 560, false).direct.phase).toBe("doubting");
    const muted = up().give(theySay(MUTED)).look([]).look([]).look([]);
    expect(muted.direct.phase).toBe("up");
  });

  test("is heard from the server as soon as it comes there, and directly until then", () => {
    const call = doubting();
    expect(playsDirectly(call.direct, "microphone")).toBe(true);
    expect(isMissed(call.direct, "microphone")).toBe(true);
    after(call, 300, true, { microphone: call.now + 10 });
    expect(playsDirectly(call.direct, "microphone")).toBe(false);
    expect(isMissed(call.direct, "microphone")).toBe(false);
    expect(playsDirectly(call.direct, "camera")).toBe(true);
  });

  test("is trusted again after two good seconds", () => {
    const call = doubting().look(["microphone"], ["microphone"]).look(["microphone"], ["microphone"]);
    expect(call.direct.phase).toBe("doubting");
    call.look(["microphone"], ["microphone"]);
    expect(call.effects).toEqual([said("up")]);
    expect(call.direct.phase).toBe("up");
    expect(playsDirectly(call.direct, "microphone")).toBe(true);
  });

  test("and stays away, or breaks off again and again, is the end of the path", () => {
    const call = doubting();
    after(call, 1_600, true, { microphone: call.now + 10 });
    expect(call.effects).toContainEqual(said("failed"));
    expect(playsDirectly(call.direct, "microphone")).toBe(false);
    const unsteady = up();
    for (let time = 0; time < 5; time++) {
      // Each time one waits a little longer.
      after(unsteady, 130 + 60 * time, true);
      expect(unsteady.direct.phase).toBe("up");
      after(unsteady, 150 + 60 * time, true);
      expect(unsteady.direct.phase).toBe("doubting");
      unsteady.look(["microphone"]).look(["microphone"]).look(["microphone"]);
    }
    expect(after(unsteady, 450, true).effects).toContainEqual(said("failed"));
  });

  test("of ours is sent both ways again until it arrives", () => {
    const call = up().give(theyAreUp(7, false));
    expect(sendsToServer(call.direct)).toBe(true);
    expect(call.effects).toEqual([said("missing")]);
    expect(call.give(theyAreUp(7, false)).effects).toEqual([]);
    call.look(["microphone"]).look(["microphone"]).look(["microphone"]);
    expect(call.direct.phase).toBe("ready");
    expect(call.give(theyAreUp()).direct.phase).toBe("up");
  });
});

describe("what a lost socket took with it", () => {
  test("is said again", () => {
    expect(up().give({ type: "resumed" }).effects).toEqual([said("up")]);
    const failed = up().give({ type: "path", state: "failed" }, { type: "timer", timer: "leaving" });
    expect(failed.give({ type: "resumed" }).effects).toEqual([said("failed")]);
    expect(failed.give(unpaired, { type: "resumed" }).effects).toEqual([]);
  });

  test("with the session is made good by the next one, while the direct way goes on", () => {
    const call = up().give({ type: "session_over" });
    expect(call.direct.phase).toBe("leaving");
    expect(call.did).not.toContain("send");
    expect(call.effects).toContainEqual({ do: "start_timer", timer: "leaving", ms: 20_000 });
    expect(playsDirectly(call.direct, "microphone")).toBe(true);
    expect(call.give({ type: "over" }).did).toContain("close");
  });
});

describe("another network", () => {
  test("is tried at once, and asked for again when the old path ends", () => {
    const call = up().give({ type: "network" });
    expect(call.effects).toEqual([{ do: "restart_ice" }]);
    expect(call.give({ type: "path", state: "failed" }).did.slice(0, 2)).toEqual(["send", "say_network"]);
    expect(new Timeline().give({ type: "network" }).effects).toEqual([]);
  });
});

describe("words", () => {
  test("of the server about the way are read, and broken ones are not for us", () => {
    const read = (op: number, d: unknown) => parseFrame(JSON.stringify({ op, d })).frame;
    expect(read(27, { user_id: "8", epoch: 7, polite: true })).toEqual({ op: "paired", userId: "8", epoch: 7, polite: true });
    expect(read(27, { user_id: null, reason: "third" })).toEqual({ op: "unpaired" });
    expect(read(31, { user_id: "8", emoji: "👩🏽‍🚀" })).toEqual({ op: "reaction", userId: "8", emoji: "👩🏽‍🚀" });
    expect(["ha", "1", "🇩🇪!", "👍".repeat(40)].map((emoji) => read(31, { user_id: "8", emoji }))).toEqual([null, null, null, null]);
    expect(read(28, { epoch: 7, description: { type: "offer", sdp: "v=0" } })).toEqual({ op: "relayed", epoch: 7, words: { description: { type: "offer", sdp: "v=0" } } });
    expect(read(28, { epoch: 7, candidate: { candidate: "c", sdp_mid: "0" } })).toEqual({
      op: "relayed",
      epoch: 7,
      words: { candidate: { candidate: "c", sdp_mid: "0", sdp_m_line_index: null, username_fragment: null } },
    });
    expect(read(29, { epoch: 7, state: "up" })).toEqual({ op: "other_path", epoch: 7, arrives: true });
    expect(read(29, { epoch: 7, state: "missing" })).toEqual({ op: "other_path", epoch: 7, arrives: false });
    for (const broken of [read(27, { user_id: "8" }), read(28, { epoch: 7 }), read(28, { epoch: 7, description: { type: "rollback", sdp: "" } }), read(29, { epoch: 7, state: "failed" })]) expect(broken).toBe(null);
  });

  test("of the other one are short and of two kinds", () => {
    expect(readSaid(JSON.stringify({ back: true }))).toEqual({ back: true });
    expect(readSaid(JSON.stringify({ sources: { microphone: true, hologram: true } }))).toEqual({ sources: VOICE });
    expect(readSaid('{"reaction":"❤️"}')).toEqual({ reaction: "❤️" });
    expect(readSaid('{"typing":true}')).toEqual({ typing: true });
    for (const other of ['{"reaction":"<b>"}', '{"reaction":"👍 hello"}', '{"typing":1}', "", "null", "{}", '{"sources":7}', `{"back":true,"x":"${"x".repeat(2_000)}"}`, new ArrayBuffer(2)]) expect(readSaid(other)).toBe(null);
  });

  test("about servers leave relays out", () => {
    const turn = { urls: ["turn:host:3478?transport=udp", "turn:host:3478?transport=tcp", "turns:host:443?transport=tcp"], username: "u", credential: "c" };
    expect(withoutRelays([turn, { urls: "stun:other:3478" }])).toEqual([{ urls: ["stun:host:3478", "stun:other:3478"] }]);
    expect(withoutRelays([])).toEqual([]);
  });
});
