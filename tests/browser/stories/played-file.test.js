// The sound file of a message is played in a call: both hear it, one holds it, goes on and ends it.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { ADA_HZ, BEN_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";
import { steadyWav } from "../lib/tone.js";

/** Neither of the voices, nor close to their overtones. */
const SONG_HZ = 1_150;
const OUT = new URL("../out/", import.meta.url).pathname;

test("a file is played in the call, held, gone on with and ended", { timeout: 120_000 }, async () => {
  await withTwoPeople(async ({ ada, ben }) => {
    await scene("a message brings a song, and whoever is in no call cannot play it", async () => {
      await ada.at("attach-input").setInputFiles({ name: "song.wav", mimeType: "audio/wav", buffer: steadyWav(SONG_HZ, 60) });
      await ada.say("Listen to this");
      await ada.reads("Listen to this");
      await ada.at("audio").waitFor();
      assert.equal(await ada.at("play-in-call").count(), 0);
    });

    await scene("one plays it, and both hear it and see whose it is", async () => {
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await Promise.all([ada.at("dock-mute").click(), ben.at("dock-mute").click()]);
      await ben.hearsNo(ADA_HZ);
      await ada.openChannel();
      await ada.at("play-in-call").click();
      await Promise.all([ben.hears(SONG_HZ, ADA_HZ), ada.hears(SONG_HZ, BEN_HZ)]);
      await ben.at("playing").filter({ hasText: "song.wav" }).waitFor();
      assert.equal(await ben.at("playing-stop").count(), 0, "it is not his");
      await ada.openRoom();
      await ada.at("playing").waitFor();
      if (process.env.SHOTS === "1") {
        await mkdir(OUT, { recursive: true });
        for (const [person, name] of [[ada, "en"], [ben, "ru"]]) {
          for (const [width, height] of [[390, 844], [1024, 768], [1600, 1000]]) {
            await person.page.setViewportSize({ width, height });
            await person.page.waitForTimeout(250);
            await person.page.screenshot({ path: `${OUT}played-file-${name}-${width}.png` });
          }
          await person.page.setViewportSize({ width: 1280, height: 800 });
        }
      }
    });

    await scene("whoever plays it holds it, goes on, and ends it", async () => {
      await ada.at("playing-pause").click();
      await ben.hearsNo(SONG_HZ);
      await ada.at("playing-pause").click();
      await ben.hears(SONG_HZ, ADA_HZ);
      await ada.at("playing-stop").click();
      await Promise.all([ada, ben].map((person) => person.at("playing").waitFor({ state: "detached" })));
      await ben.hearsNo(SONG_HZ);
    });
    for (const person of [ada, ben]) assert.deepEqual(person.page.problems, []);
  }, TWO_LANGUAGES);
});
