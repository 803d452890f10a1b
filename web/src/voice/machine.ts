// How a call is joined, kept and got back: one pure function from (state, event) to the next state and what to do.
// It opens nothing and reads no clock; call.ts carries the effects out. The wire is docs/protocol/voice.md.

import type { ServerFrame } from "./frames.ts";
import { FIRST_SLOTS, NO_CALL, type Effect, type Event, type Media, type Place, type Session, type Timer } from "./session.ts";
import type { CallError, VoiceGatewayEvent } from "./types.ts";

/** How long the main gateway may take to answer op 4 before it is asked again. */
const PASS_MS = 5_000;
/** A first connection that takes longer is reported as failed; a call that worked once is never given up. */
const PATIENCE_MS = 20_000;
/** From opening the voice socket to Ready or Resumed. */
const LINK_MS = 5_000;
const ACK_MS = 4_000;
const OFFER_MS = 5_000;
/** Between ICE restarts while nothing comes through. */
const MEDIA_MS = 4_000;
/** After so many restarts in vain over a working socket, a new PeerConnection is the better hope. */
const MOST_RESTARTS = 5;

/** What to call when the compiler has shown that nothing is left to handle. */
function unhandled(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}

type Step = [Session, Effect[]];

interface Context {
  selfId: string;
  now: number;
  /** The person lets those whom they call learn their address. */
  showsAddress: boolean;
}

/** The next state and, in order, what must be done for it. */
export function step(session: Session, event: Event, context: Context): Step {
  const [next, effects] = react(session, event, context);
  return [withPhase(next, context.now), effects];
}

function react(session: Session, event: Event, context: Context): Step {
  if (event.type === "join") return enter(session, event.place);
  if (!session.place || session.phase === "failed") return outside(session, event);
  switch (event.type) {
    case "leave":
      return [NO_CALL, [...tearDown(true), { do: "voice_state", place: null }, { do: "free_devices" }]];
    case "gateway":
      return onGateway(session, session.place, event.event);
    case "link_opened":
      return introduce(session, session.place, context);
    case "link_closed":
      return onLinkClosed(session, session.place, event.code);
    case "frame":
      return event.frame
        ? onFrame({ ...session, seq: event.seq ?? session.seq }, session.place, event.frame)
        : [{ ...session, seq: event.seq ?? session.seq }, []];
    case "offer_made":
      if (event.revision !== session.revision || session.link !== "open") return [session, []];
      return [
        session,
        [
          { do: "send", frame: { op: 1, d: { protocol: "sdp", data: { revision: event.revision, sdp: event.sdp, sources: event.sources } } } },
          { do: "start_timer", timer: "offer", ms: OFFER_MS },
        ],
      ];
    case "peer_broken":
      return renew(session, session.place);
    case "media":
      return onMedia(session, event.state);
    case "online":
      return onOnline(session, session.place);
    case "timer":
      return onTimer(session, session.place, event.timer);
    default:
      return unhandled(event);
  }
}

/** Nothing of an ended call is heard any more, except why it ended. */
function outside(session: Session, event: Event): Step {
  if (event.type === "leave") return [NO_CALL, session.place ? [{ do: "free_devices" }] : []];
  const elsewhere = event.type === "gateway" && event.event.type === "voice_state" && event.event.channel_id !== null;
  return [elsewhere && session.error === "kicked" ? { ...session, error: "joined-elsewhere" } : session, []];
}

/** The phase follows from the rest, so that no event can forget to set it. */
function withPhase(session: Session, now: number): Session {
  if (!session.place) return session.phase === "idle" ? session : { ...session, phase: "idle" };
  if (session.phase === "failed") return session;
  // A socket that is back at the first try is nothing to tell a person about.
  const works = session.media === "up" && (session.link === "open" || session.tries === 0);
  const since = session.since ?? (works ? now : null);
  const phase = works ? "connected" : since !== null ? "reconnecting" : session.pass ? "connecting" : "joining";
  const error = works && session.error === "server-unreachable" ? null : session.error;
  return { ...session, phase, since, error };
}

function enter(session: Session, place: Place): Step {
  const same = session.place?.channelId === place.channelId && session.phase !== "failed";
  if (same) return [session, []];
  return [
    { ...NO_CALL, place, phase: "joining" },
    [
      ...tearDown(),
      { do: "voice_state", place },
      { do: "start_timer", timer: "pass", ms: PASS_MS },
      { do: "start_timer", timer: "patience", ms: PATIENCE_MS },
    ],
  ];
}

/** Begins the same call again from op 4: the session behind it is gone. */
function renew(session: Session, place: Place): Step {
  const first = session.renewals === 0;
  const next: Session = {
    ...NO_CALL,
    place,
    phase: session.phase,
    since: session.since,
    sessionId: session.sessionId,
    error: first ? session.error : "server-unreachable",
    renewals: session.renewals + 1,
  };
  const effects = tearDown().filter((effect) => !(effect.do === "stop_timer" && effect.timer === "patience"));
  if (first) effects.push({ do: "voice_state", place });
  effects.push({ do: "start_timer", timer: "pass", ms: first ? PASS_MS : backoff(session.renewals) });
  return [next, effects];
}

/** Gives up with a reason; the room stays named, so that it can say so. */
function fail(place: Place, error: CallError): Step {
  return [
    { ...NO_CALL, place, phase: "failed", error },
    [...tearDown(true), { do: "voice_state", place: null }, { do: "free_devices" }],
  ];
}

/** Ends the call because the server says so; nobody is told, they know. */
function evict(error: CallError): Step {
  return [{ ...NO_CALL, error }, [...tearDown(), { do: "free_devices" }]];
}

function tearDown(final = false): Effect[] {
  const timers: Timer[] = ["pass", "patience", "link", "retry", "beat", "ack", "offer", "media"];
  return [{ do: "close_link", final }, { do: "close_peer" }, ...timers.map((timer): Effect => ({ do: "stop_timer", timer }))];
}

function onGateway(session: Session, place: Place, event: VoiceGatewayEvent): Step {
  switch (event.type) {
    case "session_new":
      // The server forgot that we were anywhere.
      return renew({ ...session, sessionId: null, pass: null, renewals: 0 }, place);
    case "address":
      return [session, sayDirect(session, place)];
    case "voice_state": {
      if (event.refused) return event.refused.channel_id === place.channelId ? refused(session, place, event.refused.reason) : [session, []];
      const waiting = session.pass === null;
      if (event.channel_id === place.channelId) {
        if (waiting) return show({ ...session, sessionId: event.session_id });
        return event.session_id === session.pass?.sessionId ? [session, []] : evict("joined-elsewhere");
      }
      // An answer to what we asked before this; ours is still under way.
      if (waiting) return [session, []];
      if (event.session_id !== session.pass?.sessionId) return event.channel_id ? evict("joined-elsewhere") : [session, []];
      if (event.channel_id === null) return event.guild_id === place.guildId ? evict("kicked") : [session, []];
      return moved(session, { guildId: event.guild_id, channelId: event.channel_id }, event.session_id);
    }
    case "voice_server":
      // Once a session stands, it is resumed with the token it was opened with.
      if (event.guild_id !== place.guildId || (event.channel_id && event.channel_id !== place.channelId) || session.resumable) return [session, []];
      return show({ ...session, server: { endpoint: event.endpoint, token: event.token } });
    default:
      return unhandled(event);
  }
}

/** The main gateway did not let us in. */
function refused(session: Session, place: Place, reason: string): Step {
  switch (reason) {
    case "full":
      return fail(place, "room-full");
    case "forbidden":
      return fail(place, "not-allowed");
    case "unknown":
      return fail(place, "room-gone");
    case "bad_pass":
      return fail(place, "pass-refused");
    default:
      // Not ready yet, or a reason of a newer server: the timer asks again, and patience ends.
      return [session, []];
  }
}

/** Someone put us into another room: the pass for it follows. */
function moved(session: Session, place: Place, sessionId: string): Step {
  return [
    { ...NO_CALL, place, phase: session.phase, since: session.since, sessionId },
    [...tearDown(), { do: "start_timer", timer: "pass", ms: PASS_MS }],
  ];
}

/** Goes to the voice server as soon as both halves of the pass are here. */
function show(session: Session): Step {
  if (!session.server || !session.sessionId) return [session, []];
  const pass = { ...session.server, sessionId: session.sessionId };
  return openLink({ ...session, pass }, pass.endpoint, [{ do: "stop_timer", timer: "pass" }]);
}

function openLink(session: Session, endpoint: string, before: Effect[] = []): Step {
  return [
    { ...session, link: "opening" },
    [...before, { do: "open_link", endpoint }, { do: "start_timer", timer: "link", ms: LINK_MS }],
  ];
}

function introduce(session: Session, place: Place, { selfId, showsAddress }: Context): Step {
  if (!session.pass) return [session, []];
  const { token, sessionId } = session.pass;
  const who = { server_id: place.guildId ?? place.channelId, session_id: sessionId, token };
  return session.resumable
    ? [{ ...session, link: "resuming" }, [{ do: "send", frame: { op: 7, d: { ...who, seq_ack: session.seq } } }]]
    : [{ ...session, link: "identifying" }, [{ do: "send", frame: { op: 0, d: { ...who, user_id: selfId, video: true, peer: showsAddress && !place.guildId } } }]];
}

function onLinkClosed(session: Session, place: Place, code: number): Step {
  const quiet: Effect[] = (["link", "beat", "ack", "offer"] as const).map((timer) => ({ do: "stop_timer", timer }));
  switch (code) {
    case 4014:
      return evict("kicked");
    case 4004:
      // A fresh pass refused as well, before anything ever worked: the next will be no better.
      return session.since === null && session.renewals > 0 ? fail(place, "pass-refused") : renew(session, place);
    case 4006:
    case 4015:
    // The rest are bugs on one of the two sides; a fresh start is the best that can be done about them.
    case 4001:
    case 4002:
    case 4003:
    case 4005:
    case 4012:
    case 4020:
    case 1009:
      return renew(session, place);
    default: {
      const tries = session.link === "open" ? 0 : session.tries + 1;
      const error = tries >= 4 ? "server-unreachable" : session.error;
      return [
        { ...session, link: "waiting", tries, error },
        [...quiet, { do: "close_link", final: false }, { do: "start_timer", timer: "retry", ms: tries === 0 ? 100 : backoff(tries) }],
      ];
    }
  }
}

function onFrame(session: Session, place: Place, frame: ServerFrame): Step {
  switch (frame.op) {
    case "hello":
      return [{ ...session, heartbeatMs: frame.heartbeatMs }, [{ do: "start_timer", timer: "beat", ms: frame.heartbeatMs }]];
    case "ready": {
      const fresh: Session = { ...linkUp(session), media: "connecting", revision: 0, allocated: FIRST_SLOTS };
      const [next, offer] = makeOffer(fresh, false);
      return [next, [{ do: "stop_timer", timer: "link" }, { do: "start_peer" }, { do: "say_listening" }, ...offer]];
    }
    case "resumed": {
      const up = linkUp(session);
      const [next, offer] = up.media === "up" && up.offerAnswered ? [up, []] : makeOffer(up, up.media !== "connecting");
      const direct: Effect[] = [{ do: "direct", event: { type: "resumed" } }, ...sayDirect(up, place)];
      return [next, [{ do: "stop_timer", timer: "link" }, { do: "send_sources" }, { do: "say_listening" }, ...direct, ...offer]];
    }
    case "session_description":
      if (frame.revision !== session.revision) return [session, []];
      return [
        { ...session, offerAnswered: true },
        [{ do: "stop_timer", timer: "offer" }, { do: "take_answer", sdp: frame.sdp }, { do: "send_sources" }],
      ];
    case "slots": {
      const next = { ...session, slots: frame.slots };
      const audio = Math.max(session.allocated.audio, frame.wanted.audio);
      const video = Math.max(session.allocated.video, frame.wanted.video);
      if (audio === session.allocated.audio && video === session.allocated.video) return [next, []];
      return makeOffer({ ...next, allocated: { audio, video } }, false);
    }
    case "encodings":
      return [session, [{ do: "set_encodings", source: frame.source, encodings: frame.encodings }]];
    case "speaking":
      return [{ ...session, speaking: withMember(session.speaking, frame.userId, frame.speaking) }, []];
    case "clients_connect":
      return [{ ...session, present: new Set([...session.present, ...frame.userIds]) }, []];
    case "client_disconnect":
      return [
        {
          ...session,
          present: withMember(session.present, frame.userId, false),
          speaking: withMember(session.speaking, frame.userId, false),
        },
        [{ do: "direct", event: { type: "gone", userId: frame.userId } }],
      ];
    case "paired":
    case "unpaired":
    case "relayed":
    case "other_path":
      return [session, [{ do: "direct", event: { type: "frame", frame } }]];
    case "redundancy":
      return [session, [{ do: "repeat_microphone", on: frame.microphone }]];
    case "bitrate":
      return [{ ...session, asked: frame.microphone }, [{ do: "pace_microphone" }]];
    case "listening":
      return [{ ...session, mixed: frame.mixed, mixRefused: frame.refused }, []];
    // The call shows it; it changes nothing.
    case "reaction":
      return [session, []];
    case "heartbeat_ack":
      return [session, [{ do: "stop_timer", timer: "ack" }]];
    default:
      return unhandled(frame);
  }
}

function linkUp(session: Session): Session {
  return { ...session, link: "open", resumable: true, tries: 0 };
}

/** Asks for the next offer; whatever was offered before no longer counts. */
function makeOffer(session: Session, iceRestart: boolean): Step {
  const revision = session.revision + 1;
  return [
    { ...session, revision, offerAnswered: false },
    [{ do: "make_offer", revision, iceRestart, ...session.allocated }],
  ];
}

function onMedia(session: Session, media: Exclude<Media, "none">): Step {
  if (session.media === "none" || session.media === media) return [session, []];
  switch (media) {
    case "up":
      return [
        { ...session, media, restarts: 0, renewals: 0 },
        [
          { do: "stop_timer", timer: "media" },
          { do: "stop_timer", timer: "patience" },
        ],
      ];
    case "lost":
      return revive({ ...session, media, restarts: 0 });
    case "connecting":
      // An ICE restart on its way after a loss is still a loss until packets come.
      return [session.media === "up" ? { ...session, media } : session, []];
    default:
      return unhandled(media);
  }
}

/** Nothing comes through: find out whether the socket still works, and try another path for the media. */
function revive(session: Session): Step {
  const again: Effect = { do: "start_timer", timer: "media", ms: MEDIA_MS };
  if (session.link !== "open") return [session, [again]];
  const [next, offer] = makeOffer({ ...session, restarts: session.restarts + 1 }, true);
  return [next, [...beat(session), again, ...offer]];
}

function beat(session: Session): Effect[] {
  return [
    { do: "send", frame: { op: 3, d: { t: session.seq, seq_ack: session.seq } } },
    { do: "start_timer", timer: "beat", ms: session.heartbeatMs },
    { do: "start_timer", timer: "ack", ms: ACK_MS },
  ];
}

function onOnline(session: Session, place: Place): Step {
  if (session.link === "waiting" && session.pass) {
    return openLink({ ...session, tries: 0 }, session.pass.endpoint, [{ do: "stop_timer", timer: "retry" }]);
  }
  if (session.media === "none") return [session, []];
  const [next, effects] = revive(session);
  return [next, [{ do: "direct", event: { type: "network" } }, ...sayDirect(session, place), ...effects]];
}

/** Only in a conversation can there be a direct path. */
function sayDirect(session: Session, place: Place): Effect[] {
  return place.guildId === null && session.link === "open" ? [{ do: "say_direct" }] : [];
}

function onTimer(session: Session, place: Place, timer: Timer): Step {
  switch (timer) {
    case "pass": {
      const renewals = session.renewals + 1;
      return [
        { ...session, renewals },
        [{ do: "voice_state", place }, { do: "start_timer", timer: "pass", ms: Math.max(PASS_MS, backoff(renewals)) }],
      ];
    }
    case "patience":
      return fail(place, "server-unreachable");
    case "link":
    case "ack":
      // As if it had closed; a dead network would not tell us for minutes.
      return onLinkClosed(session, place, 1006);
    case "retry":
      return session.pass ? openLink(session, session.pass.endpoint) : [session, []];
    case "beat":
      return [session, session.link === "open" ? beat(session) : []];
    case "offer":
      return session.link === "open" && !session.offerAnswered ? makeOffer(session, session.media === "lost") : [session, []];
    case "media":
      if (session.media !== "lost") return [session, []];
      return session.restarts >= MOST_RESTARTS && session.link === "open" ? renew(session, place) : revive(session);
    default:
      return unhandled(timer);
  }
}

/** Half a second, doubling, never more than ten; the shell spreads it so that a crowd does not come back as one. */
function backoff(tries: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(tries - 1, 10));
}

function withMember(set: ReadonlySet<string>, userId: string, present: boolean): ReadonlySet<string> {
  if (set.has(userId) === present) return set;
  const next = new Set(set);
  if (present) next.add(userId);
  else next.delete(userId);
  return next;
}
