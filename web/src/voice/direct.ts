// How two people come to talk directly, and go back to the server: one pure function from (state, event) to the next
// state and what to do. Nothing is given up before another way carries it. direct-call.ts carries the effects out; the
// wire is docs/protocol/voice.md.

import type { ClientFrame, DirectFrame, Sources, Words } from "./frames.ts";
import type { SourceKind } from "./types.ts";

export type DirectPhase =
  /** Everything goes through the server. */
  | "off"
  /** A path is looked for; everything goes both ways. */
  | "coming"
  /** All that they send arrives directly, and was said to. */
  | "ready"
  /** The same for them: nothing goes to the server. */
  | "up"
  /** A voice broke off: everything goes both ways, and each is asked for the same. */
  | "doubting"
  /** Back to the server: everything goes both ways until all of it arrives from there. */
  | "leaving";

/** What is said over the data channel. */
export type Said = { sources: Sources } | { back: true };

/** What needs no server, said over the data channel as well; it changes nothing about the way. */
export type Gesture = { reaction: string } | { typing: true };

/** When a packet (of a picture: a decoded frame) last came, by source; milliseconds on the clock of `now`. */
export type Times = Partial<Record<SourceKind, number>>;

export type DirectTimer = "coming" | "trouble" | "leaving";

export interface Direct {
  phase: DirectPhase;
  /** The other one. */
  userId: string;
  epoch: number;
  /** The data channel is open. */
  channel: boolean;
  /** What they say that they send directly, and since when. */
  theirs: Sources | null;
  theirsSince: number;
  /** When sources of theirs were first seen to come directly. */
  begun: ReadonlyMap<SourceKind, number>;
  /** Those that have come so for a while. */
  arrived: ReadonlySet<SourceKind>;
  /** Of these, those that come from the server again. */
  returned: ReadonlySet<SourceKind>;
  /** When their voice last broke off, and how often in a row of such moments. */
  doubtedAt: number;
  doubts: number;
  /** Since when it has come directly again; 0 while it does not. */
  calmSince: number;
  /** All that we send arrives at theirs. */
  theyAreUp: boolean;
  saidBack: boolean;
  theyAreBack: boolean;
  leftAt: number;
  /** The server has not answered that it failed: a socket that was lost may have taken the word with it. */
  owesEnd: boolean;
  /** The network changed since the path was found: its end says nothing about the next. */
  otherNetwork: boolean;
}

export type DirectEvent =
  | { type: "frame"; frame: DirectFrame }
  | { type: "channel"; open: boolean }
  | { type: "said"; message: Said }
  /** `troubled`: nothing comes at the moment; `failed`: nothing will. */
  | { type: "path"; state: "fine" | "troubled" | "failed" }
  /** `loud`: their voice was speech when it was last heard directly. */
  | { type: "look"; direct: Times; server: Times; loud: boolean }
  | { type: "timer"; timer: DirectTimer }
  /** The browser is on another network. */
  | { type: "network" }
  /** The voice socket goes on after it was lost. */
  | { type: "resumed" }
  /** Our session at the server is gone; another one follows. */
  | { type: "session_over" }
  /** This person's media is not in the call any more. */
  | { type: "gone"; userId: string }
  /** The call is over. */
  | { type: "over" };

export type DirectEffect =
  | { do: "open"; polite: boolean }
  | { do: "close" }
  | { do: "take"; words: Words }
  | { do: "send"; frame: ClientFrame }
  | { do: "say"; message: Said }
  /** Say what is sent directly at this moment. */
  | { do: "say_sources" }
  | { do: "restart_ice" }
  /** Op 27: another network is worth another try. */
  | { do: "say_network" }
  | { do: "start_timer"; timer: DirectTimer; ms: number }
  | { do: "stop_timer"; timer: DirectTimer };

/** Two clients on good networks need less than one; a busy machine may take its time, and the server carries everything meanwhile. */
const COMING_MS = 15_000;
/** ICE may be back by itself, after a lost packet or two. */
const TROUBLE_MS = 1_000;
/** docs/protocol/voice.md. */
const LEAVING_MS = 3_000;
/** A buffer that has just begun finds its length first: nobody needs to hear that. */
const SETTLE_MS = 500;
/** A session of ours that is gone takes longer to come again. */
const RENEWING_MS = 20_000;
/** Speech has a packet every 20 ms; one that is this late is not made up for any more. */
const BROKEN_MS = 140;
/** On a path that only pauses one learns to wait: so much longer after each doubt. */
const PATIENCE_MS = 60;
/** Even silence has a packet every 400 ms (RFC 6716 §2.1.9). */
const SILENT_MS = 520;
/** What has been silent for so long does not come back by itself. */
const DEAD_MS = 1_500;
/** So long without a break, and doubts are over. */
const CALM_MS = 2_000;
/** A path that makes one doubt more often than this within a minute is none. */
const MOST_DOUBTS = 5;
const DOUBTS_MS = 60_000;

export const NOT_DIRECT: Direct = {
  phase: "off",
  userId: "",
  epoch: 0,
  channel: false,
  theirs: null,
  theirsSince: 0,
  begun: new Map(),
  arrived: new Set(),
  returned: new Set(),
  doubtedAt: 0,
  doubts: 0,
  calmSince: 0,
  theyAreUp: false,
  saidBack: false,
  theyAreBack: false,
  leftAt: 0,
  owesEnd: false,
  otherNetwork: false,
};

/** Whether what we send must go to the server. */
export function sendsToServer(direct: Direct): boolean {
  return direct.phase !== "up";
}

/** Whether this source of theirs is to be heard or seen as it comes directly. */
export function playsDirectly(direct: Direct, source: SourceKind): boolean {
  if (direct.phase === "up") return true;
  return direct.phase !== "off" && direct.arrived.has(source) && !direct.returned.has(source);
}

/** Whether this source of theirs is awaited from the server: a silence ends with whichever way brings it first. */
export function isMissed(direct: Direct, source: SourceKind): boolean {
  return direct.phase === "doubting" && playsDirectly(direct, source);
}

/** The sources whose coming directly matters now. */
export function looksAt({ theirs, arrived }: Direct): SourceKind[] {
  return theirs ? sources(theirs).filter((source) => source === "microphone" || !arrived.has(source)) : [];
}

/** Whether it matters what comes from the server. */
export function awaitsServer({ phase }: Direct): boolean {
  return phase === "doubting" || phase === "leaving";
}

type Step = [Direct, DirectEffect[]];

/** The next state and, in order, what must be done for it. Nothing new: the same object. */
export function directStep(direct: Direct, event: DirectEvent, now: number): Step {
  switch (event.type) {
    case "frame":
      return onDirectFrame(direct, event.frame, now);
    case "channel":
      return onChannel(direct, event.open);
    case "said":
      return onSaid(direct, event.message, now);
    case "path":
      return onPath(direct, event.state, now);
    case "look":
      if (direct.phase === "leaving") return lookBack(direct, event.server);
      return direct.phase === "doubting" ? lookInDoubt(direct, event.direct, event.server, now) : look(direct, event.direct, event.loud, now);
    case "timer":
      return onTimer(direct, event.timer, now);
    case "network":
      return stands(direct) ? [{ ...direct, otherNetwork: true }, [{ do: "restart_ice" }]] : [direct, []];
    case "resumed": {
      const { epoch } = direct;
      if (direct.owesEnd) return [direct, [pathIs(epoch, "failed")]];
      if (direct.phase === "doubting") return [direct, [pathIs(epoch, "missing")]];
      return [direct, direct.phase === "ready" || direct.phase === "up" ? [pathIs(epoch, "up")] : []];
    }
    case "session_over": {
      const next = { ...direct, owesEnd: false };
      return stands(next) ? leave(next, now, RENEWING_MS) : [next, []];
    }
    case "gone":
      return event.userId === direct.userId ? close(direct) : [direct, []];
    case "over":
      return close({ ...direct, owesEnd: false });
  }
}

/** A path between the two is wanted. */
function stands({ phase }: Direct): boolean {
  return phase !== "off" && phase !== "leaving";
}

function onDirectFrame(direct: Direct, frame: DirectFrame, now: number): Step {
  switch (frame.op) {
    case "paired": {
      const { userId, epoch, polite } = frame;
      const [, closed] = close(direct);
      return [{ ...NOT_DIRECT, phase: "coming", userId, epoch }, [...closed, { do: "open", polite }, { do: "start_timer", timer: "coming", ms: COMING_MS }]];
    }
    case "unpaired": {
      const next = { ...direct, owesEnd: false };
      return stands(next) ? leave(next, now) : [next, []];
    }
    case "relayed":
      return [direct, frame.epoch === direct.epoch && stands(direct) ? [{ do: "take", words: frame.words }] : []];
    case "other_path": {
      if (frame.epoch !== direct.epoch || !stands(direct)) return [direct, []];
      const next = { ...direct, theyAreUp: frame.arrives };
      // What breaks one way mostly breaks the other, and in a pause of theirs one would notice it late.
      const isNews = !frame.arrives && (direct.phase === "ready" || direct.phase === "up");
      return isNews ? doubt(next, now) : bothUp(next);
    }
  }
}

function onChannel(direct: Direct, open: boolean): Step {
  const next = { ...direct, channel: open };
  if (direct.phase === "off" || direct.channel === open) return [direct, []];
  if (open) return [next, [{ do: "say_sources" }]];
  // They may be about to say why; if not, it is a path that broke.
  return direct.phase === "leaving" ? done(next) : [next, [{ do: "start_timer", timer: "trouble", ms: TROUBLE_MS }]];
}

function onSaid(direct: Direct, message: Said, now: number): Step {
  if (direct.phase === "off") return [direct, []];
  return "sources" in message ? [{ ...direct, theirs: message.sources, theirsSince: now }, []] : done({ ...direct, theyAreBack: true });
}

function onPath(direct: Direct, state: "fine" | "troubled" | "failed", now: number): Step {
  if (!stands(direct)) return [direct, []];
  switch (state) {
    case "fine":
      return [direct, [{ do: "stop_timer", timer: "trouble" }]];
    case "troubled":
      return [direct, [{ do: "start_timer", timer: "trouble", ms: TROUBLE_MS }]];
    case "failed":
      return fail(direct, now);
  }
}

function onTimer(direct: Direct, timer: DirectTimer, now: number): Step {
  switch (timer) {
    case "coming":
      return direct.phase === "coming" ? fail(direct, now) : [direct, []];
    case "trouble":
      return stands(direct) ? fail(direct, now) : [direct, []];
    case "leaving":
      return direct.phase === "leaving" ? close(direct) : [direct, []];
  }
}

/** What comes directly, while it should. */
function look(direct: Direct, times: Times, loud: boolean, now: number): Step {
  const { theirs } = direct;
  if (!stands(direct) || !theirs) return [direct, []];
  const next = noted(direct, sources(theirs), times, now);
  if (direct.phase === "coming") {
    if (!direct.channel || sources(theirs).some((source) => !next.arrived.has(source))) return [next, []];
    const [up, effects] = bothUp({ ...next, phase: "ready" });
    return [up, [{ do: "stop_timer", timer: "coming" }, pathIs(direct.epoch, "up"), ...effects]];
  }
  const late = (loud ? BROKEN_MS : SILENT_MS) + PATIENCE_MS * recentDoubts(next, now);
  return silentFor(next, times, now) > late ? doubt(next, now) : [next, []];
}

/** How long nothing has come of a microphone that is open, ms. */
function silentFor({ theirs, theirsSince }: Direct, times: Times, now: number): number {
  return theirs?.microphone ? now - Math.max(times.microphone ?? 0, theirsSince) : 0;
}

/** Whatever it is, the server is asked to help before anybody knows. */
function doubt(direct: Direct, now: number): Step {
  const doubts = recentDoubts(direct, now) + 1;
  if (doubts > MOST_DOUBTS) return fail(direct, now);
  return [{ ...direct, phase: "doubting", doubtedAt: now, doubts, calmSince: 0 }, [pathIs(direct.epoch, "missing")]];
}

function recentDoubts({ doubts, doubtedAt }: Direct, now: number): number {
  return now - doubtedAt > DOUBTS_MS ? 0 : doubts;
}

function lookInDoubt(direct: Direct, times: Times, server: Times, now: number): Step {
  const next = withReturned(direct, [...direct.arrived].filter((source) => (server[source] ?? 0) > direct.doubtedAt));
  const silent = silentFor(direct, times, now);
  if (silent > DEAD_MS) return fail(next, now);
  // What came last before the doubt is no news.
  const isHeard = !direct.theirs?.microphone || ((times.microphone ?? 0) > direct.doubtedAt && silent <= SILENT_MS);
  if (!isHeard) return [next.calmSince === 0 ? next : { ...next, calmSince: 0 }, []];
  if (next.calmSince === 0) return [{ ...next, calmSince: now }, []];
  if (now - next.calmSince < CALM_MS) return [next, []];
  const [up, effects] = bothUp({ ...next, phase: "ready", returned: new Set() });
  return [up, [pathIs(direct.epoch, "up"), ...effects]];
}

/** What has begun to come, and what has come for long enough. */
function noted(direct: Direct, theirs: readonly SourceKind[], times: Times, now: number): Direct {
  const begins = theirs.filter((source) => times[source] !== undefined && !direct.begun.has(source));
  const settled = theirs.filter((source) => !direct.arrived.has(source) && now - (direct.begun.get(source) ?? now) >= SETTLE_MS);
  if (begins.length === 0 && settled.length === 0) return direct;
  const begun = new Map([...direct.begun, ...begins.map((source) => [source, now] as const)]);
  return { ...direct, begun, arrived: new Set([...direct.arrived, ...settled]) };
}

/** What comes from the server again. */
function lookBack(direct: Direct, times: Times): Step {
  const isBack = (source: SourceKind) => !direct.theirs?.[source] || (times[source] ?? 0) > direct.leftAt;
  const next = withReturned(direct, [...direct.arrived].filter(isBack));
  if (next.saidBack || [...next.arrived].some((source) => !next.returned.has(source))) return [next, []];
  const [last, effects] = done({ ...next, saidBack: true });
  return [last, [{ do: "say", message: { back: true } }, ...effects]];
}

function withReturned(direct: Direct, sources: readonly SourceKind[]): Direct {
  const news = sources.filter((source) => !direct.returned.has(source));
  return news.length === 0 ? direct : { ...direct, returned: new Set([...direct.returned, ...news]) };
}

function bothUp(direct: Direct): Step {
  return [direct.phase === "ready" && direct.theyAreUp ? { ...direct, phase: "up" } : direct, []];
}

/** The path does not work: the server is told, and carries everything again. */
function fail(direct: Direct, now: number): Step {
  const [next, effects] = leave({ ...direct, owesEnd: true, otherNetwork: false }, now);
  const retry: DirectEffect[] = direct.otherNetwork ? [{ do: "say_network" }] : [];
  return [next, [pathIs(direct.epoch, "failed"), ...retry, ...effects]];
}

function leave(direct: Direct, now: number, ms = LEAVING_MS): Step {
  return [
    { ...direct, phase: "leaving", leftAt: now, saidBack: false },
    [
      { do: "stop_timer", timer: "coming" },
      { do: "stop_timer", timer: "trouble" },
      { do: "start_timer", timer: "leaving", ms },
    ],
  ];
}

/** Nobody needs the direct connection any more, or it is gone by itself. */
function done(direct: Direct): Step {
  return direct.phase === "leaving" && direct.saidBack && (direct.theyAreBack || !direct.channel) ? close(direct) : [direct, []];
}

function close(direct: Direct): Step {
  const timers = (["coming", "trouble", "leaving"] as const).map((timer): DirectEffect => ({ do: "stop_timer", timer }));
  const next = { ...NOT_DIRECT, epoch: direct.epoch, owesEnd: direct.owesEnd };
  return direct.phase === "off" ? [next, []] : [next, [...timers, { do: "close" }]];
}

function pathIs(epoch: number, state: "up" | "missing" | "failed"): DirectEffect {
  return { do: "send", frame: { op: 29, d: { epoch, state } } };
}

function sources(those: Sources): SourceKind[] {
  return (Object.keys(those) as SourceKind[]).filter((source) => those[source]);
}
