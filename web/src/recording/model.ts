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
export type Source = "microphone" | "camera" | "screen" | "screen-sound" | "played";
export interface Track {
  /** What it is asked for by. */
  name: string;
  userId: Id;
  source: Source;
  sound: boolean;
  startsMs: number;
  durationMs: number;
  bytes: number;
  url: string;
  /** One may take it out. */
  mayDelete: boolean;
}
/** `offered`: it can be asked for. */
export type OutputState = "offered" | "waiting" | "running" | "ready" | "failed" | "unavailable";
export interface Output {
  kind: string;
  /** The name of the track it is of; null: of all. */
  track: string | null;
  state: OutputState;
  /** 0 to 1. */
  progress: number;
  reason: string | null;
  /** The reason in one word; empty without one. */
  cause: string;
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
  /** Where a small picture of it is; empty without one. */
  thumbnail: string;
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
    thumbnail: wire.thumbnail ?? "",
    mayDelete: wire.may_delete ?? false,
    people: (wire.people ?? []).map(({ user_id, spoke }) => ({ userId: user_id, spoke })),
    peaks: Uint8Array.from(atob(wire.peaks ?? ""), (char) => char.codePointAt(0) ?? 0),
    tracks: (wire.tracks ?? []).map(toTrack),
    outputs: (wire.outputs ?? []).map(toOutput),
  };
}

function toTrack(wire: WireTrack): Track {
  const sound = /^(?:opus|flac|pcm|wav)/iu.test(wire.codec);
  return { name: wire.name ?? "", userId: wire.user_id, source: toSource(wire.source, sound), sound, startsMs: wire.starts_ms, durationMs: wire.duration_ms, bytes: wire.bytes, url: wire.url, mayDelete: wire.may_delete ?? false };
}

function toSource(source: string, sound: boolean): Source {
  if (source.startsWith("screen")) return sound ? "screen-sound" : "screen";
  if (source === "sound") return "played";
  return sound ? "microphone" : "camera";
}

function toOutputState(state: string): OutputState {
  const states: readonly string[] = ["offered", "waiting", "running", "ready", "failed", "unavailable"] satisfies OutputState[];
  return states.includes(state) ? (state as OutputState) : "unavailable";
}

export function toOutput(wire: WireOutput): Output {
  return { kind: wire.kind, track: wire.track ?? null, state: toOutputState(wire.state), progress: wire.progress, reason: wire.reason, cause: wire.cause ?? "", bytes: wire.bytes ?? 0, url: wire.url ?? "" };
}

// What is asked of it

/** The sound of everyone together; null until it is made. */
export function mixOf({ outputs }: Recording): Output | null {
  return outputs.find((output) => output.kind === "mix" && output.state === "ready" && output.url !== "") ?? null;
}

/** Everyone's pictures with the sound; null until somebody had it made. */
export function videoOf({ outputs }: Recording): Output | null {
  return outputs.find((output) => output.kind === "video" && output.state === "ready" && output.url !== "") ?? null;
}

/** What is made of one track, or of all. */
export function outputOf({ outputs }: Recording, kind: string, track: string | null = null): Output | null {
  return outputs.find((output) => output.kind === kind && output.track === track) ?? null;
}

/** The recording once the gateway said how far something is that is made of it. */
export function withNews(recording: Recording, kind: string, track: string | null, part: Pick<WireOutput, "state" | "progress">): Recording {
  const { state, progress } = part;
  return { ...recording, outputs: recording.outputs.map((output) => (output.kind === kind && output.track === track ? { ...output, state: toOutputState(state), progress } : output)) };
}

/** The recording once the server answered about one output. */
export function withOutput(recording: Recording, output: Output): Recording {
  return { ...recording, outputs: recording.outputs.map((one) => (one.kind === output.kind && one.track === output.track ? output : one)) };
}

/** Whom one may take out of it: people all of whose tracks one may delete, oneself first. */
export function removable({ tracks }: Recording, self: Id): Id[] {
  const people = [...new Set(tracks.map(({ userId }) => userId))];
  const may = people.filter((id) => tracks.every((track) => track.userId !== id || track.mayDelete));
  return may.toSorted((a, b) => Number(b === self) - Number(a === self));
}

/** Whether something is being made of it, or is to be. */
export function isMaking({ outputs }: Recording): boolean {
  return outputs.some(({ state }) => state === "waiting" || state === "running");
}

/** Whether everybody who is in it can be turned down alone. */
export function isDivisible({ people, tracks }: Recording): boolean {
  return people.length > 0 && people.every(({ userId }) => tracks.some((track) => track.sound && track.userId === userId));
}

/** The address that a browser saves instead of showing. */
export function downloadOf(url: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}download=1`;
}
