/** Which file is played in which call, and what one does about it. */
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import type { WireEvent } from "../api/wire.ts";
import { call } from "../call/call.svelte.ts";
import { CallNews } from "../recording/callNews.svelte.ts";
import { ended } from "../recording/calls.ts";
import { playbackApi } from "./routes.ts";
import type { Id } from "../state/model.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import type { WireCallPlayback } from "./wire.ts";

export interface CallPlayback {
  /** A call has one at most: its room's. */
  id: Id;
  guildId: Id;
  userId: Id;
  title: string;
  paused: boolean;
}

type Calls = ReadonlyMap<Id, CallPlayback>;

const told = (calls: Calls, wire: WireCallPlayback): Calls =>
  new Map(calls).set(wire.channel_id, { id: wire.channel_id, guildId: wire.guild_id, userId: wire.user_id, title: wire.title, paused: wire.state === "paused" });

function apply(calls: Calls, event: WireEvent): Calls {
  if (event.t === "CALL_PLAYBACK_UPDATE") return event.d.state === "ended" ? ended(calls, event.d.channel_id) : told(calls, event.d);
  return event.t === "CHANNEL_DELETE" ? ended(calls, event.d.id) : calls;
}

export const playbacks = new CallNews<CallPlayback, WireCallPlayback>({
  apply,
  told,
  room: (event) => (event.t === "CALL_PLAYBACK_UPDATE" ? event.d.channel_id : null),
  ofCall: (channelId) => playbackApi.ofCall(channelId),
});

/** Plays the file of a message in one's call; what went wrong is said. */
export async function playInCall(file: { channelId: Id; messageId: Id; id: Id }): Promise<string | null> {
  const room = call.state.channelId;
  if (room === null) return null;
  try {
    await playbackApi.start(room, { channel_id: file.channelId, message_id: file.messageId, attachment_id: file.id });
    announce(m.pl_started());
    return null;
  } catch (error) {
    return problem(error);
  }
}

function problem(error: unknown): string {
  if (!(error instanceof ApiError)) return sentence(error);
  if (error.status === 409) return m.pl_taken();
  if (error.code === 50045) return m.pl_too_large();
  return error.code === 50046 ? m.pl_bad() : sentence(error);
}
