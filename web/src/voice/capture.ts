// Opens what a person sends from: microphone, camera, screen. Every failure comes out as one of our own words.

import type { CallError } from "./types.ts";

/** Why a device could not be opened; `cancelled` when the person changed their mind, which is no error. */
export class CaptureError extends Error {
  readonly reason: CallError | "cancelled";

  constructor(reason: CallError | "cancelled") {
    super(reason);
    this.reason = reason;
  }
}

/** `music`: both channels, and nothing that takes away what is no voice. */
export async function openMicrophone(deviceId: string | undefined, music: boolean): Promise<MediaStream> {
  const sound: MediaTrackConstraints = { echoCancellation: !music, noiseSuppression: !music, autoGainControl: !music, channelCount: music ? 2 : 1 };
  const stream = await withFallback(deviceId, (device) => getUserMedia({ audio: { ...sound, ...device } }), "microphone-denied", "microphone-missing");
  for (const track of stream.getAudioTracks()) track.contentHint = music ? "music" : "speech";
  return stream;
}

export async function openCamera(deviceId: string | undefined): Promise<MediaStream> {
  const picture: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
  const stream = await withFallback(deviceId, (device) => getUserMedia({ video: { ...picture, ...device } }), "camera-denied", "camera-missing");
  for (const track of stream.getVideoTracks()) track.contentHint = "motion";
  return stream;
}

export async function openScreen(): Promise<MediaStream> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { ideal: 15, max: 30 } },
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 2 },
    });
    for (const track of stream.getVideoTracks()) track.contentHint = "detail";
    for (const track of stream.getAudioTracks()) track.contentHint = "music";
    return stream;
  } catch (error) {
    // Closing the picker looks like a refusal; only one by the operating system is worth a word.
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    throw new CaptureError(refused && !/system/i.test(error.message) ? "cancelled" : "screen-denied");
  }
}

/** Closes what was opened. A track stopped by us does not report that it ended. */
export function stop(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** The chosen device if it is still there, otherwise whichever the browser takes. */
async function withFallback(
  deviceId: string | undefined,
  open: (device: MediaTrackConstraints) => Promise<MediaStream>,
  denied: CallError,
  missing: CallError,
): Promise<MediaStream> {
  try {
    return await open(deviceId ? { deviceId: { exact: deviceId } } : {});
  } catch (error) {
    const refused = error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "SecurityError");
    if (refused || !navigator.mediaDevices) throw new CaptureError(denied);
    if (deviceId) return withFallback(undefined, open, denied, missing);
    throw new CaptureError(missing);
  }
}

async function getUserMedia(constraints: MediaStreamConstraints): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia(constraints);
}
