// The connection between two people, beside the one to the server: the same four sources each way, and a data channel.
// Perfect negotiation (W3C WebRTC §10.7). It decides nothing about coming and going; direct.ts does.

import { Repeating, type Uplink } from "./bitrate.ts";
import type { Gesture, Said, Times } from "./direct.ts";
import { keepSharp, prefer, SENT, SHARED_SOUND_BITRATE, wholeEncoding } from "./encodings.ts";
import type { Sources, Words } from "./frames.ts";
import { isReaction } from "./frames.ts";
import { soon, withoutRelays } from "./ice.ts";
import { MicrophoneLimit, USUAL_VOICE, type Voice } from "./microphone.ts";
import { count, encoderTarget, lastPlayed, quality, uplink, type Counters } from "./quality.ts";
import { hearStereo, midsOf, sendRedundant, sendStereo, sendVoice } from "./sdp.ts";
import type { LinkQuality, SourceKind } from "./types.ts";

export interface DirectPeerEvents {
  /** For the other one. */
  words(words: Words): void;
  channel(open: boolean): void;
  said(message: Said): void;
  gesture(gesture: Gesture): void;
  path(state: "fine" | "troubled" | "failed"): void;
  quality(quality: LinkQuality, uplink: Uplink): void;
}

const SAMPLE_MS = 2_000;
/** What is said is short; more than this is not for us. */
const MOST_SAID = 1_024;

export class DirectPeer {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
  readonly #channel = this.#connection.createDataChannel("call", { negotiated: true, id: 0 });
  readonly #polite: boolean;
  readonly #events: DirectPeerEvents;
  readonly #transceivers = new Map<SourceKind, RTCRtpTransceiver>();
  readonly #tracks = new Map<SourceKind, MediaStreamTrack | null>();
  readonly #streams = new Map<SourceKind, MediaStream>();
  /** When each source was last seen to go on, and by which mark. */
  readonly #times = new Map<SourceKind, { mark: number; at: number }>();
  readonly #sampler: ReturnType<typeof setInterval>;
  readonly #limit = new MicrophoneLimit();
  readonly #repeating = new Repeating();
  #repeats = false;
  #voice: Voice = USUAL_VOICE;
  #counters: Counters | null = null;
  /** Something was agreed on: from now on either may offer. */
  #agreed = false;
  /** An offer of theirs that met ours was not taken: its candidates mean nothing. */
  #ignores = false;
  #closed = false;
  /** Offers and answers touch the same state: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(polite: boolean, iceServers: Promise<RTCIceServer[]>, events: DirectPeerEvents) {
    this.#polite = polite;
    this.#events = events;
    const connection = this.#connection;
    void this.#inTurn(async () => {
      const known = withoutRelays(await soon(iceServers));
      if (this.#closed) return;
      if (known.length > 0) connection.setConfiguration({ ...connection.getConfiguration(), iceServers: known });
      // The other one gets theirs from our offer.
      if (!polite) for (const sent of SENT) this.#adopt(sent.source, this.#add(sent));
    });
    connection.addEventListener("negotiationneeded", () => this.#agreeAnew());
    connection.addEventListener("icecandidate", ({ candidate }) => {
      // One over TCP is for servers: no browser listens there.
      if (!candidate || candidate.candidate === "" || candidate.protocol === "tcp") return;
      const { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      events.words({ candidate: { candidate: text, sdp_mid: sdpMid, sdp_m_line_index: sdpMLineIndex, username_fragment: usernameFragment } });
    });
    connection.addEventListener("iceconnectionstatechange", () => this.#report());
    connection.addEventListener("connectionstatechange", () => this.#report());
    this.#channel.addEventListener("open", () => !this.#closed && events.channel(true));
    this.#channel.addEventListener("close", () => !this.#closed && events.channel(false));
    this.#channel.addEventListener("message", ({ data }) => {
      const message = readSaid(data);
      if (!message || this.#closed) return;
      if ("reaction" in message || "typing" in message) events.gesture(message);
      else events.said(message);
    });
    this.#sampler = setInterval(() => void this.#sample().catch(() => undefined), SAMPLE_MS);
  }

  /** Takes what the other one said. Rejects when the browser cannot make sense of it. */
  take(words: Words): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) return;
      if ("description" in words) return this.#takeDescription(words.description);
      const { candidate, sdp_mid, sdp_m_line_index, username_fragment } = words.candidate;
      try {
        await this.#connection.addIceCandidate({ candidate, sdpMid: sdp_mid, sdpMLineIndex: sdp_m_line_index, usernameFragment: username_fragment });
      } catch (reason) {
        if (!this.#ignores) throw reason;
      }
    });
  }

  /** False when there is no channel to say it on. */
  say(message: Said | Gesture): boolean {
    if (this.#channel.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  /** Puts a track on the way in place of what was sent, or takes it off with `null`. */
  async send(source: SourceKind, track: MediaStreamTrack | null): Promise<void> {
    if (this.#closed || (this.#tracks.get(source) ?? null) === track) return;
    this.#tracks.set(source, track);
    await this.#transceivers.get(source)?.sender.replaceTrack(track);
  }

  /** Sends the microphone at this bitrate from now on, in stereo or not. */
  setVoice(voice: Voice): void {
    const { stereo, most } = this.#voice;
    this.#voice = voice;
    if (this.#agreed && (stereo !== voice.stereo || (stereo && most !== voice.most))) this.#agreeAnew();
    void this.#inTurn(() => this.#limitMicrophone()).catch(() => undefined);
  }

  restartIce(): void {
    if (!this.#closed) this.#connection.restartIce();
  }

  /** When each of these sources of theirs was last seen to go on, as of `now`. Every one waits for the browser's media thread. */
  times(sources: readonly SourceKind[], now: number): Times {
    const times: Times = {};
    for (const source of sources) {
      const mark = lastPlayed(this.#transceivers.get(source)?.receiver);
      const before = this.#times.get(source);
      if (mark !== undefined && mark !== before?.mark) this.#times.set(source, { mark, at: now });
      const at = this.#times.get(source)?.at;
      if (at !== undefined) times[source] = at;
    }
    return times;
  }

  /** How loud their microphone is, 0 to 1 of full scale. */
  level(): number {
    const [heard] = this.#transceivers.get("microphone")?.receiver.getSynchronizationSources() ?? [];
    return heard && performance.timeOrigin + performance.now() - heard.timestamp < SAMPLE_MS ? (heard.audioLevel ?? 0) : 0;
  }

  stream(source: SourceKind): MediaStream | undefined {
    return this.#streams.get(source);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sampler);
    this.#connection.close();
    this.#streams.clear();
  }

  #add(sent: (typeof SENT)[number]): RTCRtpTransceiver {
    const transceiver = this.#connection.addTransceiver(sent.kind, { direction: "sendrecv", sendEncodings: [wholeEncoding(sent)] });
    if (sent.kind === "video") prefer(transceiver, sent.codecs);
    return transceiver;
  }

  /** From now on this source goes and comes here. */
  #adopt(source: SourceKind, transceiver: RTCRtpTransceiver): void {
    transceiver.direction = "sendrecv";
    this.#transceivers.set(source, transceiver);
    this.#streams.set(source, new MediaStream([transceiver.receiver.track]));
    void transceiver.sender.replaceTrack(this.#tracks.get(source) ?? null).catch(() => undefined);
  }

  #agreeAnew(): void {
    void this.#inTurn(async () => {
      // While something is under way the event comes again after it.
      if (this.#closed || (this.#polite && !this.#agreed) || this.#connection.signalingState !== "stable") return;
      const { sdp = "" } = await this.#connection.createOffer();
      await this.#setLocal({ type: "offer", sdp });
    }).catch(() => this.#events.path("failed"));
  }

  async #takeDescription({ type, sdp }: { type: "offer" | "answer"; sdp: string }): Promise<void> {
    const { signalingState } = this.#connection;
    if (type === "answer" && signalingState !== "have-local-offer") return;
    this.#ignores = type === "offer" && signalingState !== "stable" && !this.#polite;
    if (this.#ignores) return;
    await this.#connection.setRemoteDescription({ type, sdp: this.#asHeard(sdp) });
    if (type === "offer") {
      if (this.#transceivers.size === 0) SENT.forEach(({ source }, at) => this.#adoptTheirs(source, at));
      const answer = await this.#connection.createAnswer();
      await this.#setLocal({ type: "answer", sdp: answer.sdp ?? "" });
    }
    this.#agreed = true;
    await this.#limitAll();
  }

  #adoptTheirs(source: SourceKind, at: number): void {
    const transceiver = this.#connection.getTransceivers()[at];
    if (transceiver) this.#adopt(source, transceiver);
  }

  async #setLocal({ type, sdp }: { type: "offer" | "answer"; sdp: string }): Promise<void> {
    const ours = hearStereo(sdp);
    await this.#connection.setLocalDescription({ type, sdp: ours });
    if (!this.#closed) this.#events.words({ description: { type, sdp: ours } });
  }

  /** Their description as our encoders are to understand it. */
  #asHeard(theirs: string): string {
    const mids = midsOf(theirs);
    const mid = (source: SourceKind) => mids[SENT.findIndex((sent) => sent.source === source)] ?? "";
    const shared = sendStereo(theirs, mid("screen_audio"), SHARED_SOUND_BITRATE);
    const { stereo, most } = this.#voice;
    const voiced = stereo ? sendStereo(shared, mid("microphone"), most) : sendVoice(shared, mid("microphone"));
    return sendRedundant(voiced, mid("microphone"), this.#repeats);
  }

  /** An offer's encodings are those of its maker; an answer's begin without limits. */
  async #limitAll(): Promise<void> {
    for (const sent of SENT) {
      const sender = this.#transceivers.get(sent.source)?.sender;
      const parameters = sender?.getParameters();
      const [encoding] = parameters?.encodings ?? [];
      if (!sender || !parameters || !encoding || sent.source === "microphone") continue;
      Object.assign(encoding, wholeEncoding(sent));
      await sender.setParameters(parameters);
      if (sent.source === "screen") await keepSharp(sender);
    }
    await this.#limitMicrophone();
  }

  async #limitMicrophone(): Promise<void> {
    if (!this.#closed && this.#agreed) await this.#limit.apply(this.#transceivers.get("microphone")?.sender, this.#voice.bitrate);
  }

  #report(): void {
    if (this.#closed) return;
    const states = [this.#connection.connectionState, this.#connection.iceConnectionState];
    if (states.includes("failed")) this.#events.path("failed");
    else if (states.includes("disconnected")) this.#events.path("troubled");
    else if (this.#connection.connectionState === "connected") this.#events.path("fine");
  }

  async #sample(): Promise<void> {
    const before = this.#counters;
    const wanted = this.#voice.bitrate;
    const report = await this.#connection.getStats();
    if (this.#closed) return;
    const after = count(report, performance.now());
    this.#counters = after;
    const target = encoderTarget(report, this.#transceivers.get("microphone")?.mid);
    if (wanted === this.#voice.bitrate && this.#limit.learn(wanted, target)) await this.#inTurn(() => this.#limitMicrophone());
    if (!before || this.#closed) return;
    const up = uplink(before, after);
    this.#events.quality(quality(before, after), up);
    const repeats = this.#repeating.look(up, after.atMs);
    if (repeats === this.#repeats) return;
    this.#repeats = repeats;
    this.#agreeAnew();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Reads what the other one said; null for what a newer client may say. */
export function readSaid(data: unknown): Said | Gesture | null {
  if (typeof data !== "string" || data.length > MOST_SAID) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(data);
  } catch {
    return null;
  }
  if (typeof raw !== "object" || raw === null) return null;
  if ("back" in raw && raw.back === true) return { back: true };
  if ("typing" in raw && raw.typing === true) return { typing: true };
  if ("reaction" in raw) return typeof raw.reaction === "string" && isReaction(raw.reaction) ? { reaction: raw.reaction } : null;
  if (!("sources" in raw) || typeof raw.sources !== "object" || raw.sources === null) return null;
  const said: Record<string, unknown> = { ...raw.sources };
  const sources: Sources = { microphone: said["microphone"] === true, camera: said["camera"] === true, screen: said["screen"] === true, screen_audio: said["screen_audio"] === true };
  return { sources };
}
