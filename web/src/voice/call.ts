// The call as the interface holds it: carries the machine's effects out, feeds it what the browser reports, and
// publishes a new snapshot whenever something changed. What to do when is in machine.ts; how, in the other files.

import { FULL, pace, within, type Uplink } from "./bitrate.ts";
import { Cues, playCue } from "./cues.ts";
import { DirectWay } from "./direct-way.ts";
import type { ClientFrame, Slot, Sources } from "./frames.ts";
import { parseFrame } from "./frames.ts";
import { Link, voiceUrl } from "./link.ts";
import { LocalMedia } from "./local.ts";
import { step } from "./machine.ts";
import { members } from "./members.ts";
import { USUAL_VOICE } from "./microphone.ts";
import { onOtherNetwork } from "./network.ts";
import { Peer } from "./peer.ts";
import { Pictures } from "./pictures.ts";
import { heard, Playback } from "./playback.ts";
import { loadPreferences, silenced, withDevice, withMusic, withSoundboard, withSounds, withVoices, withVolume } from "./preferences.ts";
import { NO_CALL, type Effect, type Event, type Place, type Timer } from "./session.ts";
import { SpeakingGate } from "./sound.ts";
import type { Call, CallGesture, CallState, DeviceKind, Devices, LinkQuality, SourceKind, TileReport, TileSource, VoiceGateway, VoicesMode } from "./types.ts";
import { said, Tiles, unsaid, wants } from "./wants.ts";

const SOURCES: readonly SourceKind[] = ["microphone", "camera", "screen", "screen_audio"];
/** What a channel allows that says nothing. */
const USUAL_BITRATE = 64_000;
/** One voice does not get better above this, however much a channel allows; music does. */
const MOST_FOR_VOICE = 96_000;
/** What a mix may take that somebody asked for to save data, bit/s. */
const SAVING_BITRATE = 32_000;
/** The server leaves out so many of whom one does not want to hear. */
const MOST_LEFT_OUT = 64;
const SPEAKING_POLL_MS = 100;
/** The server drops what comes sooner than a quarter of a second, and counts all that we say. */
const REACTION_MS = 600;
/** The layout settles first. */
const WANTS_SETTLE_MS = 50;
/** The server takes 120 frames a minute: sizes may be a third of them, a few at once. */
const WANTS_MS = 1_500;
const MOST_WANTS = 5;

export function createCall(gateway: VoiceGateway): Call {
  return new LiveCall(gateway);
}

class LiveCall implements Call {
  state: CallState;
  readonly #gateway: VoiceGateway;
  readonly #listeners = new Set<(s: CallState) => void>();
  readonly #watchers = new Set<(gesture: CallGesture) => void>();
  #reactedAtMs = -REACTION_MS;
  readonly #timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  readonly #local: LocalMedia;
  readonly #playback = new Playback((userId, played) => this.userVolume(userId) * (played ? (this.#preferences.soundboard ?? 1) : 1));
  #preferences = loadPreferences();
  #session = NO_CALL;
  #link: Link | null = null;
  #peer: Peer | null = null;
  /** Beside the peer, which stays ready, when we are two. */
  readonly #way: DirectWay;
  readonly #pictures = new Pictures();
  #releaseMicrophone: Promise<() => void> | null = null;
  #sentSources = "";
  readonly #cues = new Cues();
  readonly #tiles = new Tiles(() => this.#sayWants());
  /** The sizes that the server has heard. */
  #saidWants: ReadonlyMap<string, string> = new Map();
  #wantsTimer: ReturnType<typeof setTimeout> | undefined;
  /** How many may be said at once, and when that was so. */
  #wantsCredit = { count: MOST_WANTS, atMs: 0 };
  #muted = false;
  #deafened = false;
  #quality: CallState["quality"] = null;
  /** How much the microphone takes, and what it was allowed when that was found. */
  #pace = FULL;
  #most = 0;
  #voice = USUAL_VOICE;
  /** What the pace was found out about. */
  #pacedDirectly = false;
  #speaking = false;
  /** Who is heard directly to speak; of the others the server tells. */
  #speaker: string | null = null;
  #speakingPoll: ReturnType<typeof setInterval> | undefined;

  constructor(gateway: VoiceGateway) {
    this.#gateway = gateway;
    this.#local = new LocalMedia({ device: (kind) => this.#preferences[kind], music: () => this.musicMode(), changed: () => this.#onLocalChanged() });
    this.#way = new DirectWay({
      send: (frame) => this.#send(frame),
      sayNetwork: () => this.#sayDirect(),
      iceServers: () => this.#gateway.iceServers(),
      track: (source) => this.#outgoing(source),
      line: (source) => this.#local.track(source),
      voice: () => this.#voice,
      heardAt: (userId, source) => {
        const slot = this.#session.slots.find((one) => one.userId === userId && one.source === source);
        return slot && this.#peer?.heardAt(slot);
      },
      changed: () => this.#onWayChanged(),
      quality: (quality, uplink) => this.#onQuality(quality, uplink),
      gesture: (userId, gesture) => this.#show("typing" in gesture ? { kind: "typing", userId } : { kind: "reaction", userId, emoji: gesture.reaction }),
    });
    this.state = this.#snapshot(new Map());
    void this.#playback.setSpeaker(this.#preferences.speaker ?? "");
    gateway.subscribe((event) => this.#dispatch({ type: "gateway", event }));
    onOtherNetwork(() => this.#dispatch({ type: "online" }));
    addEventListener("pagehide", ({ persisted }) => {
      // The browser tells the voice socket that the page is gone, which frees the seat; a conversation's call then waits
      // for a page that loads anew. In a room a closed tab frees its seat at once, also while it is still joining.
      if (persisted || this.#session.place?.guildId !== null) this.leave();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.#local.error === "microphone-missing") void this.#local.reopenMicrophone();
    });
  }

  subscribe(listener: (s: CallState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async join(guildId: string | null, channelId: string): Promise<void> {
    this.#dispatch({ type: "join", place: { guildId, channelId } });
    // Without a microphone one listens; the snapshot's `error` says so.
    this.#releaseMicrophone ??= this.#local.holdMicrophone();
    this.#pollSpeaking();
    await this.#until((s) => s.phase !== "joining" && s.phase !== "connecting");
  }

  leave(): void {
    this.#dispatch({ type: "leave" });
  }

  setMuted(muted: boolean): void {
    if (!muted && this.#deafened) this.#applyDeafened(false);
    this.#muted = muted;
    this.#announce();
  }

  setDeafened(deafened: boolean): void {
    this.#applyDeafened(deafened);
    this.#announce();
  }

  async setCamera(on: boolean): Promise<void> {
    if (!on || this.#session.place) await this.#local.setCamera(on);
  }

  async setScreen(on: boolean): Promise<void> {
    if (!on || this.#session.place) await this.#local.setScreen(on);
  }

  async devices(): Promise<Devices> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const { microphone, camera, speaker } = this.#preferences;
    return {
      microphones: all.filter((device) => device.kind === "audioinput"),
      cameras: all.filter((device) => device.kind === "videoinput"),
      speakers: all.filter((device) => device.kind === "audiooutput"),
      chosen: { ...(microphone && { microphone }), ...(camera && { camera }), ...(speaker && { speaker }) },
    };
  }

  async chooseDevice(kind: DeviceKind, deviceId: string): Promise<void> {
    this.#preferences = withDevice(this.#preferences, kind, deviceId);
    switch (kind) {
      case "microphone":
        return this.#local.reopenMicrophone();
      case "camera":
        return this.#local.camera ? this.#local.setCamera(true) : undefined;
      case "speaker":
        return this.#playback.setSpeaker(deviceId);
    }
  }

  react(emoji: string): boolean {
    const now = performance.now();
    if (this.#session.phase !== "connected" || now < this.#reactedAtMs + REACTION_MS) return false;
    this.#reactedAtMs = now;
    // What the other one gets directly needs no server.
    if (!this.#way.call?.say({ reaction: emoji })) this.#send({ op: 31, d: { emoji } });
    this.#show({ kind: "reaction", userId: this.#gateway.selfId(), emoji });
    return true;
  }

  tellTyping(): boolean {
    return this.#way.call?.say({ typing: true }) ?? false;
  }

  onGesture(listener: (gesture: CallGesture) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  setUserVolume(userId: string, gain: number): void {
    const was = this.userVolume(userId);
    this.#preferences = withVolume(this.#preferences, userId, Math.min(2, Math.max(0, gain)));
    this.#playback.refresh();
    // The mix is made without those whom one does not want to hear.
    if ((was === 0) !== (this.userVolume(userId) === 0)) this.#sayListening();
  }

  userVolume(userId: string): number {
    return this.#preferences.volumes[userId] ?? 1;
  }

  setSoundboardVolume(gain: number): void {
    this.#preferences = withSoundboard(this.#preferences, Math.min(1, Math.max(0, gain)));
    this.#playback.refresh();
  }

  onDevicesChanged(listener: () => void): () => void {
    navigator.mediaDevices?.addEventListener("devicechange", listener);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", listener);
  }

  tile(userId: string, source: TileSource): TileReport {
    return this.#tiles.open(userId, source);
  }

  voices(): VoicesMode {
    return this.#preferences.voices ?? "automatic";
  }

  setVoices(mode: VoicesMode): void {
    this.#preferences = withVoices(this.#preferences, mode);
    this.#sayListening();
  }

  musicMode(): boolean {
    return this.#preferences.music === true;
  }

  async setMusicMode(on: boolean): Promise<void> {
    if (on === this.musicMode()) return;
    this.#preferences = withMusic(this.#preferences, on);
    this.#tuneMicrophone();
    await this.#local.reopenMicrophone();
  }

  sounds(): boolean {
    return this.#preferences.sounds !== false;
  }

  setSounds(on: boolean): void {
    this.#preferences = withSounds(this.#preferences, on);
  }

  microphoneLevel(): number {
    return this.#local.level();
  }

  startMeter(): Promise<() => void> {
    return this.#local.holdMicrophone();
  }

  #applyDeafened(deafened: boolean): void {
    this.#deafened = deafened;
    this.#playback.setDeafened(deafened);
  }

  /** Mute or deaf changed: the tracks, the main gateway and the interface learn of it. */
  #announce(): void {
    this.#sendTracks();
    if (this.#session.place && this.#session.phase !== "failed") this.#tellGateway(this.#session.place);
    this.#publish();
  }

  #tellGateway(place: Place | null): void {
    this.#gateway.sendVoiceState({
      guild_id: place ? place.guildId : this.state.guildId,
      channel_id: place?.channelId ?? null,
      self_mute: this.#muted || this.#deafened,
      self_deaf: this.#deafened,
    });
  }

  #dispatch(event: Event): void {
    const before = this.#session;
    const [next, effects] = step(before, event, { selfId: this.#gateway.selfId(), now: Date.now(), showsAddress: !this.#gateway.hidesAddress() });
    if (next.slots !== before.slots) this.#sayWants();
    this.#session = next;
    for (const effect of effects) this.#carryOut(effect);
    if (next.place !== before.place || next.phase === "failed") this.#way.take({ type: "over" });
    this.#publish();
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "voice_state":
        return this.#tellGateway(effect.place);
      case "open_link":
        return this.#openLink(effect.endpoint);
      case "close_link":
        this.#link?.close(effect.final);
        this.#link = null;
        return;
      case "send":
        return this.#send(effect.frame);
      case "set_encodings":
        void this.#peer?.encode(effect.source, effect.encodings).catch((reason: unknown) => console.warn(`Could not change what is sent of the ${effect.source}.`, reason));
        return;
      case "send_sources":
        this.#sentSources = "";
        this.#saidWants = new Map();
        this.#sayWants();
        return this.#sendTracks();
      case "start_peer":
        this.#peer?.close();
        this.#peer = this.#newPeer();
        this.#pace = FULL;
        this.#tuneMicrophone();
        this.#sentSources = "";
        return this.#sendTracks();
      case "close_peer":
        this.#peer?.close();
        this.#peer = null;
        this.#quality = null;
        // It goes on until the next session carries what it does.
        return this.#way.take({ type: "session_over" });
      case "make_offer":
        return this.#makeOffer(effect);
      case "take_answer":
        void this.#peer?.answer(effect.sdp).catch(this.#broken(this.#peer));
        return;
      case "repeat_microphone":
        void this.#peer?.repeatMicrophone(effect.on).catch(this.#broken(this.#peer));
        return;
      case "pace_microphone":
        this.#tuneMicrophone();
        return;
      case "direct":
        return this.#way.take(effect.event);
      case "say_direct":
        return this.#sayDirect();
      case "say_listening":
        return this.#sayListening();
      case "start_timer":
        return this.#startTimer(effect.timer, effect.ms);
      case "stop_timer":
        clearTimeout(this.#timers.get(effect.timer));
        return;
      case "free_devices":
        return this.#freeDevices();
    }
  }

  #openLink(endpoint: string): void {
    this.#link?.close(false);
    this.#link = null;
    try {
      this.#link = new Link(voiceUrl(endpoint, location.protocol), {
        opened: () => this.#dispatch({ type: "link_opened" }),
        text: (text) => this.#onFrame(parseFrame(text)),
        closed: (code) => this.#dispatch({ type: "link_closed", code }),
      });
    } catch (reason) {
      // An address that is none: the link's own timer tries again, a fresh pass may bring a better one.
      console.warn("The voice server's address cannot be opened.", reason);
    }
  }

  /** A reaction changes nothing about the call: it is shown, and that was it. */
  #onFrame(parsed: ReturnType<typeof parseFrame>): void {
    if (parsed.frame?.op === "reaction") this.#show({ kind: "reaction", userId: parsed.frame.userId, emoji: parsed.frame.emoji });
    else this.#dispatch({ type: "frame", ...parsed });
  }

  #show(gesture: CallGesture): void {
    for (const watcher of this.#watchers) watcher(gesture);
  }

  #newPeer(): Peer {
    const peer: Peer = new Peer({
      media: (state) => peer === this.#peer && this.#dispatch({ type: "media", state }),
      quality: (quality, uplink) => peer === this.#peer && !this.#way.isUp && this.#onQuality(quality, uplink),
    }, this.#gateway.iceServers());
    return peer;
  }

  #onQuality(quality: LinkQuality, uplink: Uplink): void {
    this.#quality = quality;
    const bitrate = this.#tuneMicrophone(uplink);
    const { concealed, frozenMs } = quality;
    // Before it knows who we are, the server closes a socket that says this.
    if (this.#session.link === "open") this.#send({ op: 24, d: { concealed, frozen_ms: frozenMs, microphone_kbps: Math.round(bitrate / 1_000) } });
    this.#publish();
  }

  /** Something goes or comes directly that did not, or the other way round. */
  #onWayChanged(): void {
    this.#sendTracks();
    this.#tuneMicrophone();
    this.#publish();
  }

  #sayDirect(): void {
    this.#send({ op: 27, d: { peer: !this.#gateway.hidesAddress() } });
  }

  #sayListening(): void {
    if (this.#session.link !== "open") return;
    const mode = this.voices();
    const without = silenced(this.#preferences).slice(-MOST_LEFT_OUT);
    this.#send({ op: 30, d: { mode, without, ...(mode === "mixed" && { bitrate: SAVING_BITRATE }) } });
  }

  /** Sends the microphone as the channel, which may have changed, the way up and those who listen allow; at how many bit/s. */
  #tuneMicrophone(uplink?: Uplink): number {
    const { place, asked } = this.#session;
    const allowed = (place && this.#gateway.bitrate(place.guildId, place.channelId)) || USUAL_BITRATE;
    const stereo = this.musicMode();
    const most = stereo ? allowed : Math.min(allowed, MOST_FOR_VOICE);
    // What was found out about another kind of sound says little about this one.
    const direct = this.#way.isUp;
    if (most !== this.#most || direct !== this.#pacedDirectly) this.#pace = FULL;
    [this.#most, this.#pacedDirectly] = [most, direct];
    const bounds = { most, stereo, asked: direct ? null : asked };
    this.#pace = uplink ? pace(this.#pace, uplink, bounds) : within(this.#pace, bounds);
    const { bitrate } = this.#pace;
    this.#voice = { bitrate, most, stereo };
    void this.#peer?.setVoice(this.#voice).catch(this.#broken(this.#peer));
    this.#way.call?.setVoice(this.#voice);
    return bitrate;
  }

  #makeOffer({ revision, ...wish }: Extract<Effect, { do: "make_offer" }>): void {
    const peer = this.#peer;
    peer
      ?.offer(wish)
      .then((offer) => peer === this.#peer && this.#dispatch({ type: "offer_made", revision, ...offer }))
      .catch(this.#broken(peer));
  }

  #broken(peer: Peer | null): (reason: unknown) => void {
    return (reason) => {
      if (peer !== this.#peer) return;
      console.warn("The browser refused this connection; a new one is made.", reason);
      this.#dispatch({ type: "peer_broken" });
    };
  }

  #startTimer(timer: Timer, ms: number): void {
    clearTimeout(this.#timers.get(timer));
    // Retries are spread by a quarter so that a crowd does not come back in one moment.
    const spread = timer === "retry" || timer === "pass" ? 0.75 + Math.random() / 2 : 1;
    this.#timers.set(timer, setTimeout(() => this.#dispatch({ type: "timer", timer }), ms * spread));
  }

  #send(frame: ClientFrame): void {
    this.#link?.send(frame);
  }

  #onLocalChanged(): void {
    this.#sendTracks();
    this.#publish();
  }

  get #isSilent(): boolean {
    return this.#muted || this.#deafened;
  }

  /** What others are to get of a source now. */
  #outgoing(source: SourceKind): MediaStreamTrack | null {
    return source === "microphone" && this.#isSilent ? null : this.#local.track(source);
  }

  /** Brings the wire in line with what is open and not muted, and says so (op 20) where that is news. */
  #sendTracks(): void {
    const microphone = this.#local.track("microphone");
    if (microphone) microphone.enabled = !this.#isSilent;
    this.#way.call?.sendTracks();
    for (const source of SOURCES) {
      const track = this.#way.isUp ? null : this.#outgoing(source);
      void this.#peer?.send(source, track).catch((reason: unknown) => console.warn(`Could not send the ${source}.`, reason));
    }
    const sources: Sources = this.#local.sources;
    const text = JSON.stringify(sources);
    if (this.#session.link !== "open" || !this.#session.offerAnswered || text === this.#sentSources) return;
    this.#sentSources = text;
    this.#send({ op: 20, d: sources });
  }

  /** Tells the server what is drawn how large, soon, and no more often than it would hear. */
  #sayWants(): void {
    if (this.#wantsTimer !== undefined) return;
    const credit = this.#wantsCredit.count + (performance.now() - this.#wantsCredit.atMs) / WANTS_MS;
    const wait = Math.max(WANTS_SETTLE_MS, (1 - credit) * WANTS_MS);
    this.#wantsTimer = setTimeout(() => {
      this.#wantsTimer = undefined;
      const { slots, link, offerAnswered } = this.#session;
      if (link !== "open" || !offerAnswered) return;
      const all = wants(slots, (userId, source) => this.#tiles.size(userId, source));
      const changed = unsaid(slots, all, this.#saidWants);
      this.#saidWants = said(slots, all);
      if (changed.length === 0) return;
      const nowMs = performance.now();
      const earned = (nowMs - this.#wantsCredit.atMs) / WANTS_MS;
      this.#wantsCredit = { count: Math.min(MOST_WANTS, this.#wantsCredit.count + earned) - 1, atMs: nowMs };
      this.#send({ op: 22, d: { slots: changed } });
    }, wait);
  }

  #freeDevices(): void {
    void this.#releaseMicrophone?.then((release) => release());
    this.#releaseMicrophone = null;
    clearInterval(this.#speakingPoll);
    [this.#speaking, this.#speaker] = [false, null];
    this.#local.reset();
  }

  /** One's own ring does not wait for the server, nor that of somebody it hears nothing of. */
  #pollSpeaking(): void {
    clearInterval(this.#speakingPoll);
    const gate = new SpeakingGate();
    this.#speakingPoll = setInterval(() => {
      const now = performance.now();
      const speaking = gate.hear(this.#local.level(), now) && !this.#isSilent;
      const speaker = this.#way.call?.speaker(now) ?? null;
      if (speaking === this.#speaking && speaker === this.#speaker) return;
      [this.#speaking, this.#speaker] = [speaking, speaker];
      this.#publish();
    }, SPEAKING_POLL_MS);
  }

  #until(condition: (s: CallState) => boolean): Promise<void> {
    if (condition(this.state)) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.subscribe((s) => {
        if (!condition(s)) return;
        stop();
        resolve();
      });
    });
  }

  #publish(): void {
    const { slots, speaking } = this.#session;
    const arriving = ({ userId, source }: Slot) => (userId && source ? this.#way.call?.stream(userId, source) : undefined);
    const soundOf = (slot: Slot) => arriving(slot) ?? this.#peer?.stream(slot);
    const pictureOf = (slot: Slot) => this.#pictures.of(`${slot.userId}/${slot.source}`, soundOf(slot));
    const missed = (slot: Slot) => (slot.userId && slot.source && this.#way.call?.misses(slot.userId, slot.source) ? this.#peer?.stream(slot) : undefined);
    this.#playback.play(heard(slots, soundOf, this.#way.call?.voices() ?? [], missed));
    this.#pictures.keep(new Set(slots.map(({ userId, source }) => `${userId}/${source}`)));
    const session = this.#speaker ? { ...this.#session, speaking: new Set([...speaking, this.#speaker]) } : this.#session;
    const self = { userId: this.#gateway.selfId(), here: this.#session.media !== "none", speaking: this.#speaking };
    const before = this.state;
    this.state = this.#snapshot(members(session, self, pictureOf, before.members));
    const cues = this.#cues.change(before, this.state, self.userId, performance.now());
    if (this.sounds()) for (const cue of cues) void playCue(cue, this.#preferences.speaker ?? "");
    for (const listener of this.#listeners) listener(this.state);
  }

  #snapshot(members: CallState["members"]): CallState {
    const { place, phase, since, error } = this.#session;
    const { camera, screen } = this.#local;
    return {
      phase,
      guildId: place?.guildId ?? null,
      channelId: place?.channelId ?? null,
      since,
      muted: this.#muted || this.#deafened,
      deafened: this.#deafened,
      camera: camera !== undefined,
      screen: screen !== undefined,
      members,
      ...(camera && { selfCamera: camera }),
      ...(screen && { selfScreen: screen }),
      quality: this.#quality,
      direct: this.#way.isUp,
      mixed: this.#session.mixed && !this.#way.isUp,
      mixRefused: this.#session.mixRefused && !this.#way.isUp,
      error: error ?? this.#local.error,
    };
  }
}
