/** The routes this client uses, one function each. Paths and shapes: docs/protocol/gateway.md. */
import type { CallQuality } from "../call/diagnosis.ts";
import type { Http } from "./http.ts";
import type { WireFound, WireGuildSettings, WireMute, WireNewMessage, WirePins, WireReadState, WireUploadLimits } from "./wire-message.ts";
import type { ServerInfo, WireChannel, WireGuild, WireInvite, WireMember, WireMessage, WireSession, WireUser } from "./wire.ts";

const V1 = "/api/v1";
const V10 = "/api/v10";

export interface Entry {
  token: string;
  user: WireUser;
}

export function routes(http: Http) {
  const get = <T>(path: string) => http.request<T>("GET", path);
  const post = <T>(path: string, body?: unknown) => http.request<T>("POST", path, body);
  const patch = <T>(path: string, body: unknown) => http.request<T>("PATCH", path, body);
  const put = <T>(path: string, body?: unknown) => http.request<T>("PUT", path, body);
  const remove = (path: string) => http.request<void>("DELETE", path);
  return {
    server: () => get<ServerInfo>(`${V1}/server`),
    register: (body: { username: string; password: string; invite?: string }) => post<Entry>(`${V1}/auth/register`, body),
    logout: () => post<void>(`${V1}/auth/logout`),
    sessions: () => get<WireSession[]>(`${V1}/auth/sessions`),
    revokeSession: (id: string) => remove(`${V1}/auth/sessions/${id}`),
    gateway: () => get<{ url: string }>(`${V10}/gateway`),

    rename: (name: string | null) => patch<WireUser>(`${V10}/users/@me`, { global_name: name }),
    leaveGuild: (guild: string) => remove(`${V10}/users/@me/guilds/${guild}`),

    createGuild: (guild: { name: string; text_channel_name: string; voice_channel_name: string }) => post<WireGuild>(`${V1}/guilds`, guild),
    renameGuild: (guild: string, name: string) => patch<WireGuild>(`${V10}/guilds/${guild}`, { name }),
    deleteGuild: (guild: string) => remove(`${V10}/guilds/${guild}`),
    findMembers: (guild: string, query: string) => get<WireMember[]>(`${V10}/guilds/${guild}/members/search?limit=8&query=${encodeURIComponent(query)}`),
    members: (guild: string, after: string) => get<WireMember[]>(`${V10}/guilds/${guild}/members?limit=1000&after=${after}`),

    createChannel: (guild: string, body: { name: string; type: 0 | 2 }) => post<WireChannel>(`${V10}/guilds/${guild}/channels`, body),
    changeChannel: (channel: string, body: { name?: string; topic?: string }) => patch<WireChannel>(`${V10}/channels/${channel}`, body),
    moveChannels: (guild: string, positions: { id: string; position: number }[]) => patch<void>(`${V10}/guilds/${guild}/channels`, positions),
    deleteChannel: (channel: string) => remove(`${V10}/channels/${channel}`),

    invite: (code: string) => get<WireInvite>(`${V10}/invites/${encodeURIComponent(code)}?with_counts=true`),
    createInvite: (channel: string, body: { max_age: number; max_uses: number; unique: boolean }) => post<WireInvite>(`${V10}/channels/${channel}/invites`, body),
    acceptInvite: (code: string) => post<WireInvite>(`${V1}/invites/${encodeURIComponent(code)}`),

    iceServers: () => get<{ ice_servers: RTCIceServer[]; ttl: number }>(`${V1}/ice-servers`),
    callQuality: (channel: string) => get<CallQuality>(`${V1}/channels/${channel}/quality`),

    latest: (channel: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${PAGE}`),
    before: (channel: string, id: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${PAGE}&before=${id}`),
    after: (channel: string, id: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${LONG_PAGE}&after=${id}`),
    around: (channel: string, id: string, limit = PAGE) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${limit}&around=${id}`),
    message: (channel: string, id: string) => get<WireMessage>(`${V10}/channels/${channel}/messages/${id}`),
    send: (channel: string, message: WireNewMessage) => post<WireMessage>(`${V10}/channels/${channel}/messages`, message),
    edit: (channel: string, message: string, content: string) => patch<WireMessage>(`${V10}/channels/${channel}/messages/${message}`, { content }),
    changeFlags: (channel: string, message: string, flags: number) => patch<WireMessage>(`${V10}/channels/${channel}/messages/${message}`, { flags }),
    deleteMessage: (channel: string, message: string) => remove(`${V10}/channels/${channel}/messages/${message}`),
    deleteMessages: (channel: string, messages: readonly string[]) => post<void>(`${V10}/channels/${channel}/messages/bulk-delete`, { messages }),
    react: (channel: string, message: string, emoji: string) => put<void>(`${V10}/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}/@me`),
    unreact: (channel: string, message: string, emoji: string) => remove(`${V10}/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}/@me`),
    reactors: (channel: string, message: string, emoji: string, after?: string) =>
      get<WireUser[]>(`${V10}/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}?limit=100${after ? `&after=${after}` : ""}`),
    clearReaction: (channel: string, message: string, emoji: string) => remove(`${V10}/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}`),
    clearReactions: (channel: string, message: string) => remove(`${V10}/channels/${channel}/messages/${message}/reactions`),
    pins: (channel: string, before?: string) => get<WirePins>(`${V10}/channels/${channel}/messages/pins?limit=50${before ? `&before=${encodeURIComponent(before)}` : ""}`),
    pin: (channel: string, message: string) => put<void>(`${V10}/channels/${channel}/messages/pins/${message}`),
    unpin: (channel: string, message: string) => remove(`${V10}/channels/${channel}/messages/pins/${message}`),
    search: (guild: string, query: string) => get<WireFound>(`${V10}/guilds/${guild}/messages/search?${query}`),
    searchChannel: (channel: string, query: string) => get<WireFound>(`${V10}/channels/${channel}/messages/search?${query}`),

    uploadLimits: () => get<WireUploadLimits>(`${V1}/attachments/limits`),
    dropUpload: (id: string) => remove(`${V1}/attachments/${id}`),

    openDirect: (recipients: readonly string[]) => post<WireChannel>(`${V10}/users/@me/channels`, recipients.length === 1 ? { recipient_id: recipients[0] } : { recipients }),
    renameGroup: (channel: string, name: string | null) => patch<WireChannel>(`${V10}/channels/${channel}`, { name }),
    addRecipient: (channel: string, user: string) => put<void>(`${V10}/channels/${channel}/recipients/${user}`),
    removeRecipient: (channel: string, user: string) => remove(`${V10}/channels/${channel}/recipients/${user}`),

    ring: (channel: string, recipients?: readonly string[]) => post<void>(`${V10}/channels/${channel}/call/ring`, { recipients: recipients ?? null }),
    stopRinging: (channel: string) => post<void>(`${V10}/channels/${channel}/call/stop-ringing`, {}),

    ack: (channel: string, message: string, unread?: { mention_count: number }) =>
      post<void>(`${V1}/channels/${channel}/messages/${message}/ack`, unread ? { manual: true, ...unread } : {}),
    ackMany: (read_states: Pick<WireReadState, "channel_id">[]) => post<void>(`${V1}/read-states/ack-bulk`, { read_states }),
    ackGuild: (guild: string) => post<void>(`${V1}/guilds/${guild}/ack`),
    guildSettings: (guild: string, change: Partial<WireGuildSettings> | { channel_overrides: (WireMute & { channel_id: string })[] }) =>
      patch<WireGuildSettings>(`${V1}/users/@me/guilds/${guild}/settings`, change),
    typing: (channel: string) => post<void>(`${V10}/channels/${channel}/typing`),
  };
}

export type Routes = ReturnType<typeof routes>;

/** Messages a page brings when scrolling back, and when a hole is filled. */
export const PAGE = 50;
export const LONG_PAGE = 100;
