// What the microphone's encoder is told, so that it takes what we want.

import { madeUp } from "./bitrate.ts";

/** How the microphone is sent. */
export interface Voice {
  /** bit/s of one frame after the other; what goes out again comes on top. */
  bitrate: number;
  /** The most that `bitrate` may come to be; the other one's description names it for stereo. */
  most: number;
  stereo: boolean;
}

export const USUAL_VOICE: Voice = { bitrate: 64_000, most: 64_000, stereo: false };

export class MicrophoneLimit {
  /** bit/s that the browser takes off for headers. */
  #overhead = 0;

  /** Lets the encoder take this many bit/s. */
  async apply(sender: RTCRtpSender | undefined, bitrate: number): Promise<void> {
    const parameters = sender?.getParameters();
    const [encoding] = parameters?.encodings ?? [];
    if (!sender || !parameters || !encoding) return;
    encoding.maxBitrate = bitrate + this.#overhead;
    await sender.setParameters(parameters);
  }

  /** The encoder works towards this many bit/s where we want so many; true when it must be told anew. */
  learn(wanted: number, target: number): boolean {
    const overhead = madeUp(this.#overhead, wanted, target);
    if (overhead === this.#overhead) return false;
    this.#overhead = overhead;
    return true;
  }
}
