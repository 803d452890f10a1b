// How good the connection is, from two reports of getStats: pure, so that it can be tested with made-up reports.

import type { Uplink } from "./bitrate.ts";
import type { LinkQuality } from "./types.ts";

/** The counters of one moment, summed over everything the call sends and receives. */
export interface Counters {
  atMs: number;
  bytesSent: number;
  bytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  /** Loss as the server sees it, averaged over what it reports on; 0 to 1. */
  lossUp: number;
  /** The same, of the sound that is lost most. */
  soundLossUp: number;
  soundPacketsSent: number;
  pictureBytesSent: number;
  /** What the browser holds the way up to take, bit/s; 0 when it does not say. */
  available: number;
  rttMs: number;
  /** STUN answers on the chosen path: they come even when nobody speaks. */
  consents: number;
  /** Samples of sound that were played, and those of them that had to be made up. */
  samples: number;
  concealed: number;
  frozenMs: number;
}

/** Below this much loss nobody notices: Opus conceals it. */
const WEAK_LOSS = 0.03;
const BAD_LOSS = 0.1;
/** ITU-T G.114: up to 150 ms one way is fine for talk, above 400 ms it is not. */
const WEAK_RTT_MS = 250;
const BAD_RTT_MS = 600;

export function count(report: RTCStatsReport, atMs: number): Counters {
  const counters: Counters = { atMs, bytesSent: 0, bytesReceived: 0, packetsReceived: 0, packetsLost: 0, lossUp: 0, soundLossUp: 0, soundPacketsSent: 0, pictureBytesSent: 0, available: 0, rttMs: 0, consents: 0, samples: 0, concealed: 0, frozenMs: 0 };
  const losses: number[] = [];
  // The DOM types know nothing of the members of each kind of entry.
  report.forEach((entry: Record<string, unknown>) => {
    switch (entry["type"]) {
      case "inbound-rtp":
        counters.packetsReceived += number(entry["packetsReceived"]);
        counters.packetsLost += number(entry["packetsLost"]);
        counters.samples += number(entry["totalSamplesReceived"]);
        // Silence that was inserted because nothing was sent is no loss.
        counters.concealed += number(entry["concealedSamples"]) - number(entry["silentConcealedSamples"]);
        counters.frozenMs += number(entry["totalFreezesDuration"]) * 1_000;
        break;
      case "remote-inbound-rtp":
        losses.push(Math.max(0, number(entry["fractionLost"])));
        if (entry["kind"] === "audio") counters.soundLossUp = Math.max(counters.soundLossUp, number(entry["fractionLost"]));
        break;
      case "outbound-rtp":
        if (entry["kind"] === "audio") counters.soundPacketsSent += number(entry["packetsSent"]);
        if (entry["kind"] === "video") counters.pictureBytesSent += number(entry["bytesSent"]);
        break;
      case "candidate-pair":
        if (entry["nominated"] !== true && entry["state"] !== "succeeded") break;
        counters.consents += number(entry["responsesReceived"]);
        if (entry["nominated"] !== true) break;
        counters.rttMs = number(entry["currentRoundTripTime"]) * 1_000;
        counters.available = number(entry["availableOutgoingBitrate"]);
        break;
      case "transport":
        counters.bytesSent += number(entry["bytesSent"]);
        counters.bytesReceived += number(entry["bytesReceived"]);
        break;
    }
  });
  if (losses.length > 0) counters.lossUp = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return counters;
}

/** bit/s that the encoder of what is sent on this m-line works towards; 0 when the browser does not say. */
export function encoderTarget(report: RTCStatsReport, mid: string | null | undefined): number {
  let target = 0;
  report.forEach((entry: Record<string, unknown>) => {
    if (entry["type"] === "outbound-rtp" && entry["mid"] === mid) target = number(entry["targetBitrate"]);
  });
  return target;
}

/** When something that came was last played or shown, on a clock of its own; undefined when that is long ago. */
export function lastPlayed(receiver: RTCRtpReceiver | undefined): number | undefined {
  const sources = receiver?.getSynchronizationSources() ?? [];
  return sources.length === 0 ? undefined : Math.max(...sources.map(({ timestamp }) => timestamp));
}

/** Whether anything at all came in between the two. */
export function flowed(before: Counters, after: Counters): boolean {
  return after.bytesReceived !== before.bytesReceived || after.consents !== before.consents;
}

/** What the two say of the way up. */
export function uplink(before: Counters, after: Counters): Uplink {
  // Without a picture there is no transport-wide feedback, and what the browser names is a guess.
  const measured = after.available > 0 && after.pictureBytesSent > before.pictureBytesSent;
  const packets = after.soundPacketsSent - before.soundPacketsSent;
  return { loss: after.soundLossUp, packets, rttMs: after.rttMs, available: measured ? after.available : null };
}

export function quality(before: Counters, after: Counters): LinkQuality {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1_000);
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  const received = Math.max(0, after.packetsReceived - before.packetsReceived);
  const lossDown = lost + received > 0 ? lost / (lost + received) : 0;
  const worst = Math.max(lossDown, after.lossUp);
  return {
    lossUp: after.lossUp,
    lossDown,
    rttMs: Math.round(after.rttMs),
    upKbps: kbps(after.bytesSent - before.bytesSent, seconds),
    downKbps: kbps(after.bytesReceived - before.bytesReceived, seconds),
    concealed: share(after.concealed - before.concealed, after.samples - before.samples),
    frozenMs: Math.round(Math.max(0, after.frozenMs - before.frozenMs)),
    level: worst >= BAD_LOSS || after.rttMs >= BAD_RTT_MS ? "bad" : worst >= WEAK_LOSS || after.rttMs >= WEAK_RTT_MS ? "weak" : "good",
  };
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
}

function kbps(bytes: number, seconds: number): number {
  return Math.round((Math.max(0, bytes) * 8) / 1_000 / seconds);
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
