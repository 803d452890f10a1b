// The one PeerConnection of a call: four things to send, allocated ahead, and slots to receive into.
// It decides nothing about reconnecting; machine.ts does.

import type { Uplink } from "./bitrate.ts";
import { addSender, keepSharp, SENT, SHARED_SOUND_BITRATE, withWanted } from "./encodings.ts";
import type { EncodingState, OfferedSource, Slot } from "./frames.ts";
import { soon } from "./ice.ts";
import { MicrophoneLimit, USUAL_VOICE, type Voice } from "./microphone.ts";
import { count, encoderTarget, flowed, lastPlayed, quality, uplink, type Counters } from "./quality.ts";
import { hearStereo, sendRedundant, sendStereo } from "./sdp.ts";
import type { LinkQuality, SourceKind } from "./types.ts";

export interface PeerEvents {
  media(state: "connecting" | "up" | "lost"): void;
  quality(quality: LinkQuality, uplink: Uplink): void;
}

const SAMPLE_MS = 2_000;
/** A path that works answers STUN every 2.5 s at the latest: two silent samples in a row mean that it does not. */
const SILENT_SAMPLES = 2;

export class Peer {
  readonly #connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
  readonly #senders = new Map<SourceKind, RTCRtpTransceiver>();
  readonly #tracks = new Map<SourceKind, MediaStreamTrack | null>();
  readonly #streams = new Map<string, MediaStream>();
  readonly #events: PeerEvents;
  readonly #sampler: ReturnType<typeof setInterval>;
  /** What the server answered last, as it came. */
  #answer = "";
  #repeatsMicrophone = false;
  #voice = USUAL_VOICE;
  readonly #limit = new MicrophoneLimit();
  #counters: Counters | null = null;
  #silentSamples = 0;
  #closed = false;
  /** Offers and answers touch the same state: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(events: PeerEvents, iceServers: Promise<RTCIceServer[]>) {
    this.#events = events;
    // Before the first offer, so that candidates are gathered there as well.
    void this.#inTurn(async () => {
      const known = await soon(iceServers);
      if (known.length > 0 && !this.#closed) this.#connection.setConfiguration({ ...this.#connection.getConfiguration(), iceServers: known });
    });
    for (const sent of SENT) this.#senders.set(sent.source, addSender(this.#connection, sent));
    this.#connection.addEventListener("connectionstatechange", () => this.#report());
    this.#connection.addEventListener("iceconnectionstatechange", () => this.#report());
    this.#sampler = setInterval(() => void this.#sample(), SAMPLE_MS);
  }

  /** A new local offer with at least so many slots of each kind. */
  offer(wish: { iceRestart: boolean; audio: number; video: number }): Promise<{ sdp: string; sources: OfferedSource[] }> {
    return this.#inTurn(async () => {
      this.#allocate("audio", wish.audio);
      this.#allocate("video", wish.video);
      if (wish.iceRestart) this.#connection.restartIce();
      const offer = await this.#connection.createOffer();
      const sdp = hearStereo(offer.sdp ?? "");
      await this.#connection.setLocalDescription({ type: "offer", sdp });
      const sources = SENT.map(({ source }) => ({ mid: this.#senders.get(source)?.mid ?? "", source }));
      return { sdp, sources };
    });
  }

  answer(sdp: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#connection.signalingState !== "have-local-offer") return;
      this.#answer = sdp;
      await this.#takeAnswer();
      const screen = this.#senders.get("screen")?.sender;
      if (screen) await keepSharp(screen);
    });
  }

  /** Sends no encodings that nobody watches, and those again that somebody does. */
  encode(source: SourceKind, states: readonly EncodingState[]): Promise<void> {
    return this.#inTurn(async () => {
      const sender = this.#senders.get(source)?.sender;
      if (!sender || this.#closed) return;
      const parameters = sender.getParameters();
      const encodings = withWanted(parameters.encodings, states);
      if (encodings) await sender.setParameters({ ...parameters, encodings });
    });
  }

  /** Sends frames of the microphone again with later ones (RFC 2198), or stops that. The server agreed to both already. */
  repeatMicrophone(on: boolean): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed || this.#repeatsMicrophone === on) return;
      this.#repeatsMicrophone = on;
      await this.#takeAnswerAgain();
    });
  }

  /** Sends the microphone at this bitrate from now on, in stereo or not. */
  setVoice(voice: Voice): Promise<void> {
    const { bitrate, most, stereo } = this.#voice;
    const isSaidAnew = stereo !== voice.stereo || (stereo && most !== voice.most);
    if (this.#closed || (bitrate === voice.bitrate && !isSaidAnew)) return Promise.resolve();
    this.#voice = voice;
    return this.#inTurn(async () => {
      if (isSaidAnew) await this.#takeAnswerAgain();
      await this.#limitMicrophone();
    });
  }

  async #limitMicrophone(): Promise<void> {
    if (!this.#closed) await this.#limit.apply(this.#senders.get("microphone")?.sender, this.#voice.bitrate);
  }

  /** What we made of the answer has changed; the server need not hear of it. */
  async #takeAnswerAgain(): Promise<void> {
    // An answer that is on its way will be taken as it should.
    if (this.#closed || this.#answer === "" || this.#connection.signalingState !== "stable") return;
    const offer = await this.#connection.createOffer();
    await this.#connection.setLocalDescription({ type: "offer", sdp: hearStereo(offer.sdp ?? "") });
    await this.#takeAnswer();
  }

  async #takeAnswer(): Promise<void> {
    const mid = (source: SourceKind) => this.#senders.get(source)?.mid ?? "";
    let sdp = sendStereo(this.#answer, mid("screen_audio"), SHARED_SOUND_BITRATE);
    if (this.#voice.stereo) sdp = sendStereo(sdp, mid("microphone"), this.#voice.most);
    if (this.#repeatsMicrophone) sdp = sendRedundant(sdp, mid("microphone"));
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
  }

  /** Puts a track on the wire in place of what was sent, or takes it off with `null`. */
  async send(source: SourceKind, track: MediaStreamTrack | null): Promise<void> {
    if (this.#closed || this.#tracks.get(source) === track) return;
    this.#tracks.set(source, track);
    await this.#senders.get(source)?.sender.replaceTrack(track);
  }

  /** What comes in through a slot; a new stream object whenever the slot changes hands, so that nobody sees another's last picture. */
  stream(slot: Slot): MediaStream | undefined {
    const key = `${slot.mid}/${slot.userId}/${slot.source}`;
    const known = this.#streams.get(key);
    if (known) return known;
    const track = this.#connection.getTransceivers().find((transceiver) => transceiver.mid === slot.mid)?.receiver.track;
    if (!track) return undefined;
    for (const old of this.#streams.keys()) if (old.startsWith(`${slot.mid}/`)) this.#streams.delete(old);
    const stream = new MediaStream([track]);
    this.#streams.set(key, stream);
    return stream;
  }

  /** When a packet of this slot was last played, or a frame shown, on a clock of its own; undefined while there is none. */
  heardAt(slot: Slot): number | undefined {
    return lastPlayed(this.#connection.getTransceivers().find((transceiver) => transceiver.mid === slot.mid)?.receiver);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sampler);
    this.#connection.close();
    this.#streams.clear();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #allocate(kind: "audio" | "video", wanted: number): void {
    const slots = this.#connection
      .getTransceivers()
      .filter((transceiver) => transceiver.direction === "recvonly" && transceiver.receiver.track.kind === kind);
    for (let have = slots.length; have < wanted; have++) this.#connection.addTransceiver(kind, { direction: "recvonly" });
  }

  #report(): void {
    if (this.#closed) return;
    const { connectionState, iceConnectionState } = this.#connection;
    const troubled = [connectionState, iceConnectionState].some((state) => state === "disconnected" || state === "failed");
    if (troubled || this.#silentSamples >= SILENT_SAMPLES) this.#events.media("lost");
    else this.#events.media(connectionState === "connected" ? "up" : "connecting");
  }

  async #sample(): Promise<void> {
    const before = this.#counters;
    const wanted = this.#voice.bitrate;
    const report = await this.#connection.getStats();
    const after = count(report, performance.now());
    if (this.#closed) return;
    const target = encoderTarget(report, this.#senders.get("microphone")?.mid);
    // A browser that refuses goes on as it did.
    if (wanted === this.#voice.bitrate && this.#limit.learn(wanted, target)) void this.#inTurn(() => this.#limitMicrophone()).catch(() => undefined);
    this.#counters = after;
    if (!before || this.#connection.connectionState === "new") return;
    this.#silentSamples = flowed(before, after) ? 0 : this.#silentSamples + 1;
    this.#events.quality(quality(before, after), uplink(before, after));
    this.#report();
  }
}
