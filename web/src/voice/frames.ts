// The frames of the voice gateway (docs/protocol/voice.md): what may arrive, parsed once, and what we send.

import type { SourceKind, VoicesMode } from "./types.ts";

/** A place in our PeerConnection that the server fills with someone's media, or leaves empty. */
export interface Slot {
  mid: string;
  userId: string | null;
  source: SourceKind | null;
  /** False when the other one sends in a codec that we have not offered. */
  playable: boolean;
  /** All the others in one sound, which is nobody's. */
  mixed?: true;
  /** What this person plays from a soundboard; no source of theirs. */
  played?: true;
}

/** How large a slot is drawn, in device pixels; zero when nobody sees it. */
export interface SlotWant {
  mid: string;
  width: number;
  height: number;
  priority: number;
}

/** Whether anybody watches one of our encodings; `rid` is `null` for the only one of a source. */
export interface EncodingState {
  rid: string | null;
  wanted: boolean;
}

/** What two clients say to each other on the way to a direct path (docs/protocol/voice.md, op 28). */
export type Words =
  | { description: { type: "offer" | "answer"; sdp: string } }
  | { candidate: { candidate: string; sdp_mid: string | null; sdp_m_line_index: number | null; username_fragment: string | null } };

/** Of a direct path to the only other one in a call. */
export type DirectFrame =
  /** Find one to this person; `polite`: give way when both offer at once. */
  | { op: "paired"; userId: string; epoch: number; polite: boolean }
  | { op: "unpaired" }
  | { op: "relayed"; epoch: number; words: Words }
  /** All that we send directly arrives, or at the moment does not. */
  | { op: "other_path"; epoch: number; arrives: boolean };

export type ServerFrame =
  | { op: "hello"; heartbeatMs: number }
  | { op: "ready" }
  | { op: "session_description"; revision: number; sdp: string }
  | { op: "slots"; slots: readonly Slot[]; wanted: { audio: number; video: number } }
  | { op: "encodings"; source: SourceKind; encodings: readonly EncodingState[] }
  | { op: "speaking"; userId: string; speaking: boolean }
  | { op: "clients_connect"; userIds: readonly string[] }
  | { op: "client_disconnect"; userId: string }
  | { op: "redundancy"; microphone: boolean }
  /** bit/s; `null`: anything. */
  | { op: "bitrate"; microphone: number | null }
  | { op: "reaction"; userId: string; emoji: string }
  /** Whether we are sent one mix of all voices; `refused`: we should be, and the server has too much to do. */
  | { op: "listening"; mixed: boolean; refused: boolean }
  | DirectFrame
  | { op: "heartbeat_ack"; nonce: number }
  | { op: "resumed" };

/** What is being sent from now on. */
export type Sources = Record<SourceKind, boolean>;

export interface OfferedSource {
  mid: string;
  source: SourceKind;
}

export type ClientFrame =
  | { op: 0; d: { server_id: string; user_id: string; session_id: string; token: string; video: true; peer: boolean } }
  | { op: 1; d: { protocol: "sdp"; data: { revision: number; sdp: string; sources: readonly OfferedSource[] } } }
  | { op: 3; d: { t: number; seq_ack: number } }
  | { op: 7; d: { server_id: string; session_id: string; token: string; seq_ack: number } }
  | { op: 20; d: Sources }
  | { op: 22; d: { slots: readonly SlotWant[] } }
  | { op: 24; d: { concealed: number; frozen_ms: number; microphone_kbps: number } }
  | { op: 27; d: { peer: boolean } }
  | { op: 28; d: { epoch: number } & Words }
  | { op: 29; d: { epoch: number; state: "up" | "missing" | "failed" } }
  | { op: 30; d: { mode: VoicesMode; without: readonly string[]; bitrate?: number } }
  | { op: 31; d: { emoji: string } };

/** More slots than this of one kind is not something we would allocate, whatever the server asks. */
const MOST_SLOTS = 100;

/** The longest sequence of Unicode's is shorter, in UTF-16. */
const MOST_EMOJI = 40;

const SOURCES: readonly string[] = ["microphone", "camera", "screen", "screen_audio"];

/** Reads one text frame; `null` for what is not for us (unknown ops, broken JSON): a newer server must not end a call. */
export function parseFrame(text: string): { frame: ServerFrame | null; seq: number | null } {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { frame: null, seq: null };
  }
  if (!isRecord(raw)) return { frame: null, seq: null };
  return { frame: readFrame(raw["op"], raw["d"]), seq: typeof raw["seq"] === "number" ? raw["seq"] : null };
}

function readFrame(op: unknown, body: unknown): ServerFrame | null {
  const d = isRecord(body) ? body : {};
  switch (op) {
    case 8:
      return { op: "hello", heartbeatMs: clamp(d["heartbeat_interval"], 1_000, 60_000, 13_750) };
    case 2:
      return { op: "ready" };
    case 4:
      return typeof d["sdp"] === "string" && typeof d["revision"] === "number"
        ? { op: "session_description", revision: d["revision"], sdp: d["sdp"] }
        : null;
    case 21:
      return readSlots(d);
    case 23:
      return isSource(d["source"]) ? { op: "encodings", source: d["source"], encodings: list(d["encodings"]).flatMap(readEncoding) } : null;
    case 5:
      return typeof d["user_id"] === "string"
        ? { op: "speaking", userId: d["user_id"], speaking: d["speaking"] !== 0 && d["speaking"] !== false }
        : null;
    case 11:
      return { op: "clients_connect", userIds: list(d["user_ids"]).filter((id) => typeof id === "string") };
    case 13:
      return typeof d["user_id"] === "string" ? { op: "client_disconnect", userId: d["user_id"] } : null;
    case 25:
      return { op: "redundancy", microphone: d["microphone"] === true };
    case 26:
      return { op: "bitrate", microphone: typeof d["microphone"] === "number" && d["microphone"] > 0 ? d["microphone"] : null };
    case 27:
      if (d["user_id"] === null) return { op: "unpaired" };
      return typeof d["user_id"] === "string" && typeof d["epoch"] === "number" ? { op: "paired", userId: d["user_id"], epoch: d["epoch"], polite: d["polite"] === true } : null;
    case 28:
      return readWords(d);
    case 29:
      return typeof d["epoch"] === "number" && (d["state"] === "up" || d["state"] === "missing") ? { op: "other_path", epoch: d["epoch"], arrives: d["state"] === "up" } : null;
    case 30:
      return { op: "listening", mixed: d["mixed"] === true, refused: typeof d["refused"] === "string" };
    case 31:
      return typeof d["user_id"] === "string" && typeof d["emoji"] === "string" && isReaction(d["emoji"]) ? { op: "reaction", userId: d["user_id"], emoji: d["emoji"] } : null;
    case 6:
      return { op: "heartbeat_ack", nonce: typeof d["t"] === "number" ? d["t"] : 0 };
    case 9:
      return { op: "resumed" };
    default:
      return null;
  }
}

function readSlots(d: Record<string, unknown>): ServerFrame {
  const slots = list(d["slots"]).flatMap((slot): Slot[] => {
    if (!isRecord(slot) || typeof slot["mid"] !== "string") return [];
    if (slot["source"] === "mixed") return [{ mid: slot["mid"], userId: null, source: null, playable: true, mixed: true }];
    const userId = typeof slot["user_id"] === "string" ? slot["user_id"] : null;
    if (slot["source"] === "sound" && userId) return [{ mid: slot["mid"], userId, source: null, playable: true, played: true }];
    const source = isSource(slot["source"]) ? slot["source"] : null;
    const playable = slot["playable"] !== false;
    return [userId && source ? { mid: slot["mid"], userId, source, playable } : { mid: slot["mid"], userId: null, source: null, playable: true }];
  });
  const wanted = isRecord(d["wanted"]) ? d["wanted"] : {};
  return {
    op: "slots",
    slots,
    wanted: { audio: clamp(wanted["audio"], 0, MOST_SLOTS, 0), video: clamp(wanted["video"], 0, MOST_SLOTS, 0) },
  };
}

function readWords(d: Record<string, unknown>): DirectFrame | null {
  const { epoch, description, candidate } = d;
  if (typeof epoch !== "number") return null;
  if (isRecord(description)) {
    const { type, sdp } = description;
    return (type === "offer" || type === "answer") && typeof sdp === "string" ? { op: "relayed", epoch, words: { description: { type, sdp } } } : null;
  }
  if (!isRecord(candidate) || typeof candidate["candidate"] !== "string") return null;
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  const line = candidate["sdp_m_line_index"];
  const words = {
    candidate: candidate["candidate"],
    sdp_mid: text(candidate["sdp_mid"]),
    sdp_m_line_index: typeof line === "number" ? line : null,
    username_fragment: text(candidate["username_fragment"]),
  };
  return { op: "relayed", epoch, words: { candidate: words } };
}

function readEncoding(state: unknown): EncodingState[] {
  if (!isRecord(state) || typeof state["wanted"] !== "boolean") return [];
  return [{ rid: typeof state["rid"] === "string" ? state["rid"] : null, wanted: state["wanted"] }];
}

/** One emoji and nothing else: it is drawn as it came. */
export function isReaction(text: string): boolean {
  return text.length <= MOST_EMOJI && /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[\d#*]\uFE0F?\u20E3)(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200D|\uFE0F|[\u{E0020}-\u{E007F}])*$/u.test(text);
}

function isSource(value: unknown): value is SourceKind {
  return typeof value === "string" && SOURCES.includes(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function clamp(value: unknown, least: number, most: number, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
}
