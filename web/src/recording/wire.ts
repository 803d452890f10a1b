/** What crosses the wire around recordings, exactly as docs/protocol/recordings.md names it. `model.ts` turns it into our own words. */

export type WirePolicy = "announce" | "ask" | "off";

export interface WireCallRecording {
  id: string;
  channel_id: string;
  guild_id: string | null;
  state: "recording" | "paused" | "ended";
  policy: WirePolicy;
  started_by: string;
  started_at: string;
  paused_ms: number;
  kept: string[];
  /** Who answered no, on whichever device. */
  declined?: string[];
  trouble: string | null;
}
export interface WireRecordingSettings {
  policy: WirePolicy;
  /** Null: until they are deleted. */
  keep_days: number | null;
}
export interface WireTrack {
  name?: string;
  user_id: string;
  source: string;
  codec: string;
  starts_ms: number;
  duration_ms: number;
  bytes: number;
  url: string;
  may_delete?: boolean;
}
export interface WireOutput {
  kind: string;
  /** The name of the track it is of. */
  track?: string | null;
  state: string;
  progress: number;
  reason: string | null;
  /** The reason in one word. */
  cause?: string | null;
  bytes: number | null;
  url: string | null;
}
/** In a channel's list without `people`, `peaks` and addresses. */
export interface WireRecording {
  id: string;
  channel_id: string;
  guild_id: string | null;
  started_by: string;
  started_at: string;
  /** Null until it is known. */
  duration_ms: number | null;
  state: string;
  problem: string | null;
  thumbnail?: string | null;
  may_delete?: boolean;
  people?: { user_id: string; spoke: [number, number][] }[];
  peaks?: string;
  tracks?: WireTrack[];
  outputs?: WireOutput[];
}
/** How far it is, while it or something of it is being made. */
export interface WireRecordingUpdate {
  id: string;
  channel_id: string;
  guild_id: string | null;
  state: string;
  progress: number;
  /** What is being made of one that is ready; absent: the recording itself. */
  output?: { kind: string; track: string | null; state: string };
}
