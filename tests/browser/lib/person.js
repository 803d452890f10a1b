// A person at a browser: what they do, by the names (data-testid) that the client promises, and what they see and hear.

import assert from "node:assert/strict";
import { openPage, PATIENCE_MS } from "./browser.js";

const PASSWORD = "correct horse battery";

/** Louder than this at its frequency (amplitude, full scale is 1) a tone is heard; conversions and gain control leave it far above. */
const HEARD = 0.01;
/** What leaks between the two tones' frequencies stays far below this share. */
const LEAK = 0.2;

export class Person {
  constructor(page, name) {
    this.page = page;
    this.name = name;
  }

  /** Opens the server's page in a browser and registers there. */
  static async register(browser, server, name, options = {}) {
    const person = new Person(await openPage(browser, options), name);
    await person.page.goto(options.url ?? server.url);
    await person.enter("register");
    return person;
  }

  /** Opens the server's page as someone who is known to it. */
  static async login(browser, server, name, options = {}) {
    const person = new Person(await openPage(browser, options), name);
    await person.page.goto(options.url ?? server.url);
    await person.enter("login");
    return person;
  }

  at(testid) {
    return this.page.getByTestId(testid);
  }

  async enter(mode) {
    const password = this.at("door-password");
    await password.waitFor();
    const wanted = mode === "register" ? "new-password" : "current-password";
    if ((await password.getAttribute("autocomplete")) !== wanted) await this.at("door-switch").click();
    await this.at("door-username").fill(this.name);
    await password.fill(PASSWORD);
    const [answer] = await Promise.all([
      this.page.waitForResponse((response) => response.url().endsWith(`/auth/${mode}`) && response.ok()),
      this.at("door-submit").click(),
    ]);
    const { token, user } = await answer.json();
    this.token = token;
    this.id = user.id;
    await this.at("guild-add").waitFor();
  }

  async createGuild(name) {
    await this.at("guild-add").click();
    await this.at("guild-create-name").fill(name);
    await this.at("guild-create-submit").click();
    await this.at("composer").waitFor();
  }

  async inviteLink() {
    await this.at("invite-open").first().click();
    const field = this.at("invite-link");
    await this.until("an invite link", () => field.inputValue());
    const link = await field.inputValue();
    await this.page.keyboard.press("Escape");
    await field.waitFor({ state: "detached" });
    return link;
  }

  async acceptInvite(link) {
    await this.page.goto(link);
    await this.at("invite-page-join").click();
    await this.at("composer").waitFor();
  }

  async say(text) {
    const composer = this.at("composer");
    await composer.click();
    await composer.fill(text);
    await composer.press("Enter");
  }

  /** How many messages with exactly this text are shown. */
  shown(text) {
    return this.at("message").filter({ hasText: text }).count();
  }

  async reads(text) {
    await this.until(`the message "${text}"`, async () => (await this.shown(text)) > 0);
  }

  /** The line of a message, as it is shown now. */
  message(text) {
    return this.at("message").filter({ has: this.page.locator(".words", { hasText: text }) }).last();
  }

  /** Opens the menu of a message with the right button, and chooses from it. */
  async choose(text, action) {
    const line = this.message(text);
    await line.locator(".line").first().click({ button: "right", position: { x: 6, y: 6 } });
    await this.at(action).click();
  }

  /** The channel or conversation that is open, from the address. */
  get channelId() {
    return /\/(?:g\/\d+|d)\/(\d+)/u.exec(this.page.url())?.[1];
  }
  get guildId() {
    return /\/g\/(\d+)/u.exec(this.page.url())?.[1];
  }

  /** Opens the guild's first text channel. */
  async openChannel() {
    await this.page.locator('a[data-testid^="channel-"]').first().click();
    await this.at("composer").waitFor();
  }

  async openRoom() {
    await this.page.locator('a[data-testid^="room-"]').first().click();
    await this.at("room-join").or(this.at("dock-leave")).first().waitFor();
  }

  /** Goes into the guild's first voice room and waits until the call stands. */
  async joinRoom(ms = PATIENCE_MS) {
    await this.openRoom();
    if (await this.at("room-join").isVisible()) await this.at("room-join").click();
    await this.inPhase("connected", ms);
  }

  phase() {
    return this.at("call-phase").first().getAttribute("data-phase");
  }

  async inPhase(wanted, ms = PATIENCE_MS) {
    await this.until(`the call to be ${wanted}`, async () => (await this.#attribute("call-phase", "data-phase")) === wanted, ms);
  }

  async seesSign(person, sign, value, ms = PATIENCE_MS) {
    const name = `tile-${person.id}`;
    await this.until(`${person.name} with ${sign}=${value}`, async () => (await this.#attribute(name, `data-${sign}`)) === value, ms);
  }

  /** Waits until one tone is heard and the other is not. */
  async hears(hz, notHz, ms = PATIENCE_MS) {
    let heard = {};
    await this.until(
      `${hz} Hz and not ${notHz} Hz`,
      async () => {
        heard = await this.listen([hz, notHz], 700);
        return heard[hz] > HEARD && heard[notHz] < heard[hz] * LEAK;
      },
      ms,
      () => JSON.stringify(heard),
    );
  }

  /** Waits until a tone has been silent for longer than its gaps are. */
  async hearsNo(hz, ms = PATIENCE_MS) {
    await this.until(`no ${hz} Hz`, async () => (await this.listen([hz], 1_500))[hz] < HEARD / 5, ms);
  }

  listen(frequencies, ms) {
    return this.page.evaluate(([hz, time]) => window.testEars.listen(hz, time), [frequencies, ms]);
  }

  /** Waits until a file that is played holds these tones and none of the others. */
  async hearsFile(tones, others = [], ms = PATIENCE_MS) {
    let heard = {};
    await this.until(
      `${tones.join(", ")} Hz in a file${others.length > 0 ? `, and not ${others.join(", ")} Hz` : ""}`,
      async () => {
        heard = await this.page.evaluate(([hz, time]) => window.testEars.listenToFiles(hz, time), [[...tones, ...others], 1_500]);
        const quietest = Math.min(...tones.map((hz) => heard[hz]));
        return quietest > HEARD && others.every((hz) => heard[hz] < quietest * LEAK);
      },
      ms,
      () => JSON.stringify(heard),
    );
  }

  /** Waits until the page has played these notes one after the other, `times` times in all. */
  async heardNotes(wanted, times = 1, ms = PATIENCE_MS) {
    const played = () => this.page.evaluate(() => window.testEars.notes());
    const count = (notes) => notes.filter((_, at) => wanted.every((hz, index) => notes[at + index] === hz)).length;
    await this.until(`the notes ${wanted.join(", ")} ${times} times`, async () => count(await played()) === times, ms);
  }

  /** Waits for pictures that keep changing in a video below this element. */
  async seesMoving(testid, ms = PATIENCE_MS) {
    const seen = new Set();
    await this.until(
      `moving pictures in ${testid}`,
      async () => {
        const look = await this.look(testid);
        if (look !== null) seen.add(look);
        return seen.size >= 4;
      },
      ms,
    );
  }

  async seesPicture(testid, ms = PATIENCE_MS) {
    await this.until(`a picture in ${testid}`, async () => (await this.look(testid)) !== null, ms);
  }

  look(testid) {
    return this.page.evaluate((id) => {
      const video = document.querySelector(`[data-testid="${id}"] video, video[data-testid="${id}"]`);
      return window.testEars.look(video);
    }, testid);
  }

  /** The size of the pictures in a video below this element. */
  sizeOf(testid) {
    return this.page.evaluate((id) => window.testEars.size(document.querySelector(`[data-testid="${id}"] video, video[data-testid="${id}"]`)), testid);
  }

  /** Sound received from whoever speaks at this frequency, see `ears.js`. Tones have gaps: it waits for one to be there. */
  async soundOf(hz) {
    let sound;
    await this.until(`${hz} Hz`, async () => {
      sound = await this.page.evaluate((tone) => window.testEars.soundOf(tone), hz);
      return sound?.loudest > HEARD;
    });
    return sound;
  }

  counters() {
    return this.page.evaluate(() => window.testEars.counters());
  }

  /** What came in since `before` (counters): the share of sound that was made up, and rates in kbit/s. */
  async since(before) {
    const after = await this.counters();
    const kbps = (name) => Math.round(((after[name] - before[name]) * 8) / (after.atMs - before.atMs));
    return {
      concealed: (after.concealed - before.concealed) / Math.max(1, after.samples - before.samples),
      frames: after.frames - before.frames,
      freezes: after.freezes - before.freezes,
      audioKbps: kbps("audioBytes"),
      videoKbps: kbps("videoBytes"),
      sentAudioKbps: kbps("sentAudioBytes"),
      sentVideoKbps: kbps("sentVideoBytes"),
    };
  }

  /** Begins to watch the video below this element. */
  async watch(testid) {
    await this.page.evaluate((id) => window.testEars.watch(document.querySelector(`[data-testid="${id}"] video, video[data-testid="${id}"]`)), testid);
  }

  /** For how many milliseconds the watched video stood still at most, since this was asked last. */
  longestStill() {
    return this.page.evaluate(() => window.testEars.longestStill());
  }

  /** The open connections of this page and the ends of their paths, see `ears.js`. */
  ways() {
    return this.page.evaluate(() => window.testEars.ways());
  }

  /** Waits until the call goes directly, or through the server. */
  async goesDirectly(wanted, ms = PATIENCE_MS) {
    await this.until(wanted ? "a direct call" : "a call through the server", async () => (await this.#attribute("call-phase", "data-direct")) === String(wanted), ms);
  }

  /** Begins to listen for silences of this tone. */
  async attends(hz) {
    await this.page.evaluate((tone) => window.testEars.attend(tone), hz);
  }

  /** How long it was silent at most since this was asked last, in ms. */
  silences() {
    return this.page.evaluate(() => window.testEars.silences());
  }

  /** Which way the call goes, see `ears.js`. */
  path() {
    return this.page.evaluate(() => window.testEars.path());
  }

  /** Waits until the call goes this way. */
  async goesBy(wanted, ms = PATIENCE_MS) {
    let path;
    await this.until(`a call by ${wanted}`, async () => (path = await this.path()) === wanted, ms, () => `it goes by ${path}`);
  }

  /** From the answer to the first sound of the call, in ms. */
  firstSound() {
    return this.until("a first sound", () => this.page.evaluate(() => window.testEars.firstSoundMs()));
  }

  connections() {
    return this.page.evaluate(() => window.testEars.connections());
  }

  /** Polls until `condition` gives something true; says what was waited for, and where the person was, if it never does. */
  async until(what, condition, ms = PATIENCE_MS, detail = () => "") {
    const end = Date.now() + ms;
    for (;;) {
      const result = await condition();
      if (result) return result;
      if (Date.now() > end) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const phase = await this.#attribute("call-phase", "data-phase");
    assert.fail(`${this.name} waited in vain for ${what} (call: ${phase}, page: ${this.page.url()}, problems: ${this.page.problems.join("; ")}) ${detail()}`);
  }

  async #attribute(testid, name) {
    const found = this.at(testid).first();
    return (await found.count()) > 0 ? found.getAttribute(name, { timeout: 1_000 }).catch(() => null) : null;
  }
}
