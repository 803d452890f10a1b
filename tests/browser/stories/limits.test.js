// The limits of the server, as people meet them: they slow down, they lose nothing, and they tell a guesser nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../lib/browser.js";
import { Person } from "../lib/person.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

/** More than the five in five seconds of a channel. */
const MESSAGES = 12;

test("limits slow down and lose nothing", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben, browsers }) => {
    await Promise.all([ada.openChannel(), ben.openChannel()]);
    await scene("who writes faster than a channel takes is waited for, and every message comes once and in order", async () => {
      for (let number = 1; number <= MESSAGES; number++) await ada.say(`step ${number} of ${MESSAGES}`);
      await ben.until("the last step", async () => (await ben.shown(`step ${MESSAGES} of ${MESSAGES}`)) === 1, 60_000);
      const texts = await ben.page.locator('[data-testid="message"] .words').allInnerTexts();
      assert.deepEqual(texts.filter((text) => text.startsWith("step ")), Array.from({ length: MESSAGES }, (_, index) => `step ${index + 1} of ${MESSAGES}`));
      assert.equal(await ada.shown("step "), MESSAGES);
    });

    const guess = (username) => fetch(`${server.url}/api/v1/auth/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username, password: "a wrong one" }) });
    await scene("a guesser hears the same of a name that exists and of one that does not, and is slowed down", async () => {
      const answers = { ada: [], nobody: [] };
      for (let turn = 0; turn < 6; turn++) {
        for (const [name, heard] of Object.entries(answers)) {
          const answer = await guess(name);
          const { message, code } = await answer.json();
          heard.push([answer.status, code, message]);
        }
      }
      assert.deepEqual(answers.ada, answers.nobody);
      assert.deepEqual(answers.ada.map(([status]) => status), [401, 401, 401, 401, 401, 429]);
    });

    await scene("the owner, from the same place, waits a moment and is in", async () => {
      const again = new Person(await openPage(browsers[0], TWO_LANGUAGES.ben), "ada");
      await again.page.goto(server.url);
      await again.enter("login");
      assert.deepEqual(again.page.problems.filter((problem) => !problem.includes("429")), []);
    });
  }, TWO_LANGUAGES, "--rate-limits", "on"),
);
