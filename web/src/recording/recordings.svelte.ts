/** Which calls are recorded. What a person does about the recording of their own call is in `own.svelte.ts`. */
import { recordingApi } from "../state/account.svelte.ts";
import { CallNews } from "./callNews.svelte.ts";
import { applyRecordings, told, type CallRecording } from "./calls.ts";
import type { WireCallRecording } from "./wire.ts";

export const recordings = new CallNews<CallRecording, WireCallRecording>({
  apply: (calls, event) => applyRecordings(calls, event, Date.now()),
  told: (calls, wire) => told(calls, wire, Date.now()),
  room: (event) => (event.t === "CALL_RECORDING_UPDATE" ? event.d.channel_id : null),
  ofCall: (channelId) => recordingApi.ofCall(channelId),
});
