import { describe, expect, test } from "vitest";
import type { ServerFrame } from "./frames.ts";
import { step } from "./machine.ts";
import { NO_CALL, type Effect, type Event, type Place, type Session } from "./session.ts";

const ROOM: Place = { guildId: "1", channelId: "20" };
const OTHER_ROOM: Place = { guildId: "1", channelId: "21" };

/** A call played from a script: events go in one by one, effects are kept. */
class Timeline {
  session: Session = NO_CALL;
  now = 1_000;
  /** What the last event asked for. */
  effects: Effect[] = [];

  give(...events: Event[]): this {
    for (const event of events) {
      const [next, effects] = step(this.session, event, { selfId: "7", now: this.now, showsAddress: true });
      this.session = next;
      this.effects = effects;
    }
    return this;
  }

  get did(): string[] {
    return this.effects.map((effect) => effect.do);
  }

  get sentOps(): number[] {
    return this.effects.flatMap((effect) => (effect.do === "send" ? [effect.frame.op] : []));
  }
}

const join = (place = ROOM): Event => ({ type: "join", place });
const voiceState = (channelId: string | null, sessionId = "s1"): Event => ({
  type: "gateway",
  event: { type: "voice_state", channel_id: channelId, session_id: sessionId, guild_id: "1" },
});
const voiceServer = (token = "pass"): Event => ({
  type: "gateway",
  event: { type: "voice_server", guild_id: "1", endpoint: "host/voice", token },
});
const frame = (it: ServerFrame, seq: number | null = null): Event => ({ type: "frame", frame: it, seq });
const answer = (revision: number): Event => frame({ op: "session_description", revision, sdp: "v=0" });
const offerMade = (revision: number): Event => ({ type: "offer_made", revision, sdp: "v=0", sources: [] });
const media = (state: "connecting" | "up" | "lost"): Event => ({ type: "media", state });
const closed = (code: number): Event => ({ type: "link_closed", code });
const slots = (audio: number, video: number): Event => frame({ op: "slots", slots: [], wanted: { audio, video } });

const entering: Event[] = [
  join(),
  voiceState("20"),
  voiceServer(),
  { type: "link_opened" },
  frame({ op: "hello", heartbeatMs: 13_750 }),
  frame({ op: "ready" }),
  offerMade(1),
  answer(1),
];
const connected = () => new Timeline().give(...entering, media("up"));

describe("a conversation", () => {
  const DIRECT: Place = { guildId: null, channelId: "30" };
  const inConversation: Event[] = [
    join(DIRECT),
    { type: "gateway", event: { type: "voice_state", channel_id: "30", session_id: "s1", guild_id: null } },
    { type: "gateway", event: { type: "voice_server", guild_id: null, endpoint: "host/voice", token: "pass" } },
    { type: "link_opened" },
  ];
  const open = () => new Timeline().give(...inConversation, frame({ op: "ready" }), offerMade(1), answer(1), media("up"));

  test("may go directly, and tells so where its person does not hide", () => {
    const call = new Timeline().give(...inConversation);
    expect(call.effects).toContainEqual({ do: "send", frame: { op: 0, d: { server_id: "30", user_id: "7", session_id: "s1", token: "pass", video: true, peer: true } } });
    expect(open().give({ type: "gateway", event: { type: "address", hidden: true } }).effects).toEqual([{ do: "say_direct" }]);
    expect(connected().give({ type: "gateway", event: { type: "address", hidden: true } }).effects).toEqual([]);
  });

  test("hands on what the server says of the way, and what concerns it", () => {
    const paired: ServerFrame = { op: "paired", userId: "8", epoch: 1, polite: true };
    expect(open().give(frame(paired)).effects).toEqual([{ do: "direct", event: { type: "frame", frame: paired } }]);
    expect(open().give(frame({ op: "client_disconnect", userId: "8" })).effects).toEqual([{ do: "direct", event: { type: "gone", userId: "8" } }]);
    const resumed = open().give(closed(1006), { type: "timer", timer: "retry" }, { type: "link_opened" }, frame({ op: "resumed" }));
    expect(resumed.effects).toContainEqual({ do: "direct", event: { type: "resumed" } });
    expect(resumed.did).toContain("say_direct");
  });

  test("tries all ways anew at once on another network", () => {
    const call = open().give({ type: "online" });
    expect(call.effects).toContainEqual({ do: "direct", event: { type: "network" } });
    expect(call.did).toContain("say_direct");
    expect(call.effects).toContainEqual(expect.objectContaining({ do: "make_offer", iceRestart: true }));
  });
});

describe("joining", () => {
  test("goes from op 4 over the pass, identify and the offer to a connected call", () => {
    const call = new Timeline().give(join());
    expect(call.effects).toContainEqual({ do: "voice_state", place: ROOM });
    expect(call.session.phase).toBe("joining");

    call.give(voiceState("20"), voiceServer());
    expect(call.effects).toContainEqual({ do: "open_link", endpoint: "host/voice" });
    expect(call.session.phase).toBe("connecting");

    call.give({ type: "link_opened" });
    expect(call.effects).toEqual([
      { do: "send", frame: { op: 0, d: { server_id: "1", user_id: "7", session_id: "s1", token: "pass", video: true, peer: false } } },
    ]);

    call.give(frame({ op: "ready" }));
    expect(call.effects).toContainEqual({ do: "make_offer", revision: 1, iceRestart: false, audio: 8, video: 8 });
    expect(call.give(offerMade(1)).sentOps).toEqual([1]);
    expect(call.give(answer(1)).did).toContain("send_sources");

    call.give(media("up"));
    expect(call.session).toMatchObject({ phase: "connected", since: 1_000, error: null });
  });

  test("ignores what is left over from the room asked for before", () => {
    const call = new Timeline().give(join(), join(OTHER_ROOM), voiceState("20"), voiceServer("old"));
    expect(call.session.phase).toBe("joining");
    call.give(voiceState(null), voiceState("21"), voiceServer("new"));
    expect(call.session).toMatchObject({ phase: "connecting", pass: { token: "new" } });
    expect(call.did).toContain("open_link");
  });

  test("takes the two halves of the pass in either order", () => {
    const call = new Timeline().give(join(), voiceServer(), voiceState("20"));
    expect(call.effects).toContainEqual({ do: "open_link", endpoint: "host/voice" });
    expect(call.session.pass).toEqual({ endpoint: "host/voice", token: "pass", sessionId: "s1" });
  });

  test("asks again when the gateway does not answer, and gives up in the end", () => {
    const call = new Timeline().give(join(), { type: "timer", timer: "pass" });
    expect(call.effects).toContainEqual({ do: "voice_state", place: ROOM });
    call.give({ type: "timer", timer: "patience" });
    expect(call.session).toMatchObject({ phase: "failed", place: ROOM, error: "server-unreachable" });
    expect(call.did).toContain("free_devices");
    expect(call.give(join()).session.phase).toBe("joining");
  });

  const refusal = (channelId: string, reason: string, where: string | null = null): Event => ({
    type: "gateway",
    event: { type: "voice_state", channel_id: where, session_id: "s1", guild_id: "1", refused: { channel_id: channelId, reason } },
  });

  test.each([
    ["full", "room-full"],
    ["forbidden", "not-allowed"],
    ["unknown", "room-gone"],
    ["bad_pass", "pass-refused"],
  ])("is told at once that it was refused: %s", (reason, error) => {
    const call = new Timeline().give(join(), refusal("20", reason));
    expect(call.session).toMatchObject({ phase: "failed", place: ROOM, error });
    expect(call.did).toContain("free_devices");
    expect(call.effects).toContainEqual({ do: "stop_timer", timer: "patience" });
    // Of a move as well, whose old room one still sits in for the server.
    const moving = connected().give(join(OTHER_ROOM), refusal("21", reason, "20"));
    expect(moving.session).toMatchObject({ phase: "failed", place: OTHER_ROOM, error });
    expect(moving.effects).toContainEqual({ do: "voice_state", place: null });
  });

  test("waits when the server is not ready or says something new, and a refusal of another room means nothing", () => {
    const call = new Timeline().give(join(), refusal("20", "unavailable"), refusal("20", "full moon"), refusal("21", "full"));
    expect(call.session).toMatchObject({ phase: "joining", error: null });
    expect(connected().give(refusal("20", "unavailable")).session.phase).toBe("connected");
  });

  test("is told when the voice gateway refuses the pass twice", () => {
    const toPass = entering.slice(1, 5);
    const call = new Timeline().give(join(), ...toPass, closed(4004));
    expect(call.session.phase).toBe("joining");
    call.give(...toPass, closed(4004));
    expect(call.session).toMatchObject({ phase: "failed", error: "pass-refused" });
    // A call that worked goes on trying.
    expect(connected().give(closed(4004), ...toPass, closed(4004)).session.phase).toBe("reconnecting");
  });

  test("from another room is a move: no leaving in between", () => {
    const call = connected().give(join(OTHER_ROOM));
    expect(call.effects.filter((effect) => effect.do === "voice_state")).toEqual([{ do: "voice_state", place: OTHER_ROOM }]);
    expect(call.did).toContain("close_peer");
    expect(call.did).not.toContain("free_devices");
  });

  test("the room one is in already changes nothing", () => {
    expect(connected().give(join()).effects).toEqual([]);
  });
});

describe("slots", () => {
  test("grow by what the server wants, with the next revision, and never shrink", () => {
    const call = connected().give(slots(12, 8));
    expect(call.effects).toEqual([{ do: "make_offer", revision: 2, iceRestart: false, audio: 12, video: 8 }]);
    expect(call.give(slots(4, 4)).effects).toEqual([]);
  });

  test("an answer to an older offer is dropped", () => {
    const call = connected().give(slots(12, 8), offerMade(2), slots(16, 8), answer(2));
    expect(call.effects).toEqual([]);
    expect(call.give(offerMade(3), answer(3)).did).toContain("take_answer");
  });

  test("an offer that goes unanswered is made again", () => {
    const call = connected().give(slots(12, 8), offerMade(2), { type: "timer", timer: "offer" });
    expect(call.effects).toEqual([{ do: "make_offer", revision: 3, iceRestart: false, audio: 12, video: 8 }]);
  });
});

describe("redundancy", () => {
  test("is what the server says, without another offer", () => {
    const call = connected().give(frame({ op: "redundancy", microphone: true }));
    expect(call.effects).toEqual([{ do: "repeat_microphone", on: true }]);
    expect(call.give(frame({ op: "redundancy", microphone: false })).effects).toEqual([{ do: "repeat_microphone", on: false }]);
  });
});

describe("people", () => {
  test("come, speak and go", () => {
    const call = connected().give(
      frame({ op: "clients_connect", userIds: ["8", "9"] }),
      frame({ op: "speaking", userId: "8", speaking: true }),
      frame({ op: "client_disconnect", userId: "9" }),
    );
    expect([...call.session.present]).toEqual(["8"]);
    expect([...call.session.speaking]).toEqual(["8"]);
    expect([...call.give(frame({ op: "client_disconnect", userId: "8" })).session.speaking]).toEqual([]);
  });
});

describe("the voice socket", () => {
  test("is resumed with the last sequence number while media goes on", () => {
    const call = connected().give(frame({ op: "speaking", userId: "8", speaking: true }, 41), closed(1006));
    expect(call.session.phase).toBe("connected");
    call.give({ type: "timer", timer: "retry" }, { type: "link_opened" });
    expect(call.effects).toEqual([{ do: "send", frame: { op: 7, d: { server_id: "1", session_id: "s1", token: "pass", seq_ack: 41 } } }]);
    call.give(frame({ op: "resumed" }));
    expect(call.did).not.toContain("make_offer");
    expect(call.session).toMatchObject({ phase: "connected", link: "open" });
  });

  test("is resumed with the token it was opened with, whatever came since", () => {
    const call = connected().give(voiceServer("another"), closed(1006), { type: "timer", timer: "retry" }, { type: "link_opened" });
    expect(call.effects).toContainEqual(expect.objectContaining({ frame: expect.objectContaining({ d: expect.objectContaining({ token: "pass" }) }) }));
  });

  test("is tried again ever more slowly, and at once when the network is back", () => {
    const call = connected().give(closed(1006));
    const pauses = [1, 2, 3, 4, 5, 6, 7].map(() => {
      call.give({ type: "timer", timer: "retry" }, closed(1006));
      const effect = call.effects.find((it) => it.do === "start_timer" && it.timer === "retry");
      return effect?.do === "start_timer" ? effect.ms : 0;
    });
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(call.session).toMatchObject({ phase: "reconnecting", error: "server-unreachable" });
    expect(call.give({ type: "online" }).did).toContain("open_link");
  });

  test("that swallows a heartbeat is given up", () => {
    const call = connected().give({ type: "timer", timer: "beat" });
    expect(call.sentOps).toEqual([3]);
    expect(call.give({ type: "timer", timer: "ack" }).did).toContain("close_link");
    expect(call.session.link).toBe("waiting");
  });

  test("an acknowledged heartbeat keeps it", () => {
    const call = connected().give({ type: "timer", timer: "beat" }, frame({ op: "heartbeat_ack", nonce: 0 }));
    expect(call.effects).toEqual([{ do: "stop_timer", timer: "ack" }]);
  });

  test.each([4006, 4015, 4004])("closed with %i starts the same call anew", (code) => {
    const call = connected().give(closed(code));
    expect(call.effects.filter((effect) => effect.do === "voice_state").map((effect) => effect.place)).toEqual([ROOM]);
    expect(call.did).toContain("close_peer");
    expect(call.did).not.toContain("free_devices");
    expect(call.session).toMatchObject({ phase: "reconnecting", since: 1_000, place: ROOM });
    call.now = 9_000;
    call.give(...entering.slice(1), media("up"));
    expect(call.session).toMatchObject({ phase: "connected", since: 1_000, renewals: 0 });
  });

  test("a server that refuses every time is asked ever less often", () => {
    const call = connected().give(closed(4006), voiceState("20"), voiceServer(), closed(4006));
    expect(call.did).not.toContain("voice_state");
    expect(call.give({ type: "timer", timer: "pass" }).did).toContain("voice_state");
  });

  test("closed with 4014 ends the call for good", () => {
    const call = connected().give(closed(4014));
    expect(call.session).toMatchObject({ phase: "idle", place: null, error: "kicked" });
    expect(call.did).toContain("free_devices");
    expect(call.did).not.toContain("voice_state");
  });
});

describe("lost media", () => {
  test("restarts ICE at once and makes sure of the socket", () => {
    const call = connected().give(media("lost"));
    expect(call.sentOps).toEqual([3]);
    expect(call.effects).toContainEqual({ do: "make_offer", revision: 2, iceRestart: true, audio: 8, video: 8 });
    expect(call.session.phase).toBe("reconnecting");
    expect(call.give(offerMade(2), answer(2), media("up")).session.phase).toBe("connected");
  });

  test("waits for the socket when that is gone too, then restarts ICE", () => {
    const call = connected().give(media("lost"), { type: "timer", timer: "ack" }, { type: "timer", timer: "media" });
    expect(call.did).toEqual(["start_timer"]);
    call.give({ type: "timer", timer: "retry" }, { type: "link_opened" }, frame({ op: "resumed" }));
    expect(call.effects).toContainEqual(expect.objectContaining({ do: "make_offer", iceRestart: true }));
  });

  test("that no restart brings back gets a new connection", () => {
    const call = connected().give(media("lost"));
    const again: Event = { type: "timer", timer: "media" };
    call.give(again, again, again, again);
    expect(call.did).toContain("make_offer");
    call.give(again);
    expect(call.effects).toContainEqual({ do: "voice_state", place: ROOM });
    expect(call.session.phase).toBe("reconnecting");
  });

  test("a network that changed is not waited for", () => {
    expect(connected().give({ type: "online" }).effects).toContainEqual(expect.objectContaining({ do: "make_offer", iceRestart: true }));
  });
});

describe("the main gateway", () => {
  test("with a new session means that the call must be joined again", () => {
    const call = connected().give({ type: "gateway", event: { type: "session_new" } });
    expect(call.effects.filter((effect) => effect.do === "voice_state").map((effect) => effect.place)).toEqual([ROOM]);
    call.give(voiceState("20", "s2"), voiceServer("second"));
    expect(call.session.pass).toEqual({ endpoint: "host/voice", token: "second", sessionId: "s2" });
  });

  test("echoing our own mute changes nothing", () => {
    expect(connected().give(voiceState("20")).effects).toEqual([]);
  });

  test("saying that we are nowhere means that someone put us out", () => {
    expect(connected().give(voiceState(null)).session).toMatchObject({ phase: "idle", error: "kicked" });
  });

  test("naming another session means that we joined from another device", () => {
    expect(connected().give(voiceState("21", "elsewhere")).session).toMatchObject({ phase: "idle", error: "joined-elsewhere" });
  });

  test("may name it only after the voice gateway has closed", () => {
    const call = connected().give(closed(4014));
    expect(call.session.error).toBe("kicked");
    expect(call.give(voiceState("20", "elsewhere")).session.error).toBe("joined-elsewhere");
  });

  test("naming another room means that we were moved there", () => {
    const call = connected().give(voiceState("21"), voiceServer("there"));
    expect(call.session).toMatchObject({ place: OTHER_ROOM, pass: { token: "there" } });
    expect(call.did).toContain("open_link");
  });
});

describe("leaving", () => {
  test("tells both gateways and frees everything", () => {
    const call = connected().give({ type: "leave" });
    expect(call.effects).toContainEqual({ do: "close_link", final: true });
    expect(call.effects).toContainEqual({ do: "voice_state", place: null });
    expect(call.did).toContain("free_devices");
    expect(call.session).toEqual(NO_CALL);
  });

  test("what comes after it is not heard", () => {
    const call = connected().give({ type: "leave" }, voiceState("20"), voiceServer(), closed(1006), media("lost"), { type: "timer", timer: "media" });
    expect(call.session).toEqual(NO_CALL);
    expect(call.effects).toEqual([]);
  });
});

describe("the call of a conversation", () => {
  const PAIR: Place = { guildId: null, channelId: "30" };
  const OTHER_PAIR: Place = { guildId: null, channelId: "31" };
  const seated = (channelId: string | null): Event => ({ type: "gateway", event: { type: "voice_state", channel_id: channelId, session_id: "s1", guild_id: null } });
  const door = (channelId: string): Event => ({ type: "gateway", event: { type: "voice_server", guild_id: null, channel_id: channelId, endpoint: "host/voice", token: "pass" } });

  test("its voice server is named by the channel", () => {
    const call = new Timeline().give(join(PAIR), seated("30"), door("30"), { type: "link_opened" });
    expect(call.effects).toMatchObject([{ do: "send", frame: { op: 0, d: { server_id: "30" } } }]);
  });

  test("a door to the conversation before is not walked through", () => {
    const call = new Timeline().give(join(PAIR), join(OTHER_PAIR), seated("31"), door("30"));
    expect(call.session.pass).toBeNull();
    expect(call.give(door("31")).session.pass).toMatchObject({ token: "pass" });
  });

  test("leaving a conversation for a room does not end the room", () => {
    const call = connected().give(seated(null));
    expect(call.session.phase).toBe("connected");
  });

  test("who is put out of it is out", () => {
    const call = new Timeline().give(join(PAIR), seated("30"), door("30"), seated(null));
    expect(call.session).toMatchObject({ phase: "idle", error: "kicked" });
  });
});
