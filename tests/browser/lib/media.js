// What strangers (ffmpeg and ffprobe) make of files that the server made.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

const MOST_BYTES = 512 * 1024 * 1024;

const run = (program, args) => execFileSync(program, args, { maxBuffer: MOST_BYTES, stdio: ["ignore", "pipe", "pipe"] });

/** Mono sound at 48 kHz, ±1. */
export function soundOf(file) {
  const bytes = run("ffmpeg", ["-v", "error", "-i", file, "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Every picture and sound is decoded; says how many pictures there are, how large, and for how long it plays. */
export function wholeVideo(file) {
  const complaints = execFileSync("sh", ["-c", `ffmpeg -v error -xerror -i "$1" -f null - 2>&1`, "sh", file]).toString();
  assert.equal(complaints, "");
  const told = JSON.parse(run("ffprobe", ["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", file]));
  const video = told.streams.find(({ codec_type }) => codec_type === "video");
  return { frames: Number(video.nb_read_frames), width: video.width, height: video.height, seconds: Number(told.format.duration) };
}

/** The picture at this second: a function that gives the red, green and blue of a place. */
export function pictureAt(file, second) {
  const size = { width: 1_280, height: 720 };
  const bytes = run("ffmpeg", ["-v", "error", "-ss", String(second), "-i", file, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
  assert.equal(bytes.length, size.width * size.height * 3);
  return (x, y) => [...bytes.subarray((y * size.width + x) * 3, (y * size.width + x) * 3 + 3)];
}

/** How loud a frequency is in a stretch of sound, 0 to 1 (Goertzel). */
export function loudness(sound, hz, from = 0, length = sound.length - from) {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / 48_000);
  let [one, two] = [0, 0];
  for (let at = from; at < from + length; at++) [one, two] = [(sound[at] ?? 0) + turn * one - two, one];
  return (2 * Math.sqrt(Math.max(0, one * one + two * two - turn * one * two))) / Math.max(1, length);
}

/** When a tone begins, each time after a silence, in milliseconds. */
export function beginnings(sound, hz) {
  const [step, window] = [48, 480];
  const found = [];
  let quiet = true;
  for (let at = 0; at + window <= sound.length; at += step) {
    const loud = loudness(sound, hz, at, window);
    if (quiet && loud > 0.05) {
      found.push((at + window / 2) / 48);
      quiet = false;
    } else if (!quiet && loud < 0.01) quiet = true;
  }
  return found;
}

export const median = (numbers) => [...numbers].toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
