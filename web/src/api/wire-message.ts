/** What crosses the wire around messages: exactly as the v10 API names it, and the two shapes of our own read states. */
import type { WireMember, WireUser } from "./wire.ts";

export interface WireAttachment {
  id: string;
  filename: string;
  description?: string | null;
  content_type?: string | null;
  size: number;
  url: string;
  proxy_url?: string;
  width?: number | null;
  height?: number | null;
  duration_secs?: number | null;
  flags?: number;
}
export interface WireEmbedMedia {
  url?: string;
  proxy_url?: string;
  width?: number;
  height?: number;
}
export interface WireEmbed {
  type?: string;
  title?: string;
  description?: string;
  url?: string;
  timestamp?: string;
  color?: number;
  footer?: { text: string; icon_url?: string };
  image?: WireEmbedMedia;
  thumbnail?: WireEmbedMedia;
  video?: WireEmbedMedia;
  provider?: { name?: string; url?: string };
  author?: { name: string; url?: string; icon_url?: string };
  fields?: { name: string; value: string; inline?: boolean }[];
}
export interface WireReactionEmoji {
  id: string | null;
  name: string | null;
  animated?: boolean;
}
export interface WireReaction {
  emoji: WireReactionEmoji;
  count: number;
  me: boolean;
}
export interface WireReactionChange {
  user_id: string;
  channel_id: string;
  message_id: string;
  guild_id?: string;
  emoji: WireReactionEmoji;
}
export interface WireMessageReference {
  message_id?: string;
  channel_id: string;
  guild_id?: string;
}
export interface WireMessage {
  id: string;
  channel_id: string;
  guild_id?: string;
  author: WireUser;
  member?: WireMember;
  content: string;
  timestamp: string;
  edited_timestamp: string | null;
  nonce?: string | number | null;
  type?: number;
  flags?: number;
  mentions?: WireUser[];
  mention_roles?: string[];
  mention_everyone?: boolean;
  attachments?: WireAttachment[];
  embeds?: WireEmbed[];
  reactions?: WireReaction[];
  pinned?: boolean;
  message_reference?: WireMessageReference | null;
  /** Null when it was deleted. */
  referenced_message?: WireMessage | null;
  call?: { participants: string[]; ended_timestamp?: string | null };
}
/** What is sent to make a message. */
export interface WireNewMessage {
  content: string;
  nonce: string;
  enforce_nonce: true;
  attachments?: { id: string; filename?: string; description?: string; is_spoiler?: boolean }[];
  message_reference?: { message_id: string; channel_id: string; fail_if_not_exists: false };
  allowed_mentions?: { parse: string[]; replied_user: boolean };
}
export interface WireUpload {
  id: string;
  filename: string;
  size: number;
  content_type: string;
  width?: number | null;
  height?: number | null;
}
export interface WireUploadLimits {
  max_size: number;
  quota: number;
  used: number;
}
export interface WireReadState {
  channel_id: string;
  last_message_id: string | null;
  mention_count: number;
}
export interface WireMute {
  muted: boolean;
  mute_until?: string | null;
  /** 0 all, 1 mentions, 2 nothing, 3 as the guild. */
  message_notifications?: number;
}
export interface WireGuildSettings extends WireMute {
  /** Null: direct conversations. */
  guild_id: string | null;
  suppress_everyone?: boolean;
  suppress_roles?: boolean;
  channel_overrides?: (WireMute & { channel_id: string })[];
}
export interface WireFound {
  total_results: number;
  /** Each a message that was found, with those around it where the server gives them. */
  messages: (WireMessage & { hit?: boolean })[][];
}
export interface WirePins {
  items: { pinned_at: string; message: WireMessage }[];
  has_more: boolean;
}
