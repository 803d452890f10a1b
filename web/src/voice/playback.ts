// Makes the others heard: an <audio> element per person and kind of sound, and a gain beside it for whoever is turned up.

import type { Slot } from "./frames.ts";
import { audioContext } from "./sound.ts";
import type { SourceKind } from "./types.ts";

/** One sound of one person, and the way it comes at the moment. */
export interface Heard {
  userId: string;
  stream: MediaStream;
  /** From a soundboard. */
  played?: true;
}

interface Voice extends Heard {
  element: HTMLAudioElement;
  /** Only for a volume above 1, which no element can do. */
  boost?: { source: MediaStreamAudioSourceNode; gain: GainNode };
  /** The same sound by another way, which takes over as soon as it plays. */
  next?: Voice;
}

/** Whose the mix of all is: their volume is as sent. */
const NOBODY = "";

/** What is heard, by person and source; and the mix. What is `missed` of a direct way is listened for at the server as well. */
export function heard(
  slots: readonly Slot[],
  streamOf: (slot: Slot) => MediaStream | undefined,
  direct: readonly (Heard & { source: SourceKind })[],
  missed: (slot: Slot) => MediaStream | undefined = () => undefined,
): Map<string, Heard> {
  const all = new Map<string, Heard>();
  for (const slot of slots) {
    const { userId, source } = slot;
    if (slot.mixed) {
      const stream = streamOf(slot);
      if (stream) all.set("mixed", { userId: NOBODY, stream });
    }
    if (userId !== null && slot.played) {
      const stream = streamOf(slot);
      if (stream) all.set(`${userId}/played`, { userId, stream, played: true });
    }
    if (userId === null || (source !== "microphone" && source !== "screen_audio")) continue;
    const [stream, instead] = [streamOf(slot), missed(slot)];
    if (stream) all.set(`${userId}/${source}`, { userId, stream });
    if (instead) all.set(`${userId}/${source}/instead`, { userId, stream: instead });
  }
  for (const { userId, source, stream } of direct) all.set(`${userId}/${source}`, { userId, stream });
  return all;
}

export class Playback {
  readonly #voices = new Map<string, Voice>();
  readonly #volumeOf: (userId: string, played: boolean) => number;
  #deafened = false;
  #speaker = "";

  constructor(volumeOf: (userId: string, played: boolean) => number) {
    this.#volumeOf = volumeOf;
  }

  /** Plays exactly these; those that stayed as they were go on without a gap, and what comes another way now as well. */
  play(wanted: ReadonlyMap<string, Heard>): void {
    // What one place carries changed, as from a voice to the mix: it plays on, without a gap.
    for (const [key, now] of wanted) {
      const there = this.#voices.get(key);
      if (there?.stream === now.stream) continue;
      const [old, voice] = [...this.#voices].find(([one, { stream }]) => !wanted.has(one) && stream === now.stream) ?? [];
      if (old === undefined || !voice) continue;
      if (there) this.#drop(key, there);
      this.#voices.delete(old);
      this.#voices.set(key, voice);
      this.#giveUpNext(voice);
      voice.userId = now.userId;
      delete voice.played;
      if (now.played) voice.played = true;
      this.#level(voice);
    }
    const tracks = new Set([...wanted.values()].map(({ stream }) => trackOf(stream)));
    for (const [key, voice] of this.#voices) {
      const now = wanted.get(key);
      if (!now) this.#drop(key, voice);
      else if (now.stream === voice.stream) this.#giveUpNext(voice);
      // Somebody else has that place now: it must not be heard twice.
      else if (tracks.has(trackOf(voice.stream))) this.#drop(key, voice);
      else if (now.stream !== voice.next?.stream) this.#takeOver(key, voice, now);
    }
    for (const [key, now] of wanted) {
      if (this.#voices.has(key)) continue;
      const voice = this.#open(now);
      this.#voices.set(key, voice);
      this.#level(voice);
      voice.element.play().catch(() => {
        // The browser wants a gesture first: the next one starts the sound.
        addEventListener("pointerdown", () => void voice.element.play().catch(() => undefined), { once: true });
      });
    }
  }

  setDeafened(deafened: boolean): void {
    this.#deafened = deafened;
    this.refresh();
  }

  /** Plays through another output; an unknown one leaves the sound where it is. */
  async setSpeaker(deviceId: string): Promise<void> {
    this.#speaker = deviceId;
    await Promise.allSettled([...this.#voices.values()].map((voice) => this.#route(voice)));
  }

  /** Applies volumes and deafness as they are now. */
  refresh(): void {
    for (const voice of this.#voices.values()) this.#level(voice);
  }

  #open({ userId, stream, played }: Heard): Voice {
    const element = new Audio();
    element.srcObject = stream;
    const voice: Voice = { userId, stream, element, ...(played && { played }) };
    void this.#route(voice).catch(() => undefined);
    return voice;
  }

  /** Begins the other way without a sound, and changes over when it plays: nothing is missed or heard twice. */
  #takeOver(key: string, voice: Voice, now: Heard): void {
    this.#giveUpNext(voice);
    const next = this.#open(now);
    voice.next = next;
    next.element.muted = true;
    const change = () => {
      if (this.#voices.get(key) !== voice || voice.next !== next) return;
      delete voice.next;
      this.#voices.set(key, next);
      this.#level(next);
      this.#end(voice);
    };
    next.element.play().then(change, change);
  }

  #giveUpNext(voice: Voice): void {
    if (voice.next) this.#end(voice.next);
    delete voice.next;
  }

  #drop(key: string, voice: Voice): void {
    this.#voices.delete(key);
    this.#giveUpNext(voice);
    this.#end(voice);
  }

  #end(voice: Voice): void {
    this.#unboost(voice);
    voice.element.pause();
    voice.element.srcObject = null;
  }

  #level(voice: Voice): void {
    const volume = this.#deafened ? 0 : this.#volumeOf(voice.userId, voice.played === true);
    if (volume > 1) {
      if (!voice.boost) {
        voice.boost = this.#boost(voice);
        void this.#route(voice).catch(() => undefined);
      }
      voice.boost.gain.gain.value = volume;
      // Chromium only feeds a remote track to Web Audio while some element plays it.
      voice.element.muted = true;
    } else {
      this.#unboost(voice);
      voice.element.muted = volume === 0;
      voice.element.volume = volume;
    }
  }

  #boost({ stream }: Voice): NonNullable<Voice["boost"]> {
    const context = audioContext();
    const source = context.createMediaStreamSource(stream);
    const gain = context.createGain();
    source.connect(gain).connect(context.destination);
    return { source, gain };
  }

  #unboost(voice: Voice): void {
    voice.boost?.source.disconnect();
    voice.boost?.gain.disconnect();
    delete voice.boost;
  }

  async #route(voice: Voice): Promise<void> {
    // Firefox before 116 and Safari choose the output themselves.
    if (this.#speaker && "setSinkId" in voice.element) await voice.element.setSinkId(this.#speaker);
    const context: AudioContext & { setSinkId?(id: string): Promise<void> } = audioContext();
    if (this.#speaker && voice.boost) await context.setSinkId?.(this.#speaker);
  }
}

function trackOf(stream: MediaStream): MediaStreamTrack | undefined {
  return stream.getAudioTracks()[0];
}
