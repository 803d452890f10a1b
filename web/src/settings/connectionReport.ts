/** The connection test's results as what a person should know: one line for each thing, and how it is. */

import type { Loop, Way } from "../voice/probe.ts";

/** What was found out; undefined while it is not known yet, null when it does not work. */
export interface Findings {
  httpMs?: number | null;
  socketMs?: number | null;
  voiceMs?: number | null;
  offered?: ReadonlySet<Way>;
  works?: ReadonlySet<Way>;
  loop?: Loop | null;
  microphones?: number;
  cameras?: number;
}

export type State = "good" | "weak" | "bad" | "asking";

export type Line =
  | { id: "http" | "socket" | "voice"; state: State; ms?: number }
  | { id: "direct"; state: State }
  | { id: "relay-udp" | "relay-tcp" | "relay-tls"; state: State; offered: boolean }
  | { id: "loop"; state: State; loop?: Loop }
  | { id: "microphone" | "camera"; state: State };

const RELAYS = ["relay-udp", "relay-tcp", "relay-tls"] as const;
/** A voice is hard to follow past these. */
const MUCH_LOSS = 0.05;
const LONG_TRIP_MS = 300;
const MUCH_JITTER_MS = 50;

export function lines(findings: Findings): Line[] {
  const { httpMs, socketMs, voiceMs, offered, works, loop } = findings;
  const timed = (id: "http" | "socket" | "voice", ms: number | null | undefined): Line => ({
    id,
    state: ms === undefined ? "asking" : ms === null ? "bad" : "good",
    ...(typeof ms === "number" && { ms }),
  });
  const relayed = RELAYS.some((way) => works?.has(way));
  const list: Line[] = [timed("http", httpMs), timed("socket", socketMs), timed("voice", voiceMs)];
  // Nothing but a relay leads out where even that is missing: whether the media ports answer only a call can tell.
  list.push({ id: "direct", state: works === undefined ? "asking" : works.has("host") ? "good" : "weak" });
  for (const way of RELAYS) {
    const is = offered?.has(way) ?? false;
    const state = offered === undefined || (is && works === undefined) ? "asking" : works?.has(way) ? "good" : "weak";
    list.push({ id: way, state, offered: is });
  }
  if (offered === undefined || relayed || works === undefined) {
    list.push({ id: "loop", state: loop === undefined ? "asking" : loop === null ? "bad" : judged(loop), ...(loop && { loop }) });
  }
  list.push({ id: "microphone", state: present(findings.microphones) }, { id: "camera", state: present(findings.cameras) });
  return list;
}

function judged({ sent, received, rttMs, jitterMs }: Loop): State {
  if (received === 0) return "bad";
  return 1 - received / sent > MUCH_LOSS || rttMs > LONG_TRIP_MS || jitterMs > MUCH_JITTER_MS ? "weak" : "good";
}

function present(count: number | undefined): State {
  return count === undefined ? "asking" : count > 0 ? "good" : "weak";
}

/** The worst of all; asking while anything is. */
export function worst(list: readonly Line[]): State {
  for (const state of ["asking", "bad", "weak"] as const) {
    if (list.some((line) => line.state === state)) return state;
  }
  return "good";
}
