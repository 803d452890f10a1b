/** The routes of whoever keeps a community, of people and of one's own account. Shapes: docs/protocol. */
import type { Http } from "./http.ts";
import type { WireChannel, WireEmoji, WireGuild, WireInvite, WireMember, WireOverwrite, WireRelationship, WireRole, WireStreamKey, WireUser, WireUserSettings } from "./wire.ts";

const V1 = "/api/v1";
const V10 = "/api/v10";

export interface WireBan {
  user: WireUser;
  reason: string | null;
}
export interface WireAuditChange {
  key: string;
  old_value?: unknown;
  new_value?: unknown;
}
export interface WireAuditEntry {
  id: string;
  user_id: string | null;
  target_id: string | null;
  action_type: number;
  changes?: WireAuditChange[];
  options?: Record<string, unknown> | null;
  reason?: string | null;
}
export interface WireAuditLog {
  audit_log_entries: WireAuditEntry[];
  users: WireUser[];
}
export interface WireInviteUse {
  user: WireUser;
  at: string;
}
export interface WireProfile {
  user: WireUser;
  bio?: string | null;
  pronouns?: string | null;
  accent_color?: number | null;
  created_at?: string;
  relationship?: 1 | 2 | 3 | 4 | null;
  note?: string | null;
}
export interface WireApplication {
  id: string;
  name: string;
  description?: string | null;
  bot?: WireUser;
  token?: string;
}

export interface RolePart {
  name?: string;
  color?: number;
  hoist?: boolean;
  mentionable?: boolean;
  permissions?: string;
}
export interface MemberPart {
  nick?: string | null;
  roles?: string[];
  communication_disabled_until?: string | null;
}
export interface ChannelPart {
  name?: string;
  topic?: string;
  rate_limit_per_user?: number;
  nsfw?: boolean;
  bitrate?: number;
  user_limit?: number;
  parent_id?: string | null;
  permission_overwrites?: WireOverwrite[];
}
export interface ChannelPlace {
  id: string;
  position: number;
  parent_id?: string | null;
  lock_permissions?: boolean;
}
export interface ProfilePart {
  global_name?: string | null;
  username?: string;
  password?: string;
  avatar?: string | null;
  banner?: string | null;
  bio?: string;
  pronouns?: string;
  accent_color?: number | null;
}

export function adminRoutes(http: Http) {
  const get = <T>(path: string) => http.request<T>("GET", path);
  const post = <T>(path: string, body?: unknown, reason?: string) => http.request<T>("POST", path, body, reason);
  const patch = <T>(path: string, body: unknown, reason?: string) => http.request<T>("PATCH", path, body, reason);
  const put = <T>(path: string, body?: unknown, reason?: string) => http.request<T>("PUT", path, body, reason);
  const remove = (path: string, reason?: string) => http.request<void>("DELETE", path, undefined, reason);
  return {
    changeGuild: (guild: string, body: { name?: string; icon?: string | null; description?: string | null }) => patch<WireGuild>(`${V10}/guilds/${guild}`, body),
    transferGuild: (guild: string, user: string) => post<WireGuild>(`${V1}/guilds/${guild}/owner`, { user_id: user }),

    createRole: (guild: string, body: RolePart) => post<WireRole>(`${V10}/guilds/${guild}/roles`, body),
    changeRole: (guild: string, role: string, body: RolePart) => patch<WireRole>(`${V10}/guilds/${guild}/roles/${role}`, body),
    moveRoles: (guild: string, places: { id: string; position: number }[]) => patch<WireRole[]>(`${V10}/guilds/${guild}/roles`, places),
    deleteRole: (guild: string, role: string) => remove(`${V10}/guilds/${guild}/roles/${role}`),

    membersAfter: (guild: string, after: string, limit: number) => get<WireMember[]>(`${V10}/guilds/${guild}/members?limit=${limit}&after=${after}`),
    searchMembers: (guild: string, query: string, limit: number) => get<WireMember[]>(`${V10}/guilds/${guild}/members/search?query=${encodeURIComponent(query)}&limit=${limit}`),
    member: (guild: string, user: string) => get<WireMember>(`${V10}/guilds/${guild}/members/${user}`),
    changeMember: (guild: string, user: string, body: MemberPart, reason?: string) => patch<WireMember>(`${V10}/guilds/${guild}/members/${user}`, body, reason),
    changeOwnNick: (guild: string, nick: string | null) => patch<WireMember>(`${V10}/guilds/${guild}/members/@me`, { nick }),
    giveRole: (guild: string, user: string, role: string) => put<void>(`${V10}/guilds/${guild}/members/${user}/roles/${role}`),
    takeRole: (guild: string, user: string, role: string) => remove(`${V10}/guilds/${guild}/members/${user}/roles/${role}`),
    kick: (guild: string, user: string, reason?: string) => remove(`${V10}/guilds/${guild}/members/${user}`, reason),

    bans: (guild: string, after: string, limit: number) => get<WireBan[]>(`${V10}/guilds/${guild}/bans?limit=${limit}&after=${after}`),
    ban: (guild: string, user: string, deleteSeconds: number, reason?: string) => put<void>(`${V10}/guilds/${guild}/bans/${user}`, { delete_message_seconds: deleteSeconds }, reason),
    unban: (guild: string, user: string) => remove(`${V10}/guilds/${guild}/bans/${user}`),

    guildInvites: (guild: string) => get<WireInvite[]>(`${V10}/guilds/${guild}/invites`),
    inviteUses: (code: string) => get<WireInviteUse[]>(`${V1}/invites/${encodeURIComponent(code)}/uses`),
    revokeInvite: (code: string) => remove(`${V10}/invites/${encodeURIComponent(code)}`),

    streamKeys: (channel: string) => get<WireStreamKey[]>(`${V1}/channels/${channel}/stream-keys`),
    createStreamKey: (channel: string, name: string) => post<WireStreamKey>(`${V1}/channels/${channel}/stream-keys`, { name }),
    revokeStreamKey: (channel: string, key: string) => remove(`${V1}/channels/${channel}/stream-keys/${key}`),

    emojis: (guild: string) => get<WireEmoji[]>(`${V10}/guilds/${guild}/emojis`),
    createEmoji: (guild: string, name: string, image: string) => post<WireEmoji>(`${V10}/guilds/${guild}/emojis`, { name, image, roles: [] }),
    renameEmoji: (guild: string, emoji: string, name: string) => patch<WireEmoji>(`${V10}/guilds/${guild}/emojis/${emoji}`, { name }),
    deleteEmoji: (guild: string, emoji: string) => remove(`${V10}/guilds/${guild}/emojis/${emoji}`),

    auditLog: (guild: string, filter: { user?: string; action?: number; before?: string; limit: number }) => {
      const query = new URLSearchParams({ limit: String(filter.limit) });
      if (filter.user) query.set("user_id", filter.user);
      if (filter.action) query.set("action_type", String(filter.action));
      if (filter.before) query.set("before", filter.before);
      return get<WireAuditLog>(`${V10}/guilds/${guild}/audit-logs?${query}`);
    },
    addBot: (guild: string, application: string, permissions: bigint) => put<WireMember | undefined>(`${V1}/guilds/${guild}/applications/${application}`, { permissions: String(permissions) }),

    createChannelWith: (guild: string, body: { name: string; type: 0 | 2 | 4; parent_id?: string | null; permission_overwrites?: WireOverwrite[] }) => post<WireChannel>(`${V10}/guilds/${guild}/channels`, body),
    changeChannelPart: (channel: string, body: ChannelPart) => patch<WireChannel>(`${V10}/channels/${channel}`, body),
    placeChannels: (guild: string, places: ChannelPlace[]) => patch<void>(`${V10}/guilds/${guild}/channels`, places),
    setOverwrite: (channel: string, entry: WireOverwrite) => put<void>(`${V10}/channels/${channel}/permissions/${entry.id}`, { type: entry.type, allow: entry.allow, deny: entry.deny }),
    removeOverwrite: (channel: string, id: string) => remove(`${V10}/channels/${channel}/permissions/${id}`),

    relationships: () => get<WireRelationship[]>(`${V1}/relationships`),
    askFriend: (username: string) => post<WireRelationship>(`${V1}/relationships`, { username }),
    befriend: (user: string) => put<WireRelationship | undefined>(`${V1}/relationships/${user}`, { type: 1 }),
    block: (user: string) => put<WireRelationship | undefined>(`${V1}/relationships/${user}`, { type: 2 }),
    endRelationship: (user: string) => remove(`${V1}/relationships/${user}`),
    profile: (user: string) => get<WireProfile>(`${V1}/users/${user}/profile`),
    setNote: (user: string, note: string) => put<void>(`${V1}/users/${user}/note`, { note }),
    me: () => get<WireUser>(`${V10}/users/@me`),
    changeMe: (body: ProfilePart) => patch<WireUser>(`${V10}/users/@me`, body),
    settings: () => get<WireUserSettings>(`${V1}/users/@me/settings`),
    changeSettings: (body: Partial<WireUserSettings>) => patch<WireUserSettings>(`${V1}/users/@me/settings`, body),

    loginWith: (body: { username: string; password: string; totp?: string }) => post<{ token: string; user: WireUser }>(`${V1}/auth/login`, body),
    changePassword: (body: { password: string; new_password: string; totp?: string }) => post<void>(`${V1}/auth/password`, body),
    deleteAccount: (body: { password: string; totp?: string }) => post<void>(`${V1}/auth/delete-account`, body),
    totpSetup: (password: string) => post<{ secret: string; uri: string }>(`${V1}/auth/totp/setup`, { password }),
    totpEnable: (code: string) => post<{ recovery_codes: string[] }>(`${V1}/auth/totp/enable`, { code }),
    totpDisable: (password: string, totp: string) => post<void>(`${V1}/auth/totp/disable`, { password, totp }),
    newRecoveryCodes: (password: string, totp: string) => post<{ recovery_codes: string[] }>(`${V1}/auth/totp/recovery-codes`, { password, totp }),

    applications: () => get<WireApplication[]>(`${V1}/applications`),
    createApplication: (name: string) => post<WireApplication>(`${V1}/applications`, { name }),
    changeApplication: (id: string, body: { name?: string; description?: string; avatar?: string | null }) => patch<WireApplication>(`${V1}/applications/${id}`, body),
    resetToken: (id: string) => post<{ token: string }>(`${V1}/applications/${id}/token`),
    deleteApplication: (id: string) => remove(`${V1}/applications/${id}`),
  };
}
export type AdminRoutes = ReturnType<typeof adminRoutes>;
