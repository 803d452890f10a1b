/** The routes of broadcasts, one function each. Paths and shapes: docs/protocol/broadcast.md. */
import type { Http } from "../api/http.ts";
import type { WireCallBroadcast } from "./wire.ts";

export function broadcastRoutes(http: Http) {
  const call = (channel: string) => `/api/v1/channels/${channel}/broadcast`;
  return {
    ofCall: (channel: string) => http.request<WireCallBroadcast>("GET", call(channel)),
    start: (channel: string) => http.request<WireCallBroadcast>("POST", call(channel)),
    stop: (channel: string) => http.request<void>("DELETE", call(channel)),
    consent: (channel: string, accept: boolean) => http.request<void>("PUT", `${call(channel)}/consent`, { accept }),
    /** The master playlist, with addresses that need no token. */
    index: (channel: string) => http.text(`${call(channel)}/index.m3u8?sound=all`),
  };
}
