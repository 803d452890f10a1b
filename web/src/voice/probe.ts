/** Tries each way that a call could take, with nobody but ourselves at its ends. The browser's side of the connection test. */

import { withoutRelays } from "./ice.ts";

/** How a candidate is reached: our own address, the one that others see, or a relay of the server's by what carries it. */
export type Way = "host" | "reflexive" | "relay-udp" | "relay-tcp" | "relay-tls";

/** A round trip through the relay, measured over a channel that does not repeat what is lost. */
export interface Loop {
  sent: number;
  received: number;
  /** The median of the round trips, and the mean difference between neighbours. */
  rttMs: number;
  jitterMs: number;
}

const GATHER_MS = 10_000;
const CONNECT_MS = 12_000;
const PINGS = 50;
const PING_EVERY_MS = 40;
/** The last ones may still be on their way. */
const LAST_MS = 1_000;

/** Which of the relay's ways a URL is. */
export function wayOf(url: string): Way | null {
  if (url.startsWith("turns:")) return "relay-tls";
  if (!url.startsWith("turn:")) return null;
  return url.includes("transport=tcp") ? "relay-tcp" : "relay-udp";
}

/** One server for each URL, so that each way is tried by itself. */
export function byWay(servers: readonly RTCIceServer[]): Map<Way, RTCIceServer> {
  const ways = new Map<Way, RTCIceServer>();
  for (const server of servers) {
    for (const url of [server.urls].flat()) {
      const way = wayOf(url);
      if (way && !ways.has(way)) ways.set(way, { ...server, urls: [url] });
    }
  }
  return ways;
}

/** The kinds of candidates that gathering with this server finds. */
async function kinds(iceServers: RTCIceServer[], iceTransportPolicy: RTCIceTransportPolicy): Promise<Set<string>> {
  const found = new Set<string>();
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy });
  try {
    const gathered = new Promise<void>((resolve) => {
      connection.addEventListener("icecandidate", ({ candidate }) => {
        if (!candidate) return resolve();
        if (candidate.type) found.add(candidate.type);
        // A relay is all that is asked for: its end need not be waited for.
        if (candidate.type === "relay") resolve();
      });
    });
    connection.createDataChannel("");
    await connection.setLocalDescription();
    await Promise.race([gathered, after(GATHER_MS)]);
  } finally {
    connection.close();
  }
  return found;
}

/** Every way that works, each tried alone and all at once. */
export async function gather(servers: readonly RTCIceServer[]): Promise<Set<Way>> {
  const ways = byWay(servers);
  const works = new Set<Way>();
  const udp = ways.get("relay-udp");
  const tries: Promise<void>[] = [
    kinds(withoutRelays(udp ? [udp] : []), "all").then((found) => {
      if (found.has("host")) works.add("host");
      // One's own address is no other one: on an open network there is no reflexive candidate.
      if (found.has("srflx")) works.add("reflexive");
    }),
  ];
  for (const [way, server] of ways) {
    tries.push(
      kinds([server], "relay").then((found) => {
        if (found.has("relay")) works.add(way);
      }),
    );
  }
  await Promise.all(tries);
  return works;
}

/** A call with oneself through the relay; null when it does not come up. */
export async function loop(servers: readonly RTCIceServer[]): Promise<Loop | null> {
  const settings: RTCConfiguration = { iceServers: [...servers], iceTransportPolicy: "relay" };
  const [ours, theirs] = [new RTCPeerConnection(settings), new RTCPeerConnection(settings)];
  try {
    for (const [from, to] of [[ours, theirs], [theirs, ours]] as const) {
      from.addEventListener("icecandidate", ({ candidate }) => {
        // One that comes when all is over is of no use.
        if (candidate) void to.addIceCandidate(candidate).catch(() => {});
      });
    }
    theirs.addEventListener("datachannel", ({ channel }) => {
      channel.addEventListener("message", ({ data }) => channel.send(data as string));
    });
    const channel = ours.createDataChannel("", { ordered: false, maxRetransmits: 0 });
    const opened = new Promise<boolean>((resolve) => channel.addEventListener("open", () => resolve(true)));
    await ours.setLocalDescription();
    await theirs.setRemoteDescription(ours.localDescription!);
    await theirs.setLocalDescription();
    await ours.setRemoteDescription(theirs.localDescription!);
    if (!(await Promise.race([opened, after(CONNECT_MS).then(() => false)]))) return null;
    return await measure(channel);
  } finally {
    ours.close();
    theirs.close();
  }
}

async function measure(channel: RTCDataChannel): Promise<Loop> {
  const sentAt = new Map<string, number>();
  const trips: number[] = [];
  channel.addEventListener("message", ({ data }) => {
    const at = sentAt.get(data as string);
    if (at !== undefined) trips.push(performance.now() - at);
  });
  for (let ping = 0; ping < PINGS; ping++) {
    sentAt.set(`${ping}`, performance.now());
    channel.send(`${ping}`);
    await after(PING_EVERY_MS);
  }
  await after(LAST_MS);
  return summary(PINGS, trips);
}

/** What the round trips say, in the order in which they came back. */
export function summary(sent: number, trips: readonly number[]): Loop {
  const sorted = [...trips].sort((a, b) => a - b);
  const steps = trips.slice(1).map((trip, i) => Math.abs(trip - trips[i]!));
  const mean = steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length;
  return { sent, received: trips.length, rttMs: sorted[Math.floor(sorted.length / 2)] ?? 0, jitterMs: mean };
}

/** How long a WebSocket of the server takes to open; null when it does not. */
export async function socketOpens(path: string): Promise<number | null> {
  const from = performance.now();
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  try {
    const opened = new Promise<boolean>((resolve) => {
      socket.addEventListener("open", () => resolve(true));
      socket.addEventListener("error", () => resolve(false));
    });
    return (await Promise.race([opened, after(CONNECT_MS).then(() => false)])) ? performance.now() - from : null;
  } finally {
    socket.close();
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
