/**
 * The gateway session as a pure machine: what came in and what is to be done about it. It opens no socket, sets no
 * timer and reads no clock; `socket.ts` does that for it. Protocol: docs/protocol/gateway.md.
 */

/** Everything a person's client asks for. */
const INTENTS = 33_554_431;
/** The first wait before coming back; doubled each time, up to the longest, then drawn at random between half and whole. */
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;
/** A wait that no ordinary hiccup needs: also the deadline for an answer to a heartbeat is one interval. */
const AUTHENTICATION_FAILED = 4004;
/** Closes after which the session cannot be resumed. */
const SESSION_OVER = new Set([4003, 4007, 4009]);

export interface Session {
  phase: "idle" | "waiting" | "connecting" | "greeting" | "ready" | "signed-out";
  token: string;
  /** Present when the session can be resumed. */
  sessionId: string | null;
  seq: number | null;
  /** Connections in a row that did not become ready. */
  failures: number;
  heartbeatAcknowledged: boolean;
}

export interface Frame {
  op: number;
  d?: unknown;
  s?: number | null;
  t?: string | null;
}

export type Input =
  | { type: "start" }
  | { type: "opened" }
  | { type: "frame"; frame: Frame }
  | { type: "closed"; code: number }
  /** The heartbeat timer rang. */
  | { type: "beat" }
  /** The reconnect timer rang, or the network came back. */
  | { type: "retry" }
  | { type: "stop" };

export type Effect =
  | { type: "connect" }
  | { type: "wait"; ms: number }
  | { type: "send"; frame: Frame }
  | { type: "heartbeat"; firstMs: number; everyMs: number }
  | { type: "dispatch"; name: string; data: unknown; fresh: boolean }
  | { type: "close" }
  | { type: "signed-out" };

export type Step = [Session, Effect[]];

export function newSession(token: string): Session {
  return { phase: "idle", token, sessionId: null, seq: null, failures: 0, heartbeatAcknowledged: true };
}

/** `random` gives numbers from 0 to 1: for jitter. */
export function step(session: Session, input: Input, random: () => number): Step {
  switch (input.type) {
    case "start":
      return session.phase === "idle" ? [{ ...session, phase: "connecting" }, [{ type: "connect" }]] : [session, []];
    case "retry":
      return session.phase === "waiting" ? [{ ...session, phase: "connecting" }, [{ type: "connect" }]] : [session, []];
    case "opened":
      return [{ ...session, phase: "greeting", heartbeatAcknowledged: true }, []];
    case "stop":
      return [{ ...session, phase: "idle", sessionId: null, seq: null }, [{ type: "close" }]];
    case "closed":
      return closed(session, input.code, random);
    case "beat":
      // No answer to the last one: the line is dead although nobody said so.
      if (!session.heartbeatAcknowledged) return dropped(session, random);
      return [{ ...session, heartbeatAcknowledged: false }, [{ type: "send", frame: { op: 1, d: session.seq } }]];
    case "frame":
      return frame(session, input.frame, random);
    default:
      return unhandled(input);
  }
}

function frame(session: Session, { op, d, s, t }: Frame, random: () => number): Step {
  switch (op) {
    case 0: {
      const next = { ...session, seq: s ?? session.seq };
      if (t === "READY") return [{ ...next, phase: "ready", failures: 0, sessionId: sessionIdOf(d) }, [dispatch(t, d)]];
      if (t === "RESUMED") return [{ ...next, phase: "ready", failures: 0 }, [dispatch(t, d)]];
      return [next, t ? [dispatch(t, d)] : []];
    }
    case 1:
      return [session, [{ type: "send", frame: { op: 1, d: session.seq } }]];
    case 7:
      return dropped(session, random);
    case 9: {
      // `true` means that the session still lives; ours never says so, other servers may.
      const kept = d === true ? session : { ...session, sessionId: null, seq: null };
      return [kept, [{ type: "send", frame: greeting(kept) }]];
    }
    case 10: {
      const everyMs = (d as { heartbeat_interval?: number } | null)?.heartbeat_interval ?? 41_250;
      return [
        session,
        [
          { type: "heartbeat", firstMs: Math.floor(everyMs * random()), everyMs },
          { type: "send", frame: greeting(session) },
        ],
      ];
    }
    case 11:
      return [{ ...session, heartbeatAcknowledged: true }, []];
    default:
      return [session, []];
  }
}

function dispatch(name: string, data: unknown): Effect {
  return { type: "dispatch", name, data, fresh: name === "READY" };
}

function greeting(session: Session): Frame {
  if (session.sessionId !== null) {
    return { op: 6, d: { token: session.token, session_id: session.sessionId, seq: session.seq ?? 0 } };
  }
  const properties = { os: "web", browser: "VoxLink", device: "VoxLink" };
  return { op: 2, d: { token: session.token, properties, intents: INTENTS } };
}

function closed(session: Session, code: number, random: () => number): Step {
  if (session.phase === "idle" || session.phase === "signed-out" || session.phase === "waiting") return [session, []];
  if (code === AUTHENTICATION_FAILED) return [{ ...session, phase: "signed-out", sessionId: null }, [{ type: "signed-out" }]];
  const over = SESSION_OVER.has(code);
  return wait(over ? { ...session, sessionId: null, seq: null } : session, random);
}

function dropped(session: Session, random: () => number): Step {
  const [next, effects] = wait(session, random);
  return [next, [{ type: "close" }, ...effects]];
}

function wait(session: Session, random: () => number): Step {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** session.failures);
  const ms = Math.floor(longest * (0.5 + random() / 2));
  return [{ ...session, phase: "waiting", failures: session.failures + 1 }, [{ type: "wait", ms }]];
}

function sessionIdOf(data: unknown): string | null {
  return (data as { session_id?: string } | null)?.session_id ?? null;
}

function unhandled(input: never): never {
  throw new Error(`unhandled input ${JSON.stringify(input)}`);
}
