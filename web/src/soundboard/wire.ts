/** Shapes of the soundboard on the wire (v10). */
import type { WireUser } from "../api/wire.ts";

export interface WireSound {
  sound_id: string;
  name: string;
  volume: number;
  emoji_id: string | null;
  emoji_name: string | null;
  guild_id: string;
  available: boolean;
  /** Who made it, for those who may manage sounds. */
  user?: WireUser;
}

/** Somebody played a sound in the call that one is in. */
export interface WireVoiceEffect {
  channel_id: string;
  guild_id: string;
  user_id: string;
  emoji: { id: string | null; name: string | null; animated?: boolean } | null;
  sound_id?: string;
  sound_volume?: number;
  /** Ours: what it is called. */
  sound_name?: string;
}
