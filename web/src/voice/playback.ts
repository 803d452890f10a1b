// Makes the others heard: an <audio> element per filled audio slot, and a gain beside it for whoever is turned up.

import type { Slot } from "./frames.ts";
import { audioContext } from "./sound.ts";

interface Voice {
  userId: string;
  stream: MediaStream;
  element: HTMLAudioElement;
  /** Only for a volume above 1, which no element can do. */
  boost?: { source: MediaStreamAudioSourceNode; gain: GainNode };
}

export class Playback {
  readonly #voices = new Map<string, Voice>();
  readonly #volumeOf: (userId: string) => number;
  #deafened = false;
  #speaker = "";

  constructor(volumeOf: (userId: string) => number) {
    this.#volumeOf = volumeOf;
  }

  /** Plays exactly these slots; those that stayed as they were go on without a gap. */
  play(slots: readonly Slot[], streamOf: (slot: Slot) => MediaStream | undefined): void {
    const wanted = new Map<string, { userId: string; stream: MediaStream }>();
    for (const slot of slots) {
      if (slot.userId === null || (slot.source !== "microphone" && slot.source !== "screen_audio")) continue;
      const stream = streamOf(slot);
      if (stream) wanted.set(slot.mid, { userId: slot.userId, stream });
    }
    for (const [mid, voice] of this.#voices) {
      if (wanted.get(mid)?.stream !== voice.stream) this.#drop(mid, voice);
    }
    for (const [mid, { userId, stream }] of wanted) {
      if (!this.#voices.has(mid)) this.#add(mid, userId, stream);
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

  #add(mid: string, userId: string, stream: MediaStream): void {
    const element = new Audio();
    element.srcObject = stream;
    const voice: Voice = { userId, stream, element };
    this.#voices.set(mid, voice);
    this.#level(voice);
    void this.#route(voice).catch(() => undefined);
    element.play().catch(() => {
      // The browser wants a gesture first: the next one starts the sound.
      addEventListener("pointerdown", () => void element.play().catch(() => undefined), { once: true });
    });
  }

  #drop(mid: string, voice: Voice): void {
    this.#voices.delete(mid);
    this.#unboost(voice);
    voice.element.pause();
    voice.element.srcObject = null;
  }

  #level(voice: Voice): void {
    const volume = this.#deafened ? 0 : this.#volumeOf(voice.userId);
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
