// One's own side of the call: which devices are open, what may be sent from them, and what went wrong with them.
// It knows nothing of connections; call.ts puts its tracks on the wire.

import { CaptureError, openCamera, openMicrophone, openScreen, stop } from "./capture.ts";
import type { Sources } from "./frames.ts";
import { Meter } from "./sound.ts";
import type { CallError, SourceKind } from "./types.ts";

export interface LocalOptions {
  /** The chosen device, if any. */
  device(kind: "microphone" | "camera"): string | undefined;
  /** The microphone is for music. */
  music(): boolean;
  /** Something about tracks or errors is different now. */
  changed(): void;
}

export class LocalMedia {
  readonly #options: LocalOptions;
  #microphone: MediaStream | undefined;
  #meter: Meter | undefined;
  #camera: MediaStream | undefined;
  #screen: MediaStream | undefined;
  #error: CallError | null = null;
  /** The call and level meters share one open microphone; the last to leave closes it. */
  #microphoneUsers = 0;
  #opening: Promise<void> | null = null;
  /** Grows with every change of mind, so that a device that opens too late is closed again. */
  #wishes = { camera: 0, screen: 0 };

  constructor(options: LocalOptions) {
    this.#options = options;
  }

  get error(): CallError | null {
    return this.#error;
  }

  get camera(): MediaStream | undefined {
    return this.#camera;
  }

  get screen(): MediaStream | undefined {
    return this.#screen;
  }

  /** What could be sent now, mute aside: a muted microphone keeps its slot, so that the first syllable is not lost. */
  get sources(): Sources {
    return {
      microphone: this.track("microphone") !== null,
      camera: this.track("camera") !== null,
      screen: this.track("screen") !== null,
      screen_audio: this.track("screen_audio") !== null,
    };
  }

  track(source: SourceKind): MediaStreamTrack | null {
    switch (source) {
      case "microphone":
        return this.#microphone?.getAudioTracks()[0] ?? null;
      case "camera":
        return this.#camera?.getVideoTracks()[0] ?? null;
      case "screen":
        return this.#screen?.getVideoTracks()[0] ?? null;
      case "screen_audio":
        return this.#screen?.getAudioTracks()[0] ?? null;
    }
  }

  level(): number {
    return this.#meter?.level() ?? 0;
  }

  /** Keeps the microphone open until the returned function is called (again is harmless). Never throws: see `error`. */
  async holdMicrophone(): Promise<() => void> {
    this.#microphoneUsers += 1;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#microphoneUsers -= 1;
      if (this.#microphoneUsers === 0) this.#closeMicrophone();
    };
    await this.#openMicrophone();
    return release;
  }

  /** Opens again what should be open: after another device was chosen, or one came or went. */
  async reopenMicrophone(): Promise<void> {
    if (this.#microphoneUsers === 0) return;
    await this.#opening;
    this.#closeMicrophone();
    await this.#openMicrophone();
  }

  async setCamera(on: boolean): Promise<void> {
    const wish = ++this.#wishes.camera;
    if (!on) {
      stop(this.#camera);
      this.#camera = undefined;
      this.#options.changed();
      return;
    }
    const camera = await this.#try(["camera-denied", "camera-missing"], () => openCamera(this.#options.device("camera")));
    if (wish !== this.#wishes.camera) return stop(camera);
    stop(this.#camera);
    this.#camera = camera;
    onEnded(camera, () => {
      this.#error = "camera-missing";
      void this.setCamera(false);
    });
    this.#options.changed();
  }

  async setScreen(on: boolean): Promise<void> {
    const wish = ++this.#wishes.screen;
    if (!on) {
      stop(this.#screen);
      this.#screen = undefined;
      this.#options.changed();
      return;
    }
    const screen = await this.#try(["screen-denied"], openScreen);
    if (wish !== this.#wishes.screen) return stop(screen);
    if (!screen) return this.#options.changed();
    stop(this.#screen);
    this.#screen = screen;
    // Ended by the browser's own "stop sharing", or the window is gone.
    onEnded(screen, () => void this.setScreen(false));
    this.#options.changed();
  }

  /** Camera and screen off, errors forgotten; the microphone goes with its last holder. */
  reset(): void {
    this.#error = null;
    void this.setCamera(false);
    void this.setScreen(false);
  }

  async #openMicrophone(): Promise<void> {
    if (this.#microphone) return;
    this.#opening ??= this.#doOpenMicrophone().finally(() => (this.#opening = null));
    await this.#opening;
  }

  async #doOpenMicrophone(): Promise<void> {
    const stream = await this.#try(["microphone-denied", "microphone-missing"], () => openMicrophone(this.#options.device("microphone"), this.#options.music()));
    if (this.#microphoneUsers === 0) return stop(stream);
    this.#microphone = stream;
    if (stream) this.#meter = new Meter(stream);
    // Unplugged: whatever else there is will do.
    onEnded(stream, () => void this.reopenMicrophone());
    this.#options.changed();
  }

  #closeMicrophone(): void {
    this.#meter?.close();
    this.#meter = undefined;
    stop(this.#microphone);
    this.#microphone = undefined;
    this.#options.changed();
  }

  /** Opens something; success clears the errors it could have had, failure sets one. */
  async #try(errors: readonly CallError[], open: () => Promise<MediaStream>): Promise<MediaStream | undefined> {
    try {
      const stream = await open();
      if (this.#error && errors.includes(this.#error)) this.#error = null;
      return stream;
    } catch (error) {
      if (error instanceof CaptureError && error.reason !== "cancelled") this.#error = error.reason;
      else if (!(error instanceof CaptureError)) throw error;
      return undefined;
    }
  }
}

/** Runs `then` when the device goes away by itself. Of a shared screen only the picture counts: its sound may end alone. */
function onEnded(stream: MediaStream | undefined, then: () => void): void {
  const [video] = stream?.getVideoTracks() ?? [];
  const track = video ?? stream?.getAudioTracks()[0];
  track?.addEventListener("ended", then, { once: true });
}
