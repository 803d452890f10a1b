import type { WireCallPlayback } from "../playback/wire.ts";
import type { WireSound, WireVoiceEffect } from "../soundboard/wire.ts";
import type { WireCallBroadcast } from "../broadcast/wire.ts";
import type { WireCallRecording, WireRecordingUpdate } from "../recording/wire.ts";
import type { WireGuildSettings, WireMessage, WireReactionChange, WireReadState } from "./wire-message.ts";

export type * from "./wire-message.ts";

/** The shapes that cross the wire, exactly as the v10 API names them. Nothing past `state/parse.ts` sees them, except messages sent and lists drawn once. */

export interface WireUser {
  id: string;
  username: string;
  global_name?: string | null;
  bot?: boolean;
  /** Hashes of pictures under /cdn/avatars and /cdn/banners. */
  avatar?: string | null;
  banner?: string | null;
  accent_color?: number | null;
  /** Only of oneself. */
  mfa_enabled?: boolean;
}
export interface WireMember {
  user?: WireUser;
  nick?: string | null;
  roles: string[];
  joined_at?: string;
  communication_disabled_until?: string | null;
}
export interface WireRole {
  id: string;
  name: string;
  permissions: string;
  position: number;
  /** RGB, 0 for none. */
  color?: number;
  hoist?: boolean;
  mentionable?: boolean;
  managed?: boolean;
}
export interface WireOverwrite {
  id: string;
  type: 0 | 1;
  allow: string;
  deny: string;
}
export interface WireChannel {
  id: string;
  type: number;
  guild_id?: string;
  name?: string;
  topic?: string | null;
  position?: number;
  last_message_id?: string | null;
  permission_overwrites?: WireOverwrite[];
  parent_id?: string | null;
  /** Seconds between two messages of one person. */
  rate_limit_per_user?: number;
  nsfw?: boolean;
  bitrate?: number;
  user_limit?: number;
  last_pin_timestamp?: string | null;
  /** Of direct conversations and groups: everybody in it but oneself, who owns the group, its picture. */
  recipients?: WireUser[];
  owner_id?: string;
  icon?: string | null;
}
/** `refused`: an op 4 was refused, and why; the rest says where one really is. */
export interface WireVoiceState {
  refused?: { channel_id: string | null; reason: string };
  guild_id?: string;
  channel_id: string | null;
  user_id: string;
  session_id: string;
  self_mute: boolean;
  self_deaf: boolean;
  self_video?: boolean;
  self_stream?: boolean;
  mute?: boolean;
  deaf?: boolean;
  member?: WireMember;
}
/** The call of a conversation, as CALL_CREATE tells it. */
export interface WireCall {
  channel_id: string;
  message_id?: string | null;
  region?: string;
  ringing?: string[];
  voice_states?: WireVoiceState[];
}
export interface WireCustomStatus {
  text?: string | null;
  emoji_name?: string | null;
  emoji_id?: string | null;
  expires_at?: string | null;
}
/** An activity of type 4 is a custom status. */
export interface WireActivity {
  type: number;
  name?: string;
  state?: string | null;
  emoji?: { id?: string | null; name?: string | null } | null;
}
export interface WirePresence {
  user: { id: string };
  status: string;
  guild_id?: string;
  activities?: WireActivity[];
}
export interface WireEmoji {
  id: string;
  name: string;
  animated?: boolean;
  user?: WireUser;
}
export interface WireRelationship {
  id: string;
  /** 1 friend, 2 blocked, 3 they ask, 4 we asked. */
  type: 1 | 2 | 3 | 4;
  user: WireUser;
  since?: string;
}
export interface WireUserSettings {
  status?: string;
  custom_status?: WireCustomStatus | null;
  locale?: string;
  hide_address?: boolean;
}
export interface WireMemberListGroup {
  /** A hoisted role's id, or "online" or "offline". */
  id: string;
  count: number;
}
export type WireMemberListItem = { group: WireMemberListGroup } | { member: WireMember & { user: WireUser; presence?: Omit<WirePresence, "user"> | null } };
export interface WireMemberList {
  guild_id: string;
  channel_id?: string;
  member_count: number;
  online_count: number;
  groups: WireMemberListGroup[];
  ops: { op: string; range: [number, number]; items: WireMemberListItem[] }[];
}
export interface WireGuild {
  id: string;
  name: string;
  owner_id: string;
  /** Hash of its picture under /cdn/icons. */
  icon?: string | null;
  description?: string | null;
  emojis?: WireEmoji[];
  large?: boolean;
  unavailable?: boolean;
  channels?: WireChannel[];
  roles?: WireRole[];
  members?: WireMember[];
  member_count?: number;
  voice_states?: WireVoiceState[];
  presences?: WirePresence[];
  soundboard_sounds?: WireSound[];
}
export interface WireInvite {
  code: string;
  guild?: { id: string; name: string; icon?: string | null };
  channel?: { id: string; name?: string; type: number } | null;
  inviter?: WireUser;
  approximate_member_count?: number;
  approximate_presence_count?: number;
  expires_at?: string | null;
  max_age?: number;
  max_uses?: number;
  uses?: number;
  created_at?: string;
}
export interface WireStreamKey {
  id: string;
  channel_id: string;
  name: string;
  may_view: boolean;
  created_at: string;
  last_used_at: string | null;
  /** Only in the answer that made it. */
  key?: string;
}
export interface WireSession {
  id: string;
  created_at: string;
  last_used_at: string;
  user_agent: string | null;
  current: boolean;
}
export interface ServerInfo {
  name: string;
  version: string;
  registration: "open" | "invite" | "closed";
}

export interface WireReady {
  user: WireUser;
  session_id: string;
  resume_gateway_url: string;
  guilds: WireGuild[];
  relationships?: WireRelationship[];
  presences?: WirePresence[];
  user_settings?: WireUserSettings;
  private_channels?: WireChannel[];
  calls?: WireCall[];
  read_state?: WireReadState[];
  user_guild_settings?: WireGuildSettings[];
}

/** A dispatch of the gateway: the ones that change what is drawn. Others arrive too and are dropped at the door. */
export type WireEvent =
  | { t: "READY"; d: WireReady }
  | { t: "RESUMED"; d: unknown }
  | { t: "GUILD_CREATE"; d: WireGuild }
  | { t: "GUILD_UPDATE"; d: WireGuild }
  | { t: "GUILD_DELETE"; d: { id: string; unavailable?: boolean } }
  | { t: "GUILD_MEMBER_ADD"; d: WireMember & { guild_id: string } }
  | { t: "GUILD_MEMBER_UPDATE"; d: WireMember & { guild_id: string } }
  | { t: "GUILD_MEMBER_REMOVE"; d: { guild_id: string; user: WireUser } }
  | { t: "GUILD_ROLE_CREATE"; d: { guild_id: string; role: WireRole } }
  | { t: "GUILD_ROLE_UPDATE"; d: { guild_id: string; role: WireRole } }
  | { t: "GUILD_ROLE_DELETE"; d: { guild_id: string; role_id: string } }
  | { t: "CHANNEL_CREATE"; d: WireChannel }
  | { t: "CHANNEL_UPDATE"; d: WireChannel }
  | { t: "CHANNEL_DELETE"; d: WireChannel }
  | { t: "MESSAGE_CREATE"; d: WireMessage }
  | { t: "MESSAGE_UPDATE"; d: Partial<WireMessage> & { id: string; channel_id: string } }
  | { t: "MESSAGE_DELETE"; d: { id: string; channel_id: string; guild_id?: string } }
  | { t: "MESSAGE_DELETE_BULK"; d: { ids: string[]; channel_id: string; guild_id?: string } }
  | { t: "MESSAGE_REACTION_ADD"; d: WireReactionChange }
  | { t: "MESSAGE_REACTION_REMOVE"; d: WireReactionChange }
  | { t: "MESSAGE_REACTION_REMOVE_ALL"; d: { channel_id: string; message_id: string } }
  | { t: "MESSAGE_REACTION_REMOVE_EMOJI"; d: { channel_id: string; message_id: string; emoji: WireReactionChange["emoji"] } }
  | { t: "CHANNEL_PINS_UPDATE"; d: { channel_id: string; guild_id?: string; last_pin_timestamp?: string | null } }
  | { t: "CHANNEL_RECIPIENT_ADD"; d: { channel_id: string; user: WireUser } }
  | { t: "CHANNEL_RECIPIENT_REMOVE"; d: { channel_id: string; user: WireUser } }
  | { t: "MESSAGE_ACK"; d: WireReadState }
  | { t: "USER_GUILD_SETTINGS_UPDATE"; d: WireGuildSettings }
  | { t: "TYPING_START"; d: { channel_id: string; guild_id?: string; user_id: string; timestamp: number } }
  | { t: "PRESENCE_UPDATE"; d: WirePresence }
  | { t: "USER_UPDATE"; d: WireUser }
  | { t: "USER_SETTINGS_UPDATE"; d: WireUserSettings }
  | { t: "RELATIONSHIP_ADD"; d: WireRelationship }
  | { t: "RELATIONSHIP_UPDATE"; d: WireRelationship }
  | { t: "RELATIONSHIP_REMOVE"; d: { id: string; type?: number } }
  | { t: "GUILD_EMOJIS_UPDATE"; d: { guild_id: string; emojis: WireEmoji[] } }
  | { t: "GUILD_SOUNDBOARD_SOUND_CREATE"; d: WireSound }
  | { t: "GUILD_SOUNDBOARD_SOUND_UPDATE"; d: WireSound }
  | { t: "GUILD_SOUNDBOARD_SOUND_DELETE"; d: { guild_id: string; sound_id: string } }
  | { t: "VOICE_CHANNEL_EFFECT_SEND"; d: WireVoiceEffect }
  | { t: "GUILD_BAN_ADD"; d: { guild_id: string; user: WireUser } }
  | { t: "GUILD_BAN_REMOVE"; d: { guild_id: string; user: WireUser } }
  | { t: "GUILD_MEMBER_LIST_UPDATE"; d: WireMemberList }
  | { t: "INVITE_CREATE"; d: WireInvite & { guild_id?: string; channel_id: string } }
  | { t: "INVITE_DELETE"; d: { guild_id?: string; channel_id: string; code: string } }
  | { t: "CALL_CREATE"; d: WireCall }
  | { t: "CALL_UPDATE"; d: { channel_id: string; message_id?: string | null; ringing: string[] } }
  | { t: "CALL_DELETE"; d: { channel_id: string } }
  | { t: "CALL_RECORDING_UPDATE"; d: WireCallRecording }
  | { t: "RECORDING_UPDATE"; d: WireRecordingUpdate }
  | { t: "CALL_BROADCAST_UPDATE"; d: WireCallBroadcast }
  | { t: "CALL_PLAYBACK_UPDATE"; d: WireCallPlayback }
  | { t: "VOICE_STATE_UPDATE"; d: WireVoiceState }
  | { t: "VOICE_SERVER_UPDATE"; d: { token: string; guild_id: string | null; channel_id?: string | null; endpoint: string | null } };

const known: Record<WireEvent["t"], true> = {
  READY: true,
  RESUMED: true,
  GUILD_CREATE: true,
  GUILD_UPDATE: true,
  GUILD_DELETE: true,
  GUILD_MEMBER_ADD: true,
  GUILD_MEMBER_UPDATE: true,
  GUILD_MEMBER_REMOVE: true,
  GUILD_ROLE_CREATE: true,
  GUILD_ROLE_UPDATE: true,
  GUILD_ROLE_DELETE: true,
  CHANNEL_CREATE: true,
  CHANNEL_UPDATE: true,
  CHANNEL_DELETE: true,
  MESSAGE_CREATE: true,
  MESSAGE_UPDATE: true,
  MESSAGE_DELETE: true,
  MESSAGE_DELETE_BULK: true,
  MESSAGE_REACTION_ADD: true,
  MESSAGE_REACTION_REMOVE: true,
  MESSAGE_REACTION_REMOVE_ALL: true,
  MESSAGE_REACTION_REMOVE_EMOJI: true,
  CHANNEL_PINS_UPDATE: true,
  CHANNEL_RECIPIENT_ADD: true,
  CHANNEL_RECIPIENT_REMOVE: true,
  MESSAGE_ACK: true,
  USER_GUILD_SETTINGS_UPDATE: true,
  TYPING_START: true,
  PRESENCE_UPDATE: true,
  USER_UPDATE: true,
  USER_SETTINGS_UPDATE: true,
  RELATIONSHIP_ADD: true,
  RELATIONSHIP_UPDATE: true,
  RELATIONSHIP_REMOVE: true,
  GUILD_EMOJIS_UPDATE: true,
  GUILD_SOUNDBOARD_SOUND_CREATE: true,
  GUILD_SOUNDBOARD_SOUND_UPDATE: true,
  GUILD_SOUNDBOARD_SOUND_DELETE: true,
  VOICE_CHANNEL_EFFECT_SEND: true,
  GUILD_BAN_ADD: true,
  GUILD_BAN_REMOVE: true,
  GUILD_MEMBER_LIST_UPDATE: true,
  INVITE_CREATE: true,
  INVITE_DELETE: true,
  CALL_CREATE: true,
  CALL_UPDATE: true,
  CALL_DELETE: true,
  CALL_RECORDING_UPDATE: true,
  RECORDING_UPDATE: true,
  CALL_BROADCAST_UPDATE: true,
  CALL_PLAYBACK_UPDATE: true,
  VOICE_STATE_UPDATE: true,
  VOICE_SERVER_UPDATE: true,
};

/** The event in a dispatch frame, or null for one that this client has no use for. */
export function wireEvent(name: unknown, data: unknown): WireEvent | null {
  return typeof name === "string" && Object.hasOwn(known, name) ? ({ t: name, d: data } as WireEvent) : null;
}
