/**
 * Calls of direct conversations: who is in one, and whose devices ring. One function says what an event changes. No
 * clock, no network.
 */
import type { WireCall, WireEvent, WireVoiceState } from "../api/wire.ts";
import { toVoiceState, type Id, type VoiceState } from "./model.ts";

export interface DirectCall {
  channelId: Id;
  /** The message that tells of it. */
  messageId: Id | null;
  ringing: ReadonlySet<Id>;
  /** Who is in it, in the order in which they came. Nobody for the seconds in which the last one's page loads anew. */
  voice: ReadonlyMap<Id, VoiceState>;
  /** Who was the last in it, while nobody is; null where one does not know. */
  last: Id | null;
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
    case "CALL_CREATE":
      return put(calls, toCall(event.d));
    case "CALL_UPDATE": {
      const call = calls.get(event.d.channel_id);
      return call ? put(calls, { ...call, messageId: event.d.message_id ?? call.messageId, ringing: new Set(event.d.ringing) }) : calls;
    }
    case "CALL_DELETE":
      return without(calls, event.d.channel_id);
    case "CHANNEL_DELETE":
      return without(calls, event.d.id);
    default:
      return calls;
  }
}

function toCall(wire: WireCall): DirectCall {
  const voice = (wire.voice_states ?? []).map(toVoiceState).filter((state) => state !== null);
  return { channelId: wire.channel_id, messageId: wire.message_id ?? null, ringing: new Set(wire.ringing ?? []), voice: new Map(voice.map((state) => [state.userId, state])), last: null };
}

/**
 * One person has one seat: whoever sits down somewhere has left every other conversation. A call of which the server told
 * is over when the server says so, and not before.
 */
function seated(calls: Calls, wire: WireVoiceState): Calls {
  const state = toVoiceState(wire);
  const next = new Map<Id, DirectCall>();
  for (const [id, call] of calls) {
    const voice = new Map(call.voice);
    if (state?.channelId === id) voice.set(state.userId, state);
    else voice.delete(wire.user_id);
    const emptied = voice.size === 0 && call.voice.size > 0;
    if (voice.size > 0 || call.messageId !== null) next.set(id, { ...call, voice, last: emptied ? wire.user_id : voice.size > 0 ? null : call.last });
  }
  if (state && !next.has(state.channelId)) next.set(state.channelId, { channelId: state.channelId, messageId: null, ringing: new Set(), voice: new Map([[state.userId, state]]), last: null });
  return next;
}

function put(calls: Calls, call: DirectCall): Calls {
  return new Map(calls).set(call.channelId, call);
}

function without(calls: Calls, channelId: Id): Calls {
  if (!calls.has(channelId)) return calls;
  const next = new Map(calls);
  next.delete(channelId);
  return next;
}

// What is asked of calls

/** Conversations that call somebody, the one that began first in front. */
export function callsFor(calls: Calls, userId: Id): Id[] {
  return [...calls.values()].filter((call) => call.ringing.has(userId)).map((call) => call.channelId);
}

/** What a call is from the inside, while nobody else is there. */
export type Solitude = "calling" | "unanswered" | "left" | null;

/** `company`: whether somebody else has been in it. `rang`: whether anybody was called. */
export function solitude(call: DirectCall | undefined, selfId: Id, company: boolean, rang: boolean): Solitude {
  if (!call?.voice.has(selfId) || call.voice.size > 1) return null;
  if (call.ringing.size > 0) return "calling";
  return company ? "left" : rang ? "unanswered" : null;
}
