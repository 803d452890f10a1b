/** A file that is played in a call, on the wire (docs/protocol/voice.md). */
export interface WireCallPlayback {
  channel_id: string;
  guild_id: string;
  user_id: string;
  title: string;
  state: string;
}
