/** The shapes that cross the wire, exactly as the v10 API names them. Nothing past `state/parse.ts` sees them, except messages sent and lists drawn once. */

export interface WireUser {
  id: string;
  username: string;
  global_name?: string | null;
  bot?: boolean;
}
export interface WireMember {
  user?: WireUser;
  nick?: string | null;
  roles: string[];
  joined_at?: string;
}
export interface WireRole {
  id: string;
  name: string;
  permissions: string;
  position: number;
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
}
export interface WireVoiceState {
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
export interface WirePresence {
  user: { id: string };
  status: string;
  guild_id?: string;
}
export interface WireGuild {
  id: string;
  name: string;
  owner_id: string;
  unavailable?: boolean;
  channels?: WireChannel[];
  roles?: WireRole[];
  members?: WireMember[];
  member_count?: number;
  voice_states?: WireVoiceState[];
  presences?: WirePresence[];
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
  mentions?: WireUser[];
}
export interface WireInvite {
  code: string;
  guild?: { id: string; name: string };
  channel?: { id: string; name?: string; type: number } | null;
  inviter?: WireUser;
  approximate_member_count?: number;
  approximate_presence_count?: number;
  expires_at?: string | null;
  max_age?: number;
  max_uses?: number;
  uses?: number;
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

/** A dispatch of the gateway: the ones that change what is drawn. Others arrive too and are dropped at the door. */
export type WireEvent =
  | { t: "READY"; d: { user: WireUser; session_id: string; resume_gateway_url: string; guilds: WireGuild[] } }
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
  | { t: "TYPING_START"; d: { channel_id: string; guild_id?: string; user_id: string; timestamp: number } }
  | { t: "PRESENCE_UPDATE"; d: WirePresence & { guild_id: string } }
  | { t: "USER_UPDATE"; d: WireUser }
  | { t: "VOICE_STATE_UPDATE"; d: WireVoiceState }
  | { t: "VOICE_SERVER_UPDATE"; d: { token: string; guild_id: string; endpoint: string | null } };

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
  TYPING_START: true,
  PRESENCE_UPDATE: true,
  USER_UPDATE: true,
  VOICE_STATE_UPDATE: true,
  VOICE_SERVER_UPDATE: true,
};

/** The event in a dispatch frame, or null for one that this client has no use for. */
export function wireEvent(name: unknown, data: unknown): WireEvent | null {
  return typeof name === "string" && Object.hasOwn(known, name) ? ({ t: name, d: data } as WireEvent) : null;
}
