// A call is broadcast: everyone inside sees the mark, whoever wants to stays out of it, and somebody outside watches it by
// the page of the room. Ada keeps the guild and reads English, Ben watches in Russian and in the dark.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ADA_HZ, BEN_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

/** Segments are four seconds long, and players stay two of them behind. */
const LATE_MS = 45_000;

const standing = (person) => person.at("live-strip").getAttribute("data-standing", { timeout: 500 }).catch(() => null);
const stands = (person, wanted) => person.until(`to be ${wanted} in the broadcast`, async () => (await standing(person)) === wanted);
const watching = (person, count) => person.until(`${count} watching`, async () => (await person.at("live-mark").last().getAttribute("data-viewers")) === String(count), LATE_MS);
const phase = (person, wanted) => person.until(`the player to be ${wanted}`, async () => (await person.at("live-player").getAttribute("data-phase", { timeout: 500 }).catch(() => null)) === wanted, LATE_MS);

/** Everything that a playlist names, in its order, as one file: only its first discontinuity. */
async function download(server, url) {
  const pieces = [];
  for (const line of (await (await fetch(server.url + url)).text()).split("\n")) {
    if (line === "#EXT-X-DISCONTINUITY" && pieces.length > 0) break;
    const piece = /^#EXT-X-MAP:URI="([^"]+)"/u.exec(line)?.[1] ?? (line.startsWith("/") ? line : null);
    if (piece) pieces.push(Buffer.from(await (await fetch(server.url + piece)).arrayBuffer()));
  }
  return Buffer.concat(pieces);
}

/** What ffprobe says of a file, without a complaint; null where it is not installed. */
function probed(bytes) {
  const folder = mkdtempSync(join(tmpdir(), "voxlink-live-"));
  try {
    const file = join(folder, "live.mp4");
    writeFileSync(file, bytes);
    return JSON.parse(execFileSync("ffprobe", ["-v", "error", "-count_frames", "-show_streams", "-of", "json", file], { encoding: "utf8" })).streams;
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a call is watched from outside", { timeout: 300_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    let room;

    await scene("nothing is broadcast, and the page of the room says so", async () => {
      await ada.joinRoom();
      room = ada.channelId;
      await ben.openRoom();
      await ben.page.goto(`${server.url}/g/${ada.guildId}/${room}/live`);
      await ben.at("live-none").waitFor();
    });

    await scene("whoever may record begins, and is in it once they see the mark", async () => {
      await ada.at("dock-record").click();
      await ada.at("live-start").click();
      await stands(ada, "kept");
      await ada.heardNotes([587, 587, 880]);
      assert.match(await ada.page.title(), /LIVE/u);
    });

    await scene("the page outside begins by itself, and is heard", async () => {
      await phase(ben, "playing");
      await ben.at("live-sound-only").waitFor();
      await ben.hearsFile([ADA_HZ], [BEN_HZ], LATE_MS);
      await watching(ada, 1);
    });

    await scene("a shared screen is seen outside, in motion", async () => {
      await ada.at("dock-share").click();
      await ben.until("the picture to come", async () => (await ben.at("live-player").getAttribute("data-sound")) === "false", LATE_MS);
      await ben.seesMoving("live-video", LATE_MS);
    });

    await scene("somebody else reads the stream without a complaint", async () => {
      const index = await fetch(`${server.url}/api/v1/channels/${room}/broadcast/index.m3u8?sound=all`, { headers: { authorization: `Bearer ${ben.token}` } });
      const offered = (await index.text()).split("\n").filter((line) => line.startsWith("/"));
      const codecs = { both: ["opus", "vp9"], sound: ["opus"], "both.aac": ["aac", "vp9"], "sound.aac": ["aac"] };
      for (const url of offered) {
        const streams = probed(await download(server, url));
        // ffprobe is part of ffmpeg: without it there is no AAC either.
        if (streams === null) return;
        assert.deepEqual(streams.map(({ codec_name }) => codec_name).sort(), codecs[/playlists\/([a-z.]+)\.m3u8/u.exec(url)[1]], url);
        assert.ok(streams.every(({ nb_read_frames }) => Number(nb_read_frames) > 10), JSON.stringify(streams));
      }
      assert.equal(offered.length, 4);
    });

    await scene("a page that is nothing but a player plays it by itself", async () => {
      const page = await ben.page.context().newPage();
      const index = `/api/v1/channels/${room}/broadcast/index.m3u8`;
      const named = async () => (await fetch(server.url + index, { headers: { authorization: `Bearer ${ben.token}` } })).text();
      await ben.until("three segments with pictures", async () => (await named()).includes("/both"), LATE_MS);
      await page.route("**/bare", (route) => route.fulfill({ contentType: "text/html", body: `<!doctype html><video autoplay src="${index}"></video>` }));
      // Whoever plays it elsewhere has its address from where they are signed in.
      await page.route("**/index.m3u8", (route) => route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${ben.token}` } }));
      await page.goto(`${server.url}/bare`);
      if ((await page.evaluate(() => document.querySelector("video").canPlayType("application/vnd.apple.mpegurl"))) === "") return page.close();
      let played = {};
      await ben.until(
        "a bare player to play for long",
        async () => {
          played = await page.evaluate(() => {
            const { currentTime, videoWidth, error, webkitAudioDecodedByteCount, webkitVideoDecodedByteCount } = document.querySelector("video");
            return { currentTime, videoWidth, error: error?.message, sound: webkitAudioDecodedByteCount, pictures: webkitVideoDecodedByteCount };
          });
          if (played.error) throw new Error(played.error);
          return played.currentTime > 15 && played.videoWidth > 0 && played.sound > 0 && played.pictures > 0;
        },
        LATE_MS,
        () => JSON.stringify(played),
      );
      await page.close();
    });

    await scene("a camera takes the place of the screen", async () => {
      await ada.at("dock-share").click();
      await ada.at("dock-camera").click();
      const seen = async () => (await server.api("GET", `/api/v1/channels/${room}/broadcast`, { token: ben.token })).picture;
      await ben.until("the camera to be broadcast", async () => /^avc1/u.test((await seen())?.codec ?? ""), LATE_MS);
      await ben.page.reload();
      await phase(ben, "playing");
      await ben.seesMoving("live-video", LATE_MS);
      await ben.hearsFile([ADA_HZ], [BEN_HZ], LATE_MS);
    });

    await scene("whoever wants to stays out of it, and comes back", async () => {
      await ada.at("live-keep-out").click();
      await stands(ada, "declined");
      await ben.at("live-sound-only").waitFor({ timeout: LATE_MS });
      await ada.at("live-keep-me").click();
      await stands(ada, "kept");
    });

    await scene("it ends after it was asked once more, and nothing is left", async () => {
      await ada.at("dock-record").click();
      await ada.at("live-stop").click();
      await ada.at("confirm").click();
      await ada.at("live-strip").waitFor({ state: "detached" });
      await ada.heardNotes([880, 587]);
      await ben.at("live-ended").waitFor({ timeout: LATE_MS });
    });

    assert.deepEqual([...ada.page.problems, ...ben.page.problems], []);
  }, TWO_LANGUAGES);
});
