// A call is recorded: everyone sees and hears it, whoever wants to stays out, and afterwards it is played, turned down
// person by person, and deleted. Ada keeps the guild and reads English, Ben reads Russian, Cleo comes late.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser } from "../lib/browser.js";
import { Person } from "../lib/person.js";
import { openPart, save } from "../lib/community.js";
import { ADA_HZ, BEN_HZ, CLEO_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

/** The sounds of a recording, see web/src/recording/sounds.ts. */
const STARTED = [587, 587, 880];
const ENDED = [880, 587];
/** How much of the call is kept at least: enough for every tone's syllables. */
const KEPT_S = 14;
/** Being made ready takes as long as the machine needs. */
const READY_MS = 60_000;

/** Where one stands in the recording, as the strip above the dock says it. */
const standing = (person) => person.at("rec-strip").getAttribute("data-standing", { timeout: 500 }).catch(() => null);
const stands = (person, wanted) => person.until(`to be ${wanted} in the recording`, async () => (await standing(person)) === wanted);
const kept = (person, count) => person.until(`${count} to be recorded`, async () => (await person.at("rec-strip").getAttribute("data-kept")) === String(count));
const seconds = async (person) => Number(await person.at("rec-wave").getAttribute("aria-valuenow"));
/** Goes to where Cleo is not kept any more: the last seconds. */
async function toTheLastSeconds(person) {
  for (const key of ["End", "ArrowLeft", "ArrowLeft"]) await person.at("rec-wave").press(key);
}
/** How many messages of a room lead to this recording: bots see it so. */
async function messagesOf(server, { token }, room, recording) {
  const messages = await server.api("GET", `/api/v10/channels/${room}/messages`, { token });
  return messages.filter(({ embeds }) => embeds.some(({ url }) => url?.endsWith(`/recordings/${recording}`))).length;
}

test("a call is recorded, played and deleted", { timeout: 240_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben, browsers }) => {
    const link = await ada.inviteLink();
    browsers.push(await openBrowser({ toneHz: CLEO_HZ }));
    const cleo = await Person.register(browsers[2], server, "cleo");
    await cleo.acceptInvite(link);
    let recording;
    let room;

    await scene("only who may record has the button", async () => {
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await ada.hears(BEN_HZ, ADA_HZ);
      await ada.at("dock-record").waitFor();
      room = ada.channelId;
      assert.equal(await ben.at("dock-record").count(), 0);
      assert.equal(await ben.at("rec-strip").count(), 0);
    });

    await scene("both see the mark and hear the sound, and only then are they kept", async () => {
      await ada.at("dock-record").click();
      await ada.at("rec-start").click();
      await Promise.all([stands(ada, "kept"), stands(ben, "kept")]);
      await Promise.all([ada.heardNotes(STARTED), ben.heardNotes(STARTED)]);
      await kept(ada, 2);
    });

    await scene("the mark stays with whoever looks elsewhere, and the room is marked in the list", async () => {
      await ben.openChannel();
      assert.equal(await standing(ben), "kept");
      await ben.at("rec-room").waitFor();
      assert.match(await ben.page.title(), /Запись/u);
      await ben.openRoom();
    });

    await scene("whoever comes late sees it before entering, and hears it on the way in", async () => {
      await cleo.openRoom();
      await cleo.at("threshold-recorded").waitFor();
      assert.equal((await cleo.page.evaluate(() => window.testEars.notes())).length, 0);
      await cleo.joinRoom();
      await stands(cleo, "kept");
      await cleo.heardNotes(STARTED);
      await kept(ada, 3);
    });

    await scene("whoever does not want to be in it is not, and may think again", async () => {
      await cleo.at("rec-keep-out").click();
      await stands(cleo, "declined");
      await kept(ada, 2);
      await cleo.at("rec-keep-me").click();
      await stands(cleo, "kept");
      await cleo.at("rec-keep-out").click();
      await stands(cleo, "declined");
      await kept(ada, 2);
      await ada.hears(CLEO_HZ, ADA_HZ);
    });

    await scene("a reload does not answer yes for whoever said no", async () => {
      await cleo.page.reload();
      await cleo.inPhase("connected", 30_000);
      await stands(cleo, "declined");
      await kept(ada, 2);
    });

    await scene("a pause is seen by everyone, and ends", async () => {
      for (const [action, state] of [["rec-pause", "paused"], ["rec-resume", "recording"]]) {
        await ada.at("dock-record").click();
        await ada.at(action).click();
        await ben.until(`the mark to say ${state}`, async () => (await ben.at("rec-mark").last().getAttribute("data-state")) === state);
      }
    });

    await scene("it ends after it was asked once more, and everybody hears that", async () => {
      await ada.page.waitForFunction((enough) => performance.now() > enough, (await ada.page.evaluate(() => performance.now())) + KEPT_S * 1_000);
      await ada.at("dock-record").click();
      await ada.at("rec-stop").click();
      await ada.at("confirm").click();
      await Promise.all([ada, ben, cleo].map((person) => person.heardNotes(ENDED)));
      await Promise.all([ada, ben, cleo].map((person) => person.at("rec-strip").waitFor({ state: "detached" })));
    });

    await scene("the recording becomes ready where its link leads", async () => {
      await ada.at("rec-ended").getByRole("link").click();
      await ada.page.waitForURL(/\/recordings\//u);
      recording = new URL(ada.page.url()).pathname.split("/").at(-1);
      await ada.at("rec-player").waitFor({ timeout: READY_MS });
      assert.equal(await messagesOf(server, ada, room, recording), 1);
      for (const person of [ada, ben, cleo]) await person.at("dock-leave").click();
    });

    await scene("it is heard: who was kept, and not who was not", async () => {
      await toTheLastSeconds(ada);
      await ada.at("rec-play").click();
      await ada.hearsFile([ADA_HZ, BEN_HZ], [CLEO_HZ]);
    });

    await scene("whoever is muted is not heard, and the others go on", async () => {
      await ada.at(`rec-mute-${ben.id}`).click();
      await toTheLastSeconds(ada);
      await playsOn(ada);
      await ada.hearsFile([ADA_HZ], [BEN_HZ, CLEO_HZ]);
      await ada.at(`rec-mute-${ben.id}`).click();
      await toTheLastSeconds(ada);
      await playsOn(ada);
      await ada.hearsFile([ADA_HZ, BEN_HZ], [CLEO_HZ]);
      if ((await ada.at("rec-player").getAttribute("data-playing")) === "true") await ada.at("rec-play").click();
    });

    await scene("lanes lead to who speaks, keys through the recording", async () => {
      await ada.at("rec-wave").press("End");
      const end = await seconds(ada);
      await ada.at("rec-wave").press("Home");
      assert.equal(await seconds(ada), 0);
      const lane = await ada.at(`rec-track-${ben.id}`).boundingBox();
      await ada.page.mouse.click(lane.x + lane.width * 0.7, lane.y + lane.height / 2);
      const at = await seconds(ada);
      assert.ok(at > end * 0.5 && at < end * 0.9, `${at} of ${end} s`);
      await ada.at("rec-wave").press("Home");
      await ada.at(`rec-next-${ben.id}`).click();
      await ada.at("rec-wave").press("ArrowRight");
      assert.ok((await seconds(ada)) >= Math.min(5, end));
    });

    await scene("who may not delete it has no button for it, but a file to save", async () => {
      await ben.page.goto(`${server.url}/recordings/${recording}`);
      await ben.at("rec-player").waitFor();
      assert.equal(await ben.at("rec-delete").count(), 0);
      await ben.at("rec-files").click();
      const [file] = await Promise.all([ben.page.waitForEvent("download"), ben.at("rec-save-mix").click()]);
      assert.equal(await file.failure(), null);
      await ben.at("rec-back").click();
    });

    await scene("who wants to be in it no more is gone from it, and the rest is heard", async () => {
      await ben.page.goto(`${server.url}/recordings/${recording}`);
      await ben.at("rec-take-out").click();
      await ben.at("confirm").click();
      await ben.at("rec-player").waitFor({ timeout: READY_MS });
      await ben.at(`rec-lane-${ben.id}`).waitFor({ state: "detached", timeout: READY_MS });
      assert.equal(await ben.at("rec-take-out").count(), 0);
      await toTheLastSeconds(ben);
      await ben.at("rec-play").click();
      await ben.hearsFile([ADA_HZ], [BEN_HZ, CLEO_HZ]);
      await ben.at("rec-back").click();
    });

    await scene("the room lists it, until it is deleted", async () => {
      await ben.at("stage-recordings").click();
      await ben.at(`recording-${recording}`).waitFor();
      await ben.page.keyboard.press("Escape");
      await ada.at("rec-delete").click();
      await ada.at("confirm").click();
      await ada.at("recording-card").waitFor({ state: "detached" });
      assert.equal(await messagesOf(server, ada, room, recording), 0);
      await ben.at("stage-recordings").click();
      await ben.until("the list to be empty", async () => (await ben.page.getByRole("dialog").count()) > 0 && (await ben.at(`recording-${recording}`).count()) === 0);
      assert.deepEqual([ada, ben, cleo].flatMap((person) => person.page.problems), []);
    });
  }, TWO_LANGUAGES);
});

test("where each must agree nobody is kept who has not, and where it is off nobody records", { timeout: 120_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    ada.guild = ada.guildId;
    await scene("the guild's rule is a choice of its settings", async () => {
      await openPart(ada, "recording");
      assert.equal(await ada.at("rec-rule-announce").isChecked(), true);
      await ada.at("rec-rule-ask").check();
      await ada.at("rec-keep-days").selectOption("30");
      await save(ada);
      await ada.page.reload();
      await ada.at("rec-rule-ask").waitFor();
      assert.equal(await ada.at("rec-rule-ask").isChecked(), true);
      assert.equal(await ada.at("rec-keep-days").inputValue(), "30");
    });

    await scene("who records has agreed by it, the other is asked and is not kept meanwhile", async () => {
      await ada.page.goto(`${server.url}/g/${ada.guild}`);
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await ada.at("dock-record").click();
      await ada.at("rec-start").click();
      await stands(ada, "kept");
      await ben.at("rec-agree").waitFor();
      await ben.heardNotes(STARTED);
      const focused = await ben.page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
      assert.ok(!["rec-agree", "rec-decline"].includes(focused), "nobody is pushed to an answer");
      assert.equal(await ada.at("rec-strip").getAttribute("data-kept"), "1");
    });

    await scene("the answer counts, and can be another one later", async () => {
      await ben.at("rec-decline").click();
      await stands(ben, "declined");
      await kept(ada, 1);
      await ben.at("rec-keep-me").click();
      await stands(ben, "kept");
      await kept(ada, 2);
    });

    await scene("where it is off, Record says so and what to do", async () => {
      await ada.at("dock-record").click();
      await ada.at("rec-stop").click();
      await ada.at("confirm").click();
      await ada.at("rec-strip").waitFor({ state: "detached" });
      await openPart(ada, "recording");
      await ada.at("rec-rule-off").check();
      await save(ada);
      await ada.page.goto(`${server.url}/g/${ada.guild}`);
      await ada.joinRoom();
      await ada.at("dock-record").click();
      await ada.at("rec-start").click();
      await ada.at("rec-problem").waitFor();
      assert.match(await ada.at("rec-problem").innerText(), /switched off in this community/u);
      assert.equal(await ben.at("rec-strip").count(), 0);
      assert.deepEqual([ada, ben].flatMap((person) => person.page.problems), []);
    });
  }, TWO_LANGUAGES);
});

/** From the beginning, where it came to its end meanwhile. */
async function playsOn(person) {
  await person.at("rec-wave").press("Home");
  if ((await person.at("rec-player").getAttribute("data-playing")) !== "true") await person.at("rec-play").click();
}
