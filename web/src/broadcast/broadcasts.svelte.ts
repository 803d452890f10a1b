/** Which calls are broadcast. What a person does about the broadcast of their own call is in `own.svelte.ts`. */
import { CallNews } from "../recording/callNews.svelte.ts";
import { broadcastApi } from "../state/account.svelte.ts";
import { applyBroadcasts, told, type CallBroadcast } from "./calls.ts";
import type { WireCallBroadcast } from "./wire.ts";

export const broadcasts = new CallNews<CallBroadcast, WireCallBroadcast>({
  apply: applyBroadcasts,
  told,
  room: (event) => (event.t === "CALL_BROADCAST_UPDATE" ? event.d.channel_id : null),
  ofCall: (channelId) => broadcastApi.ofCall(channelId),
});
