import { expect, test } from "vitest";
import { recordingIn } from "./link.ts";
import { downloadOf, isDivisible, isMaking, mixOf, outputOf, removable, toOutput, toRecording, videoOf, withNews, withOutput } from "./model.ts";
import type { WireRecording } from "./wire.ts";

const wire = (part: Partial<WireRecording> = {}): WireRecording => ({
  id: "70",
  channel_id: "5",
  guild_id: "1",
  started_by: "10",
  started_at: "2026-01-01T12:00:00.000000+00:00",
  duration_ms: 12_000,
  state: "ready",
  problem: null,
  may_delete: true,
  people: [{ user_id: "10", spoke: [[0, 900]] }],
  peaks: "AID/",
  tracks: [{ user_id: "10", source: "microphone", codec: "opus", starts_ms: 0, duration_ms: 12_000, bytes: 9, url: "/a?seal=1" }],
  outputs: [{ kind: "mix", state: "ready", progress: 1, reason: null, bytes: 8, url: "/mix?seal=1" }],
  ...part,
});

test("a recording is read whole", () => {
  const recording = toRecording(wire());
  expect([...recording.peaks]).toEqual([0, 128, 255]);
  expect(recording.people[0]!.spoke).toEqual([[0, 900]]);
  expect(mixOf(recording)!.url).toBe("/mix?seal=1");
});

test("a line of a channel's list lacks what is only asked for one by one", () => {
  const { people: _people, peaks: _peaks, tracks: _tracks, outputs: _outputs, may_delete: _may, ...line } = wire({ state: "processing", duration_ms: null });
  const recording = toRecording(line);
  expect([recording.state, recording.people, recording.tracks, mixOf(recording), recording.mayDelete, recording.durationMs]).toEqual(["processing", [], [], null, false, 0]);
});

test("states that a later server may have are not taken for ready", () => {
  expect(toRecording(wire({ state: "archived" })).state).toBe("processing");
  expect(toRecording(wire({ outputs: [{ kind: "mix", state: "odd", progress: 0, reason: null, bytes: null, url: null }] })).outputs[0]!.state).toBe("unavailable");
});

test("what is being made is told apart by kind and track, and ready is what has an address", () => {
  const output = (kind: string, track: string | null, state: string, url: string | null = null) => ({ kind, track, state, progress: 0, reason: null, cause: null, bytes: 0, url });
  const recording = toRecording(wire({ outputs: [output("video", null, "offered"), output("flac", "10.microphone.0", "offered"), output("wav", "10.microphone.0", "offered")] }));
  expect([isMaking(recording), videoOf(recording)]).toEqual([false, null]);
  const told = withNews(recording, "flac", "10.microphone.0", { state: "running", progress: 0.5 });
  expect(told.outputs.map(({ state, progress }) => [state, progress])).toEqual([["offered", 0], ["running", 0.5], ["offered", 0]]);
  expect(isMaking(told)).toBe(true);
  const made = withOutput(told, toOutput(output("video", null, "ready", "/video?seal=1")));
  expect(videoOf(made)!.url).toBe("/video?seal=1");
  expect(outputOf(made, "flac", "10.microphone.0")!.state).toBe("running");
  expect(outputOf(made, "flac")).toBe(null);
});

test("what a track holds follows from source and codec", () => {
  const of = (source: string, codec: string) => {
    const [track] = toRecording(wire({ tracks: [{ user_id: "10", source, codec, starts_ms: 0, duration_ms: 1, bytes: 1, url: "/a" }] })).tracks;
    return [track!.source, track!.sound];
  };
  expect([of("microphone", "opus"), of("camera", "vp8"), of("screen", "av1"), of("screen_audio", "opus")]).toEqual([["microphone", true], ["camera", false], ["screen", false], ["screen-sound", true]]);
});

test("people can be turned down alone only where each has a track with sound", () => {
  expect(isDivisible(toRecording(wire()))).toBe(true);
  expect(isDivisible(toRecording(wire({ people: [{ user_id: "10", spoke: [] }, { user_id: "11", spoke: [] }] })))).toBe(false);
  expect(isDivisible(toRecording(wire({ tracks: [] })))).toBe(false);
});

test("a link to a recording is known by its path, wherever the server lives", () => {
  expect(["https://talk.example.org/recordings/70", "/recordings/70"].map(recordingIn)).toEqual(["70", "70"]);
  expect(["https://talk.example.org/recordings/", "https://talk.example.org/recordings/70/files/1", "javascript:/recordings/70", "//talk.example.org/recordings/70", undefined].map(recordingIn)).toEqual([null, null, null, null, null]);
});

test("a download is asked for beside whatever the address holds already", () => {
  expect([downloadOf("/a?seal=1"), downloadOf("/a")]).toEqual(["/a?seal=1&download=1", "/a?download=1"]);
});

test("one takes out oneself first, and only people of whom nothing stays", () => {
  const track = (user_id: string, source: string, may_delete: boolean) => ({ name: `${user_id}.${source}.0`, user_id, source, codec: "opus", starts_ms: 0, duration_ms: 1, bytes: 1, url: "/a", may_delete });
  const recording = toRecording(wire({ tracks: [track("10", "microphone", true), track("11", "microphone", true), track("11", "screen_audio", true), track("12", "microphone", false)] }));
  expect([removable(recording, "11"), removable(recording, "12")]).toEqual([["11", "10"], ["10", "11"]]);
  expect(removable(toRecording(wire()), "10")).toEqual([]);
});
