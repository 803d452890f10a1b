/** The routes this client uses, one function each. Paths and shapes: docs/protocol/gateway.md. */
import type { Http } from "./http.ts";
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
  const remove = (path: string) => http.request<void>("DELETE", path);
  return {
    server: () => get<ServerInfo>(`${V1}/server`),
    register: (body: { username: string; password: string; invite?: string }) => post<Entry>(`${V1}/auth/register`, body),
    login: (body: { username: string; password: string }) => post<Entry>(`${V1}/auth/login`, body),
    logout: () => post<void>(`${V1}/auth/logout`),
    sessions: () => get<WireSession[]>(`${V1}/auth/sessions`),
    revokeSession: (id: string) => remove(`${V1}/auth/sessions/${id}`),
    gateway: () => get<{ url: string }>(`${V10}/gateway`),

    rename: (name: string | null) => patch<WireUser>(`${V10}/users/@me`, { global_name: name }),
    leaveGuild: (guild: string) => remove(`${V10}/users/@me/guilds/${guild}`),

    createGuild: (guild: { name: string; text_channel_name: string; voice_channel_name: string }) => post<WireGuild>(`${V1}/guilds`, guild),
    renameGuild: (guild: string, name: string) => patch<WireGuild>(`${V10}/guilds/${guild}`, { name }),
    deleteGuild: (guild: string) => remove(`${V10}/guilds/${guild}`),
    members: (guild: string, after: string) => get<WireMember[]>(`${V10}/guilds/${guild}/members?limit=1000&after=${after}`),

    createChannel: (guild: string, body: { name: string; type: 0 | 2 }) => post<WireChannel>(`${V10}/guilds/${guild}/channels`, body),
    changeChannel: (channel: string, body: { name?: string; topic?: string }) => patch<WireChannel>(`${V10}/channels/${channel}`, body),
    moveChannels: (guild: string, positions: { id: string; position: number }[]) => patch<void>(`${V10}/guilds/${guild}/channels`, positions),
    deleteChannel: (channel: string) => remove(`${V10}/channels/${channel}`),

    invite: (code: string) => get<WireInvite>(`${V10}/invites/${encodeURIComponent(code)}?with_counts=true`),
    createInvite: (channel: string, body: { max_age: number; max_uses: number; unique: boolean }) => post<WireInvite>(`${V10}/channels/${channel}/invites`, body),
    acceptInvite: (code: string) => post<WireInvite>(`${V1}/invites/${encodeURIComponent(code)}`),

    latest: (channel: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${PAGE}`),
    before: (channel: string, id: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${PAGE}&before=${id}`),
    after: (channel: string, id: string) => get<WireMessage[]>(`${V10}/channels/${channel}/messages?limit=${LONG_PAGE}&after=${id}`),
    send: (channel: string, content: string, nonce: string) =>
      post<WireMessage>(`${V10}/channels/${channel}/messages`, { content, nonce, enforce_nonce: true }),
    edit: (channel: string, message: string, content: string) => patch<WireMessage>(`${V10}/channels/${channel}/messages/${message}`, { content }),
    deleteMessage: (channel: string, message: string) => remove(`${V10}/channels/${channel}/messages/${message}`),
    typing: (channel: string) => post<void>(`${V10}/channels/${channel}/typing`),
  };
}

export type Routes = ReturnType<typeof routes>;

/** Messages a page brings when scrolling back, and when a hole is filled. */
export const PAGE = 50;
export const LONG_PAGE = 100;
