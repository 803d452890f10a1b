// What the interface knows of a call: the words, the snapshot and the handles. Nothing here touches a browser API.

/** What a person can send. The names are those on the wire (docs/protocol/voice.md). */
export type SourceKind = "microphone" | "camera" | "screen" | "screen_audio";

export type CallPhase = "idle" | "joining" | "connecting" | "connected" | "reconnecting" | "failed";

/** Someone whose media is in the call, oneself included. */
export interface CallMember {
  userId: string;
  speaking: boolean;
  camera?: MediaStream;
  screen?: MediaStream;
  screenHasSound: boolean;
  /** They send a picture in a codec that this browser does not have. */
  unplayable: boolean;
}

/** How the connection has been over the last two seconds. Losses are shares from 0 to 1. */
export interface LinkQuality {
  lossUp: number;
  lossDown: number;
  rttMs: number;
  upKbps: number;
  downKbps: number;
  /** Share of the sound played that had to be made up. */
  concealed: number;
  /** How long pictures stood still. */
  frozenMs: number;
  level: "good" | "weak" | "bad";
}

/** How the others are heard: each by themselves, all in one stream that takes less, or whatever the connection can take. */
export type VoicesMode = "automatic" | "each" | "mixed";

export type CallError =
  | "microphone-denied"
  | "microphone-missing"
  | "camera-denied"
  | "camera-missing"
  | "screen-denied"
  | "server-unreachable"
  | "room-full"
  | "not-allowed"
  | "room-gone"
  | "pass-refused"
  | "kicked"
  | "joined-elsewhere";

/** An immutable picture of the call, replaced whenever anything changes. */
export interface CallState {
  phase: CallPhase;
  guildId: string | null;
  channelId: string | null;
  /** When the call first connected, in milliseconds since the epoch. */
  since: number | null;
  /** True also while deafened: who hears nothing says nothing. */
  muted: boolean;
  deafened: boolean;
  camera: boolean;
  screen: boolean;
  members: ReadonlyMap<string, CallMember>;
  selfCamera?: MediaStream;
  selfScreen?: MediaStream;
  quality: LinkQuality | null;
  /** Everything goes directly between the two who are here; nothing through the server. */
  direct: boolean;
  /** The others come as one mix, in which nobody has a volume of their own. */
  mixed: boolean;
  /** They should, and the server has too much to do. */
  mixRefused: boolean;
  /** The last thing that went wrong and has not been put right since. */
  error: CallError | null;
}

/** What the call hears from the main gateway. `voice_state` is only ever one's own. */
export type VoiceGatewayEvent =
  | { type: "voice_state"; channel_id: string | null; session_id: string; guild_id: string | null; refused?: { channel_id: string | null; reason: string } }
  | { type: "voice_server"; guild_id: string | null; channel_id?: string | null; endpoint: string; token: string }
  | { type: "session_new" }
  /** The person hides their address from now on, or does not any more. */
  | { type: "address"; hidden: boolean };

/** The main gateway, as far as a call needs it. */
export interface VoiceGateway {
  sendVoiceState(d: { guild_id: string | null; channel_id: string | null; self_mute: boolean; self_deaf: boolean }): void;
  selfId(): string;
  /** The most that a voice may take in this channel, bit/s; 0 when that is not known. */
  bitrate(guildId: string | null, channelId: string): number;
  /** Whether nobody whom they call may learn their address. */
  hidesAddress(): boolean;
  /** Ways round a network that lets nothing through to the media server; none when the server has none to offer. */
  iceServers(): Promise<RTCIceServer[]>;
  subscribe(listener: (e: VoiceGatewayEvent) => void): () => void;
}

/** What has a picture. */
export type TileSource = "camera" | "screen";

/** In device pixels. */
export interface TileSize {
  width: number;
  height: number;
}

/** A tile that draws someone's picture says how large it is; `null` while nobody can see it. */
export interface TileReport {
  seen(size: TileSize | null): void;
  gone(): void;
}

export type DeviceKind = "microphone" | "camera" | "speaker";

export interface Devices {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
  chosen: { microphone?: string; camera?: string; speaker?: string };
}

/** What somebody shows for a moment, or does beside the call. */
export type CallGesture = { kind: "reaction"; userId: string; emoji: string } | { kind: "typing"; userId: string };

export interface Call {
  readonly state: CallState;
  subscribe(listener: (s: CallState) => void): () => void;
  /** Enters a room, or without a guild the call of a conversation; from another room this is a move. Resolves when the call is connected, has failed or was left. */
  join(guildId: string | null, channelId: string): Promise<void>;
  leave(): void;
  setMuted(m: boolean): void;
  setDeafened(d: boolean): void;
  setCamera(on: boolean): Promise<void>;
  setScreen(on: boolean): Promise<void>;
  devices(): Promise<Devices>;
  chooseDevice(kind: DeviceKind, deviceId: string): Promise<void>;
  /** Shows an emoji to everybody in the call, and to oneself. False when it is too soon for another one. */
  react(emoji: string): boolean;
  /** Says to the only other one that one writes in the call's conversation; false when that must go another way. */
  tellTyping(): boolean;
  onGesture(listener: (gesture: CallGesture) => void): () => void;
  /** `gain` from 0 to 2; 1 is as sent. */
  setUserVolume(userId: string, gain: number): void;
  userVolume(userId: string): number;
  /** How loud one hears what is played from soundboards, from 0 to 1; whoever plays it has their own volume as well. */
  setSoundboardVolume(gain: number): void;
  onDevicesChanged(listener: () => void): () => void;
  /** A tile begins to draw someone's picture: without one nothing is sent to us. */
  tile(userId: string, source: TileSource): TileReport;
  /** Whether the microphone is sent in stereo and without processing, as music needs it. */
  musicMode(): boolean;
  setMusicMode(on: boolean): Promise<void>;
  voices(): VoicesMode;
  setVoices(mode: VoicesMode): void;
  /** Whether comings, goings and one's own switches are heard. */
  sounds(): boolean;
  setSounds(on: boolean): void;
  /** How loud the open microphone is right now, 0 to 1; 0 when none is open. */
  microphoneLevel(): number;
  /** Keeps the microphone open for a level meter, in a call or not, until the returned function is called. */
  startMeter(): Promise<() => void>;
}
