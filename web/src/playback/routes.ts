/** The routes of files that are played in calls, one function each. */
import type { Http } from "../api/http.ts";
import { http } from "../state/account.svelte.ts";
import type { WireCallPlayback } from "./wire.ts";

function playbackRoutes(http: Http) {
  const call = (channel: string) => `/api/v1/channels/${channel}/play`;
  return {
    ofCall: (channel: string) => http.request<WireCallPlayback>("GET", call(channel)),
    start: (channel: string, file: { channel_id: string; message_id: string; attachment_id: string }) => http.request<WireCallPlayback>("POST", call(channel), file),
    pause: (channel: string, paused: boolean) => http.request<void>("PATCH", call(channel), { paused }),
    stop: (channel: string) => http.request<void>("DELETE", call(channel)),
  };
}

export const playbackApi = playbackRoutes(http);
