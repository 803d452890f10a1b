// The state of one call's signalling, and the words its machine (machine.ts) speaks: events in, effects out.
// Plain data: no socket, no clock, no browser object.

import type { DirectEvent } from "./direct.ts";
import type { ClientFrame, EncodingState, OfferedSource, ServerFrame, Slot } from "./frames.ts";
import type { CallError, CallPhase, SourceKind, VoiceGatewayEvent } from "./types.ts";

export interface Place {
  /** Null in the call of a direct conversation. */
  guildId: string | null;
  channelId: string;
}

/** Everything needed to open the voice socket, as told by the main gateway. */
export interface Pass {
  endpoint: string;
  token: string;
  sessionId: string;
}

/** The voice WebSocket: `waiting` is the pause before the next try. */
export type Link = "closed" | "opening" | "identifying" | "resuming" | "open" | "waiting";

/** The PeerConnection: `lost` means that it stands but nothing comes through. */
export type Media = "none" | "connecting" | "up" | "lost";

/** The timers a call can have running. Starting one that runs restarts it. */
export type Timer =
  /** Ask the main gateway again for a pass. */
  | "pass"
  /** The first connection takes too long: give up. */
  | "patience"
  /** The voice socket did not come up in time. */
  | "link"
  /** Pause before opening the voice socket again. */
  | "retry"
  /** The next heartbeat is due. */
  | "beat"
  /** A heartbeat went unanswered. */
  | "ack"
  /** An offer went unanswered. */
  | "offer"
  /** Media is still lost: try again. */
  | "media";

export interface Session {
  place: Place | null;
  phase: CallPhase;
  since: number | null;
  error: CallError | null;
  /** Our main gateway session, known once its voice state for this place has come. */
  sessionId: string | null;
  /** What VOICE_SERVER_UPDATE said; it may come before or after the voice state. */
  server: { endpoint: string; token: string } | null;
  pass: Pass | null;
  link: Link;
  /** Whether this pass has opened a session that can be resumed. */
  resumable: boolean;
  /** Failed tries to open the voice socket, in a row. */
  tries: number;
  /** Times the call was started anew since it last worked. */
  renewals: number;
  seq: number;
  heartbeatMs: number;
  media: Media;
  /** ICE restarts since media was lost. */
  restarts: number;
  /** The newest offer asked for; 0 when there is no PeerConnection. */
  revision: number;
  offerAnswered: boolean;
  /** Slots allocated in our offers, of each kind. */
  allocated: { audio: number; video: number };
  slots: readonly Slot[];
  present: ReadonlySet<string>;
  speaking: ReadonlySet<string>;
  /** The server sends one mix of all voices, or says that it cannot. */
  mixed: boolean;
  mixRefused: boolean;
  /** bit/s that half of those who listen can take of our microphone; `null` when they take anything. */
  asked: number | null;
}

export type Event =
  | { type: "join"; place: Place }
  | { type: "leave" }
  | { type: "gateway"; event: VoiceGatewayEvent }
  | { type: "link_opened" }
  | { type: "link_closed"; code: number }
  | { type: "frame"; frame: ServerFrame | null; seq: number | null }
  | { type: "offer_made"; revision: number; sdp: string; sources: readonly OfferedSource[] }
  /** The browser refused to make an offer or to take an answer: this PeerConnection is of no more use. */
  | { type: "peer_broken" }
  | { type: "media"; state: Exclude<Media, "none"> }
  /** The browser says that the network is there again, or is another one. */
  | { type: "online" }
  | { type: "timer"; timer: Timer };

export type Effect =
  /** Tell the main gateway where we are; the shell adds mute and deaf. */
  | { do: "voice_state"; place: Place | null }
  | { do: "open_link"; endpoint: string }
  /** `final`: we shall not be back; the server need not wait. */
  | { do: "close_link"; final: boolean }
  | { do: "send"; frame: ClientFrame }
  /** Op 20 with what is being sent at this moment. */
  | { do: "send_sources" }
  | { do: "start_peer" }
  | { do: "close_peer" }
  | { do: "make_offer"; revision: number; iceRestart: boolean; audio: number; video: number }
  | { do: "take_answer"; sdp: string }
  | { do: "set_encodings"; source: SourceKind; encodings: readonly EncodingState[] }
  /** Frames of the microphone go out again with later ones (RFC 2198), or not. */
  | { do: "repeat_microphone"; on: boolean }
  /** The others can take less of our microphone from now on, or more. */
  | { do: "pace_microphone" }
  /** Something that concerns the way between the two of us (direct.ts). */
  | { do: "direct"; event: DirectEvent }
  /** Op 27: whether we may be connected directly, and that our network may be another one. */
  | { do: "say_direct" }
  /** Op 30: how we want to hear the others. */
  | { do: "say_listening" }
  | { do: "start_timer"; timer: Timer; ms: number }
  | { do: "stop_timer"; timer: Timer }
  /** The call is over: stop microphone, camera and screen. */
  | { do: "free_devices" };

/** Slots in the first offer; the protocol names the number. */
export const FIRST_SLOTS = { audio: 8, video: 8 } as const;

/** Nothing of a call: the state before the first and after every one. */
export const NO_CALL: Session = {
  place: null,
  phase: "idle",
  since: null,
  error: null,
  sessionId: null,
  server: null,
  pass: null,
  link: "closed",
  resumable: false,
  tries: 0,
  renewals: 0,
  seq: 0,
  heartbeatMs: 13_750,
  media: "none",
  restarts: 0,
  revision: 0,
  offerAnswered: true,
  allocated: FIRST_SLOTS,
  slots: [],
  present: new Set(),
  speaking: new Set(),
  mixed: false,
  mixRefused: false,
  asked: null,
};
