/** The routes of recordings, one function each. Paths and shapes: docs/protocol/recordings.md. */
import type { Http } from "../api/http.ts";
import type { WireCallRecording, WireOutput, WireRecording, WireRecordingSettings } from "./wire.ts";

const V1 = "/api/v1";
/** Recordings that a page of a channel's list brings. */
export const LIST_PAGE = 50;

export function recordingRoutes(http: Http) {
  const call = (channel: string) => `${V1}/channels/${channel}/recording`;
  const settings = (guild: string) => `${V1}/guilds/${guild}/recording-settings`;
  return {
    ofCall: (channel: string) => http.request<WireCallRecording>("GET", call(channel)),
    start: (channel: string) => http.request<WireCallRecording>("POST", call(channel)),
    pause: (channel: string, paused: boolean) => http.request<WireCallRecording>("PATCH", call(channel), { paused }),
    stop: (channel: string) => http.request<void>("DELETE", call(channel)),
    consent: (channel: string, accept: boolean) => http.request<void>("PUT", `${call(channel)}/consent`, { accept }),

    settings: (guild: string) => http.request<WireRecordingSettings>("GET", settings(guild)),
    changeSettings: (guild: string, part: Partial<WireRecordingSettings>) => http.request<WireRecordingSettings>("PATCH", settings(guild), part),

    one: (id: string) => http.request<WireRecording>("GET", `${V1}/recordings/${id}`),
    ofChannel: (channel: string, before?: string) => http.request<WireRecording[]>("GET", `${V1}/channels/${channel}/recordings?limit=${LIST_PAGE}${before ? `&before=${before}` : ""}`),
    makeOutput: (id: string, kind: string, track: string | null = null) => http.request<WireOutput>("POST", `${V1}/recordings/${id}/outputs`, { kind, ...(track !== null && { track }) }),
    takeOut: (id: string, userId: string) => http.request<void>("DELETE", `${V1}/recordings/${id}/people/${userId}`),
    remove: (id: string) => http.request<void>("DELETE", `${V1}/recordings/${id}`),
  };
}
