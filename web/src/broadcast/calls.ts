/** Calls that are broadcast. One function says what an event changes. No clock, no network. */
import type { WireEvent } from "../api/wire.ts";
import { ended, type Asking } from "../recording/calls.ts";
import type { Id } from "../state/model.ts";
import type { WireCallBroadcast } from "./wire.ts";

export interface Picture {
  userId: Id;
  source: "camera" | "screen";
  /** As `MediaSource.isTypeSupported` names it. */
  codec: string;
}
export interface CallBroadcast extends Asking {
  channelId: Id;
  guildId: Id;
  viewers: number;
  /** Null: sound only. */
  picture: Picture | null;
  /** Pictures of this call need a program that the server does not have. */
  noTranscoder: boolean;
}
/** By channel. */
export type CallBroadcasts = ReadonlyMap<Id, CallBroadcast>;

export const noBroadcasts: CallBroadcasts = new Map();
const nobody: ReadonlySet<Id> = new Set();

export function toCallBroadcast(wire: WireCallBroadcast): CallBroadcast {
  return {
    id: wire.id,
    channelId: wire.channel_id,
    guildId: wire.guild_id,
    // Under "off" nothing is broadcast; a rule that we do not know asks.
    policy: wire.policy === "announce" ? "announce" : "ask",
    startedBy: wire.started_by,
    kept: new Set(wire.kept),
    declined: nobody,
    viewers: wire.viewers,
    picture: wire.picture && { userId: wire.picture.user_id, source: wire.picture.source, codec: wire.picture.codec },
    noTranscoder: wire.trouble === "no_transcoder",
  };
}

export function applyBroadcasts(broadcasts: CallBroadcasts, event: WireEvent): CallBroadcasts {
  switch (event.t) {
    case "CALL_BROADCAST_UPDATE":
      return event.d.state === "ended" ? ended(broadcasts, event.d.channel_id, event.d.id) : told(broadcasts, event.d);
    case "CHANNEL_DELETE":
      return ended(broadcasts, event.d.id);
    case "GUILD_DELETE":
      return event.d.unavailable ? broadcasts : new Map([...broadcasts].filter(([, one]) => one.guildId !== event.d.id));
    default:
      return broadcasts;
  }
}

/** What the server says of the broadcast of a call. */
export function told(broadcasts: CallBroadcasts, wire: WireCallBroadcast): CallBroadcasts {
  return new Map(broadcasts).set(wire.channel_id, toCallBroadcast(wire));
}
