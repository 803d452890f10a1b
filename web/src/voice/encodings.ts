// What is sent of each source, and how: simulcast for the camera, temporal layers for both pictures.

import type { EncodingState } from "./frames.ts";
import type { SourceKind } from "./types.ts";

/** Fewer pictures without a gap: the server may leave out every second or three of four. */
const LAYERED = "L1T3";

export interface Sent {
  source: SourceKind;
  kind: "audio" | "video";
  encodings: readonly RTCRtpEncodingParameters[];
  /** Codecs to offer first, the best one first. */
  codecs: readonly string[];
}

/** Of a shared screen's sound, bit/s. */
export const SHARED_SOUND_BITRATE = 128_000;

/** In the order the protocol asks for in the first offer. */
export const SENT: readonly Sent[] = [
  { source: "microphone", kind: "audio", encodings: [{ maxBitrate: 64_000 }], codecs: [] },
  {
    source: "camera",
    kind: "video",
    // A quarter, half and full of 1280x720; VP8 because every browser encodes it three times with ease.
    encodings: [
      { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, maxFramerate: 30 },
      { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000, maxFramerate: 30 },
      { rid: "f", scaleResolutionDownBy: 1, maxBitrate: 1_700_000, maxFramerate: 30 },
    ],
    codecs: ["video/vp8"],
  },
  // Text wants every pixel: one size, and VP9 where there is one for its tools for screens.
  { source: "screen", kind: "video", encodings: [{ maxBitrate: 2_500_000, maxFramerate: 30 }], codecs: ["video/vp9", "video/vp8"] },
  { source: "screen_audio", kind: "audio", encodings: [{ maxBitrate: SHARED_SOUND_BITRATE }], codecs: [] },
];

/** A sending m-line; without temporal layers where the browser refuses them. */
export function addSender(connection: RTCPeerConnection, { kind, encodings, codecs }: Sent): RTCRtpTransceiver {
  const add = (sendEncodings: RTCRtpEncodingParameters[]) => connection.addTransceiver(kind, { direction: "sendonly", sendEncodings });
  if (kind === "audio") return add([...encodings]);
  let transceiver: RTCRtpTransceiver;
  try {
    transceiver = add(encodings.map((encoding) => ({ ...encoding, scalabilityMode: LAYERED })));
  } catch {
    transceiver = add([...encodings]);
  }
  prefer(transceiver, codecs);
  return transceiver;
}

/** The one encoding of a source where nobody chooses among several: its largest. */
export function wholeEncoding({ encodings }: Sent): RTCRtpEncodingParameters {
  const { rid: _, ...whole } = encodings.at(-1) ?? {};
  return whole;
}

/** Which encodings to send; those that are not named stay as they are. `null` when nothing changes. */
export function withWanted(now: readonly RTCRtpEncodingParameters[], states: readonly EncodingState[]): RTCRtpEncodingParameters[] | null {
  const changed = now.map((encoding) => {
    const state = states.find(({ rid }) => rid === (encoding.rid ?? null));
    return state && state.wanted !== (encoding.active ?? true) ? { ...encoding, active: state.wanted } : encoding;
  });
  return changed.every((encoding, index) => encoding === now[index]) ? null : changed;
}

/** Sharp before smooth: what a shared screen is for. A browser that knows no such wish does without. */
export async function keepSharp(sender: RTCRtpSender): Promise<void> {
  const parameters: RTCRtpSendParameters & { degradationPreference?: string } = sender.getParameters();
  if (parameters.encodings.length === 0 || parameters.degradationPreference === "maintain-resolution") return;
  parameters.degradationPreference = "maintain-resolution";
  await sender.setParameters(parameters).catch(() => undefined);
}

/** Offers these codecs first. */
export function prefer(transceiver: RTCRtpTransceiver, wanted: readonly string[]): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const rank = (codec: RTCRtpCodec) => {
    const place = wanted.indexOf(codec.mimeType.toLowerCase());
    // Profiles other than 0 are for pictures that no screen of ours has.
    const other = codec.sdpFmtpLine !== undefined && /profile-id=[1-9]/.test(codec.sdpFmtpLine);
    return place < 0 || other ? wanted.length : place;
  };
  if (codecs.some((codec) => rank(codec) < wanted.length)) transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
}
