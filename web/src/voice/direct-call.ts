// Carries out what direct.ts decides about the way between two people, and feeds it what the browser reports.
// Loaded when somebody may be talked to directly for the first time.

import type { Uplink } from "./bitrate.ts";
import { awaitsServer, directStep, isMissed, looksAt, NOT_DIRECT, playsDirectly, sendsToServer, type DirectEffect, type DirectEvent, type DirectTimer, type Gesture, type Times } from "./direct.ts";
import { DirectPeer } from "./direct-peer.ts";
import { SENT } from "./encodings.ts";
import type { ClientFrame, Sources } from "./frames.ts";
import type { Voice } from "./microphone.ts";
import { decibels, isSpeech, SpeakingGate } from "./sound.ts";
import type { LinkQuality, SourceKind } from "./types.ts";

/** The call, as far as the way between two people needs it. */
export interface DirectHost {
  send(frame: ClientFrame): void;
  /** Op 27 again. */
  sayNetwork(): void;
  iceServers(): Promise<RTCIceServer[]>;
  /** What goes out of a source at this moment; null while it is muted or off. */
  track(source: SourceKind): MediaStreamTrack | null;
  /** The same, but a muted microphone's silence: timestamps stop without a track, and what followed would be taken for late. */
  line(source: SourceKind): MediaStreamTrack | null;
  voice(): Voice;
  /** When something of this source last came from the server, on a clock of its own. */
  heardAt(userId: string, source: SourceKind): number | undefined;
  /** Something goes or comes another way now. */
  changed(): void;
  quality(quality: LinkQuality, uplink: Uplink): void;
  gesture(userId: string, gesture: Gesture): void;
}

/** What comes is looked at this often: neither a change nor a break should be heard. */
const LOOK_MS = 40;
const SOURCES: readonly SourceKind[] = SENT.map(({ source }) => source);

export class DirectCall {
  readonly #host: DirectHost;
  readonly #timers = new Map<DirectTimer, ReturnType<typeof setTimeout>>();
  #direct = NOT_DIRECT;
  #peer: DirectPeer | null = null;
  #looking: ReturnType<typeof setInterval> | undefined;
  /** When each source was last seen to come from the server, and by which mark. */
  #server = new Map<SourceKind, { mark: number; at: number }>();
  #saidSources = "";
  readonly #gate = new SpeakingGate();

  constructor(host: DirectHost) {
    this.#host = host;
  }

  take(event: DirectEvent): void {
    const before = this.#direct;
    const [next, effects] = directStep(before, event, performance.now());
    this.#direct = next;
    for (const effect of effects) this.#carryOut(effect);
    // What was seen of the server's before says nothing about what comes from now on.
    if (next.phase !== before.phase && awaitsServer(next)) this.#server.clear();
    if ((next.phase === "off") !== (before.phase === "off")) this.#look(next.phase !== "off");
    if (before.phase !== next.phase || before.arrived !== next.arrived || before.returned !== next.returned) this.#host.changed();
  }

  /** Nothing goes to the server: all goes directly, both ways. */
  get isUp(): boolean {
    return !sendsToServer(this.#direct);
  }

  /** Theirs, when it is to be heard or seen as it comes directly. */
  stream(userId: string, source: SourceKind): MediaStream | undefined {
    return userId === this.#direct.userId && playsDirectly(this.#direct, source) ? this.#peer?.stream(source) : undefined;
  }

  /** Whether it is theirs, and may come from the server at any moment because it does not come directly. */
  misses(userId: string, source: SourceKind): boolean {
    return userId === this.#direct.userId && isMissed(this.#direct, source);
  }

  /** Everything of theirs that is heard as it comes directly. */
  voices(): { userId: string; source: SourceKind; stream: MediaStream }[] {
    const { userId, theirs } = this.#direct;
    return SOURCES.flatMap((source) => {
      const stream = (source === "microphone" || source === "screen_audio") && theirs?.[source] ? this.stream(userId, source) : undefined;
      return stream ? [{ userId, source, stream }] : [];
    });
  }

  /** Who is speaking as far as it is heard directly. */
  speaker(now: number): string | null {
    const heard = this.#peer !== null && playsDirectly(this.#direct, "microphone") && this.#gate.hear(decibels(this.#peer.level()), now);
    return heard ? this.#direct.userId : null;
  }

  /** Says it to the other one; false when the way is not there. */
  say(gesture: Gesture): boolean {
    return this.isUp && (this.#peer?.say(gesture) ?? false);
  }

  setVoice(voice: Voice): void {
    this.#peer?.setVoice(voice);
  }

  /** What is sent has changed. */
  sendTracks(): void {
    for (const source of SOURCES) void this.#peer?.send(source, this.#host.line(source)).catch((reason: unknown) => console.warn(`Could not send the ${source} directly.`, reason));
    this.#saySources();
  }

  #carryOut(effect: DirectEffect): void {
    switch (effect.do) {
      case "open":
        return this.#open(effect.polite);
      case "close":
        this.#peer?.close();
        this.#peer = null;
        this.#server.clear();
        return;
      case "take":
        void this.#peer?.take(effect.words).catch(this.#broken(this.#peer));
        return;
      case "send":
        return this.#host.send(effect.frame);
      case "say":
        this.#peer?.say(effect.message);
        return;
      case "say_sources":
        this.#saidSources = "";
        return this.#saySources();
      case "restart_ice":
        return this.#peer?.restartIce();
      case "say_network":
        return this.#host.sayNetwork();
      case "start_timer": {
        const { timer, ms } = effect;
        // One that runs for trouble goes on: more trouble is no excuse.
        if (timer === "trouble" && this.#timers.has(timer)) return;
        this.#stopTimer(timer);
        this.#timers.set(timer, setTimeout(() => (this.#timers.delete(timer), this.take({ type: "timer", timer })), ms));
        return;
      }
      case "stop_timer":
        return this.#stopTimer(effect.timer);
    }
  }

  #stopTimer(timer: DirectTimer): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }

  #open(polite: boolean): void {
    const { epoch } = this.#direct;
    const mine = <T>(work: (value: T) => void) => (value: T) => {
      if (peer === this.#peer) work(value);
    };
    const peer: DirectPeer = new DirectPeer(polite, this.#host.iceServers(), {
      words: mine((words) => this.#host.send({ op: 28, d: { epoch, ...words } })),
      channel: mine((open) => this.take({ type: "channel", open })),
      said: mine((message) => this.take({ type: "said", message })),
      gesture: mine((gesture) => this.#host.gesture(this.#direct.userId, gesture)),
      path: mine((state) => this.take({ type: "path", state })),
      quality: (quality, uplink) => peer === this.#peer && this.isUp && this.#host.quality(quality, uplink),
    });
    this.#peer = peer;
    this.#server.clear();
    peer.setVoice(this.#host.voice());
    this.sendTracks();
  }

  #broken(peer: DirectPeer | null): (reason: unknown) => void {
    return (reason) => {
      if (peer !== this.#peer) return;
      console.warn("The browser refused the direct connection.", reason);
      this.take({ type: "path", state: "failed" });
    };
  }

  /** Says over the channel what goes directly, where that is news. */
  #saySources(): void {
    if (!this.#direct.channel) return;
    const sources = Object.fromEntries(SOURCES.map((source) => [source, this.#host.track(source) !== null])) as Sources;
    const text = JSON.stringify(sources);
    if (text === this.#saidSources) return;
    this.#saidSources = text;
    this.#peer?.say({ sources });
  }

  #look(on: boolean): void {
    clearInterval(this.#looking);
    if (!on) return;
    this.#looking = setInterval(() => {
      const now = performance.now();
      const direct = this.#peer?.times(looksAt(this.#direct), now) ?? {};
      const loud = isSpeech(decibels(this.#peer?.level() ?? 0));
      this.take({ type: "look", direct, server: awaitsServer(this.#direct) ? this.#serverTimes(now) : {}, loud });
    }, LOOK_MS);
  }

  #serverTimes(now: number): Times {
    const times: Times = {};
    for (const source of SOURCES) {
      const mark = this.#host.heardAt(this.#direct.userId, source);
      const before = this.#server.get(source);
      // What was there when one began to look may be old.
      if (mark !== undefined && mark !== before?.mark) this.#server.set(source, { mark, at: before ? now : 0 });
      const at = this.#server.get(source)?.at;
      if (at !== undefined) times[source] = at;
    }
    return times;
  }
}
