/** A recording that has ended, in our own words. Every value is immutable. */
import type { Id } from "../state/model.ts";
import type { WireOutput, WireRecording, WireTrack } from "./wire.ts";

/** From and until, in milliseconds of the recording. */
export type Span = readonly [number, number];

export interface Voice {
  userId: Id;
  /** When they speak, in order, never overlapping. */
  spoke: readonly Span[];
}
export type Source = "microphone" | "camera" | "screen" | "screen-sound";
export interface Track {
  userId: Id;
  source: Source;
  sound: boolean;
  startsMs: number;
  durationMs: number;
  bytes: number;
  url: string;
}
/** `offered`: it can be asked for. */
export type OutputState = "offered" | "waiting" | "running" | "ready" | "failed" | "unavailable";
export interface Output {
  kind: string;
  state: OutputState;
  /** 0 to 1. */
  progress: number;
  reason: string | null;
  bytes: number;
  url: string;
}
export interface Recording {
  id: Id;
  channelId: Id;
  guildId: Id | null;
  startedBy: Id;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** 0 until it is known. */
  durationMs: number;
  state: "processing" | "ready" | "failed";
  problem: string | null;
  mayDelete: boolean;
  people: readonly Voice[];
  /** Of the mix: one value from 0 to 255 for each {@link PEAK_MS}. */
  peaks: Uint8Array;
  tracks: readonly Track[];
  outputs: readonly Output[];
}

/** What one byte of `peaks` stands for. */
export const PEAK_MS = 100;

export function toRecording(wire: WireRecording): Recording {
  return {
    id: wire.id,
    channelId: wire.channel_id,
    guildId: wire.guild_id,
    startedBy: wire.started_by,
    startedAt: Date.parse(wire.started_at),
    durationMs: wire.duration_ms ?? 0,
    state: wire.state === "ready" || wire.state === "failed" ? wire.state : "processing",
    problem: wire.problem,
    mayDelete: wire.may_delete ?? false,
    people: (wire.people ?? []).map(({ user_id, spoke }) => ({ userId: user_id, spoke })),
    peaks: Uint8Array.from(atob(wire.peaks ?? ""), (char) => char.codePointAt(0) ?? 0),
    tracks: (wire.tracks ?? []).map(toTrack),
    outputs: (wire.outputs ?? []).map(toOutput),
  };
}

function toTrack(wire: WireTrack): Track {
  const sound = /^(?:opus|flac|pcm|wav)/iu.test(wire.codec);
  return { userId: wire.user_id, source: toSource(wire.source, sound), sound, startsMs: wire.starts_ms, durationMs: wire.duration_ms, bytes: wire.bytes, url: wire.url };
}

function toSource(source: string, sound: boolean): Source {
  if (source.startsWith("screen")) return sound ? "screen-sound" : "screen";
  return sound ? "microphone" : "camera";
}

function toOutput(wire: WireOutput): Output {
  const states: readonly string[] = ["offered", "waiting", "running", "ready", "failed", "unavailable"] satisfies OutputState[];
  return { kind: wire.kind, state: states.includes(wire.state) ? (wire.state as OutputState) : "unavailable", progress: wire.progress, reason: wire.reason, bytes: wire.bytes ?? 0, url: wire.url ?? "" };
}

// What is asked of it

/** The sound of everyone together; null until it is made. */
export function mixOf({ outputs }: Recording): Output | null {
  return outputs.find((output) => output.kind === "mix" && output.state === "ready" && output.url !== "") ?? null;
}

/** Whether everybody who is in it can be turned down alone. */
export function isDivisible({ people, tracks }: Recording): boolean {
  return people.length > 0 && people.every(({ userId }) => tracks.some((track) => track.sound && track.userId === userId));
}

/** The address that a browser saves instead of showing. */
export function downloadOf(url: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}download=1`;
}
