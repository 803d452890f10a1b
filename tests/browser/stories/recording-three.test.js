// Three people with cameras are recorded; one leaves and returns, one shares the screen. Everybody is on a track of their own,
// all tracks lie on one clock, and the video of everyone decodes, shows them, and plays in the page.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openBrowser } from "../lib/browser.js";
import { clicks } from "../lib/clicks.js";
import { beginnings, loudness, median, pictureAt, soundOf, wholeVideo } from "../lib/media.js";
import { Person } from "../lib/person.js";
import { Server } from "../lib/server.js";
import { scene } from "../lib/stage.js";

const TONES = { ada: 440, ben: 660, cleo: 880 };
const READY_MS = 60_000;
/** On one core, and on a machine that does other things as well. */
const MADE_MS = 240_000;
/** Two ears apart. */
const ALIGNED_MS = 40;
/** The ground between tiles and an empty tile are darker than this; a fake camera is green. */
const DARK = 60;

test("three are recorded, and the video shows them", { timeout: 600_000 }, async () => {
  const server = await Server.start();
  const browsers = [];
  const people = {};
  try {
    const looks = { ada: { locale: "en-US" }, ben: { locale: "ru-RU", colorScheme: "dark" }, cleo: {} };
    for (const [name, hz] of Object.entries(TONES)) {
      const browser = await openBrowser();
      browsers.push(browser);
      const { newContext } = browser;
      browser.newContext = async (...options) => {
        const context = await newContext.apply(browser, options);
        await context.addInitScript(clicks, hz);
        return context;
      };
      people[name] = await Person.register(browser, server, name, looks[name]);
    }
    await story(server, people);
  } catch (error) {
    throw new Error(`${error.message}\n--- the server's last words ---\n${server.log.slice(-4_000)}`, { cause: error });
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
    await server.stop();
  }
});

const clicksOf = (person) => person.page.evaluate(() => window.testClicks);
/** By how much this is later than the nearest of those, or earlier. */
const nearest = (those, at) => those.map((one) => at - one).reduce((best, apart) => (Math.abs(apart) < Math.abs(best) ? apart : best), Number.POSITIVE_INFINITY);

async function story(server, { ada, ben, cleo }) {
  const all = [ada, ben, cleo];
  const kept = (count) => ada.until(`${count} to be recorded`, async () => (await ada.at("rec-strip").getAttribute("data-kept")) === String(count));
  const seconds = async () => Number(await ada.at("rec-wave").getAttribute("aria-valuenow"));
  const pass = (ms) => ada.page.waitForFunction((end) => performance.now() > end, ms, { timeout: 60_000 });
  const passes = async (time) => pass((await ada.page.evaluate(() => performance.now())) + time);
  let recording;

  await scene("three meet with their cameras", async () => {
    await ada.createGuild("Trio");
    const link = await ada.inviteLink();
    await ben.acceptInvite(link);
    await cleo.acceptInvite(link);
    for (const person of all) await person.joinRoom(30_000);
    for (const person of all) await person.at("dock-camera").click();
    for (const person of [ben, cleo]) await ada.seesMoving(`tile-${person.id}`, 30_000);
  });

  await scene("they are recorded; one leaves and returns", async () => {
    await ada.at("dock-record").click();
    await ada.at("rec-start").click();
    await kept(3);
    await passes(6_000);
    await ben.at("dock-leave").click();
    await kept(2);
    await passes(4_000);
    await ben.joinRoom(30_000);
    await kept(3);
    await passes(5_000);
  });

  await scene("one shares the screen, then it ends", async () => {
    await cleo.at("dock-share").click();
    await ada.seesPicture(`screen-${cleo.id}`, 30_000);
    await passes(6_000);
    await ada.at("dock-record").click();
    await ada.at("rec-stop").click();
    await ada.at("confirm").click();
    await ada.at("rec-ended").getByRole("link").click();
    await ada.page.waitForURL(/\/recordings\//u);
    recording = new URL(ada.page.url()).pathname.split("/").at(-1);
    await ada.at("rec-player").waitFor({ timeout: READY_MS });
    for (const person of all) await person.at("dock-leave").click();
  });

  const details = () => server.api("GET", `/api/v1/recordings/${recording}`, { token: ada.token });
  const make = (wanted) => server.api("POST", `/api/v1/recordings/${recording}/outputs`, { token: ada.token, body: wanted });
  const made = (kind, track, ms) =>
    ada.until(`${kind} of ${track}`, async () => {
      const output = (await details()).outputs.find((one) => one.kind === kind && one.track === track);
      assert.notEqual(output.state, "failed", output.reason);
      return output.state === "ready" && output;
    }, ms);
  const save = async ({ url }, name) => {
    const path = join(server.folder, name);
    await writeFile(path, Buffer.from(await (await fetch(`${server.url}${url}`)).arrayBuffer()));
    return path;
  };

  await scene("each tone is on a track of its own and only there, all on one clock, and the mix holds all", async () => {
    const { tracks, outputs, started_at } = await details();
    const late = {};
    for (const person of all) {
      const of = tracks.filter(({ user_id, source }) => user_id === person.id && source === "microphone");
      assert.equal(of.length, 1, `who returns goes on: ${JSON.stringify(of)}`);
      await make({ kind: "wav", track: of[0].name });
      const sound = soundOf(await save(await made("wav", of[0].name, READY_MS), `${person.name}.wav`));
      // How much later than it left its page each click stands in the recording.
      const { at: clicks, toDate } = await clicksOf(person);
      const left = clicks.map((at) => at + toDate - Date.parse(started_at));
      const apart = beginnings(sound, TONES[person.name]).map((at) => nearest(left, at)).filter((ms) => Math.abs(ms) < 400);
      late[person.name] = { count: apart.length, median: median(apart), spread: Math.max(...apart) - Math.min(...apart) };
      assert.ok(apart.length >= 8, `${person.name}: ${apart}`);
      const own = loudness(sound, TONES[person.name]);
      for (const other of all.filter((one) => one !== person)) assert.ok(loudness(sound, TONES[other.name]) < own / 50, `${other.name} on the track of ${person.name}`);
    }
    console.log(`clicks in the recording, later than they left: ${JSON.stringify(late)}`);
    const medians = Object.values(late).map((one) => one.median);
    assert.ok(Math.max(...medians) - Math.min(...medians) <= ALIGNED_MS, JSON.stringify(late));
    const mix = soundOf(await save(outputs.find(({ kind }) => kind === "mix"), "mix.opus"));
    for (const hz of Object.values(TONES)) assert.ok(loudness(mix, hz) > 0.01, `${hz} Hz in the mix`);
  });

  let video;
  await scene("a press makes a video, and everyone who looks sees how far it is", async () => {
    await ben.page.goto(`${server.url}/recordings/${recording}`);
    await ben.at("rec-player").waitFor();
    await ada.at("rec-thumbnail").waitFor({ timeout: READY_MS });
    await ada.at("rec-make-video-here").click();
    await ben.at("rec-making").waitFor();
    for (const person of [ada, ben]) await person.at("rec-video").waitFor({ timeout: MADE_MS });
    video = await save(await made("video", null, MADE_MS), "video.mp4");
  });

  await scene("it decodes from start to end and shows the tiles", async () => {
    const { duration_ms } = await details();
    const told = wholeVideo(video);
    assert.deepEqual([told.width, told.height], [1_280, 720]);
    assert.ok(Math.abs(told.seconds * 1_000 - duration_ms) < 200, `${told.seconds} s of ${duration_ms} ms`);
    assert.ok(Math.abs(told.frames * 40 - duration_ms) < 200, `${told.frames} pictures of ${duration_ms} ms`);
    const bright = (place) => Math.max(...place) > DARK;
    // A grid of three: two above, one in the middle below, and dark ground beside it.
    const three = pictureAt(video, 4);
    for (const [x, y] of [[320, 120], [960, 120], [640, 480]]) assert.ok(bright(three(x, y)), `${x}, ${y}: ${three(x, y)}`);
    for (const [x, y] of [[160, 540], [1_120, 540]]) assert.ok(!bright(three(x, y)), `${x}, ${y}: ${three(x, y)}`);
    // At the end a screen stands large at the left, the cameras in a column at the right.
    const last = pictureAt(video, told.seconds - 2);
    for (const [x, y] of [[1_170, 70], [1_170, 220], [1_170, 370]]) assert.ok(bright(last(x, y)), `${x}, ${y}: ${last(x, y)}`);
    assert.ok(!bright(last(1_170, 660)), "nobody is fourth");
  });

  await scene("it plays and is gone through in the page", async () => {
    await ada.at("rec-play").click();
    await ada.seesMoving("rec-video", 30_000);
    await ada.hearsFile(Object.values(TONES), [], 30_000);
    await ada.at("rec-wave").press("End");
    for (const key of ["ArrowLeft", "ArrowLeft"]) await ada.at("rec-wave").press(key);
    const place = () => ada.page.evaluate(() => document.querySelector('[data-testid="rec-video"]').currentTime);
    const end = (await details()).duration_ms / 1_000;
    assert.ok((await seconds()) > end - 15);
    await ada.until("the video to be where the player is", async () => Math.abs((await place()) - (await seconds())) < 3);
    // Somebody alone: the picture goes on without its sound.
    await ada.at("rec-wave").press("Home");
    if ((await ada.at("rec-player").getAttribute("data-playing")) !== "true") await ada.at("rec-play").click();
    await ada.at(`rec-mute-${ben.id}`).click();
    await ada.hearsFile([TONES.ada, TONES.cleo], [TONES.ben], 30_000);
    await ada.seesMoving("rec-video", 30_000);
    assert.equal(await ada.page.evaluate(() => document.querySelector('[data-testid="rec-video"]').muted), true);
    await ada.at(`rec-mute-${ben.id}`).click();
  });

  await scene("single voices are saved without loss", async () => {
    await ben.at("rec-files").click();
    await ben.at("rec-lossless").click();
    const [file] = await Promise.all([ben.page.waitForEvent("download", { timeout: READY_MS }), ben.at(`rec-flac-${ada.id}.microphone.0`).click()]);
    assert.equal(await file.failure(), null);
    assert.match(file.suggestedFilename(), /\.flac$/u);
    assert.deepEqual(all.flatMap((person) => person.page.problems), []);
  });
}
