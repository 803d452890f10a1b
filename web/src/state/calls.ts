/**
 * Calls of direct conversations: who is in one. One function says what an event changes. No clock, no network.
 */
import type { WireCall, WireEvent, WireVoiceState } from "../api/wire.ts";
import { toVoiceState, type Id, type VoiceState } from "./model.ts";

export interface DirectCall {
  channelId: Id;
  /** Who is in it, in the order in which they came. */
  voice: ReadonlyMap<Id, VoiceState>;
}
/** By conversation. */
export type Calls = ReadonlyMap<Id, DirectCall>;

export const noCalls: Calls = new Map();

export function applyCalls(calls: Calls, event: WireEvent): Calls {
  switch (event.t) {
    case "READY":
      return new Map((event.d.calls ?? []).map((wire) => [wire.channel_id, toCall(wire)]));
    case "VOICE_STATE_UPDATE":
      // A refusal says nothing about where anybody is.
      return event.d.guild_id || event.d.refused ? calls : seated(calls, event.d);
    case "CHANNEL_DELETE":
      return without(calls, event.d.id);
    default:
      return calls;
  }
}

function toCall(wire: WireCall): DirectCall {
  const voice = (wire.voice_states ?? []).map(toVoiceState).filter((state) => state !== null);
  return { channelId: wire.channel_id, voice: new Map(voice.map((state) => [state.userId, state])) };
}

/** One person has one seat: whoever sits down somewhere has left every other conversation. */
function seated(calls: Calls, wire: WireVoiceState): Calls {
  const state = toVoiceState(wire);
  const next = new Map<Id, DirectCall>();
  for (const [id, call] of calls) {
    const voice = new Map(call.voice);
    if (state?.channelId === id) voice.set(state.userId, state);
    else voice.delete(wire.user_id);
    if (voice.size > 0) next.set(id, { ...call, voice });
  }
  if (state && !next.has(state.channelId)) next.set(state.channelId, { channelId: state.channelId, voice: new Map([[state.userId, state]]) });
  return next;
}

function without(calls: Calls, channelId: Id): Calls {
  if (!calls.has(channelId)) return calls;
  const next = new Map(calls);
  next.delete(channelId);
  return next;
}
