/** What can be saved of a recording, and what can be made of it, as lines of a menu. */
import Captions from "@lucide/svelte/icons/captions";
import Download from "@lucide/svelte/icons/download";
import FileHeadphone from "@lucide/svelte/icons/file-headphone";
import Film from "@lucide/svelte/icons/film";
import type { Component } from "svelte";
import { fileSize } from "../chat/files.ts";
import { sentence } from "../api/errors.ts";
import { duration, percent } from "../ui/format.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { library } from "./library.svelte.ts";
import { downloadOf, type Output, type Recording, type Track } from "./model.ts";

/** `nameOf`: what a person is called; `say`: why something can't be had, in words. */
export function fileItems(recording: Recording, nameOf: (userId: string) => string, say: (text: string) => void): MenuItem[] {
  const whole = recording.outputs.filter((output) => output.track === null && output.kind !== "thumbnail");
  const ready = whole.filter((output) => output.state === "ready" && output.url !== "");
  const mix = ready.filter((output) => output.kind === "mix").map((output) => saveOutput(output));
  const tracks = recording.tracks.map((track, index) => ({ ...save(trackName(track, nameOf(track.userId)), track.bytes, track.url, Download, `rec-save-${track.source}-${track.userId}`), hint: trackHint(track), apart: index === 0 && mix.length > 0 }));
  const others = ready.filter((output) => output.kind !== "mix").map((output) => saveOutput(output));
  const making = whole.filter((output) => output.state !== "ready" && output.kind !== "mix").map((output) => toMake(recording.id, output, say));
  const last = [...others, ...making, ...lossless(recording)];
  return [...mix, ...tracks, ...last.map((item, index) => ({ ...item, apart: index === 0 && mix.length + tracks.length > 0 }))];
}

/** Single voices as FLAC and WAV have a place of their own: there are two files of each. */
function lossless(recording: Recording): MenuItem[] {
  if (!recording.outputs.some(({ track }) => track !== null)) return [];
  return [{ label: m.rec_lossless(), icon: FileHeadphone, action: () => overlays.show({ name: "lossless", recordingId: recording.id }), testid: "rec-lossless" }];
}

/** Has the browser save a file instead of showing it. */
export function saveFile(url: string): void {
  const link = document.createElement("a");
  link.href = downloadOf(url);
  link.download = "";
  link.click();
}

function save(label: string, bytes: number, url: string, icon: Component<{ class?: string }>, testid: string): MenuItem {
  const action = () => saveFile(url);
  return { label, icon, ...(bytes > 0 && { hint: fileSize(bytes) }), action, testid };
}

/** How large it is, and where in the recording it begins: who came back has several. */
const trackHint = ({ bytes, startsMs }: Track) => (startsMs < 1000 ? fileSize(bytes) : `${fileSize(bytes)} · ${duration(startsMs)}`);

const saveOutput = ({ kind, bytes, url }: Output) => save(outputName(kind), bytes, url, kind === "captions" ? Captions : kind === "video" ? Film : Download, `rec-save-${kind}`);

function toMake(id: string, output: Output, say: (text: string) => void): MenuItem {
  const { kind, state, progress } = output;
  const what = outputName(kind);
  const begin = () => void library.make(id, kind).catch((error: unknown) => say(sentence(error)));
  const common = { icon: kind === "video" ? Film : Download, testid: `rec-make-${kind}` };
  switch (state) {
    case "unavailable": {
      const why = reasonOf(output);
      return { ...common, label: m.rec_unavailable({ what }), hint: why, action: () => say(why) };
    }
    case "waiting":
    case "running":
      return { ...common, label: m.rec_making({ what, share: percent(progress) }), action: () => {} };
    case "failed":
      return { ...common, label: m.rec_make_failed({ what }), hint: reasonOf(output), action: begin };
    case "offered":
    case "ready":
      return { ...common, label: m.rec_make({ what }), ...(kind === "video" && { hint: m.rec_video_hint() }), action: begin };
  }
}

/** Why it is not there, or what is missing from it, in words. */
export function reasonOf({ cause, reason }: Output): string {
  switch (cause) {
    case "no_ffmpeg":
      return m.rec_no_ffmpeg();
    case "poor_ffmpeg":
      return m.rec_poor_ffmpeg();
    case "no_pictures":
      return m.rec_no_pictures();
    case "full_disk":
      return m.rec_made_full_disk();
    case "ffmpeg_failed":
    case "broken":
      return m.rec_made_broken();
    case "stalled":
    case "crashed":
      return m.rec_made_stalled();
    case "no_names":
      return m.rec_no_names();
    default:
      return reason ?? "";
  }
}

export function trackName({ source }: Track, name: string): string {
  switch (source) {
    case "microphone":
      return m.rec_dl_track({ name });
    case "camera":
      return m.rec_dl_camera({ name });
    case "screen":
      return m.rec_dl_screen({ name });
    case "played":
      return m.rec_dl_played({ name });
    case "screen-sound":
      return m.rec_dl_screen_sound({ name });
  }
}

/** What is made of a recording. What a later server makes goes by its own name. */
export function outputName(kind: string): string {
  switch (kind) {
    case "mix":
      return m.rec_dl_mix();
    case "captions":
      return m.rec_dl_captions();
    case "archive":
      return m.rec_dl_archive();
    case "wav":
      return m.rec_dl_wav();
    case "video":
      return m.rec_dl_video();
    default:
      return kind;
  }
}
