/** What crosses the wire around broadcasts, exactly as docs/protocol/broadcast.md names it. */
import type { WirePolicy } from "../recording/wire.ts";

export interface WireCallBroadcast {
  id: string;
  channel_id: string;
  guild_id: string;
  state: "live" | "ended";
  policy: WirePolicy;
  started_by: string;
  started_at: string;
  kept: string[];
  viewers: number;
  picture: { user_id: string; source: "camera" | "screen"; codec: string } | null;
  sound: ("opus" | "aac")[];
  trouble: string | null;
}
