// kill -9 ten times in the middle of a thousand messages, with two browsers looking on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withTwoPeople } from "../lib/stage.js";

const MESSAGES = 1000;
const KILLS = 10;
const WRITERS = 4;
/** Both sides pause between tries, up to ten seconds. */
const BACK_MS = 30_000;
/** Turns of the wheel: a thousand messages are about 60,000 pixels high. */
const TURNS = 600;

test("ten kills among a thousand messages: each browser is back by itself and shows each one once", { timeout: 240_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    await Promise.all([ada.openChannel(), ben.openChannel()]);
    const path = `/api/v10/channels/${ada.channelId}/messages`;

    let acknowledged = 0;
    const writers = Array.from({ length: WRITERS }, (_, writer) => writeAll(writer));
    async function writeAll(writer) {
      const token = [ada, ben][writer % 2].token;
      for (let number = 0; number < MESSAGES / WRITERS; number++) {
        const body = { content: `message ${writer}-${number} of many`, nonce: `${writer}-${number}`, enforce_nonce: true };
        // Until it is acknowledged, with the same nonce each time.
        while (!(await server.api("POST", path, { token, body }).catch(() => null))) await new Promise((resolve) => setTimeout(resolve, 10));
        acknowledged++;
      }
    }
    for (let kill = 1; kill <= KILLS; kill++) {
      while (acknowledged < (MESSAGES * kill) / (KILLS + 1)) await new Promise((resolve) => setTimeout(resolve, 2));
      await server.crashAndRestart();
    }
    await Promise.all(writers);
    assert.equal(acknowledged, MESSAGES);

    await Promise.all([ada, ben].map((person) => person.at("connection-banner").waitFor({ state: "detached", timeout: BACK_MS })));
    await ada.say("that was the last one");
    for (const person of [ada, ben]) {
      // Acknowledged: what one wrote oneself is shown before the line is back.
      await person.until("the last message", async () => (await person.page.locator('[data-testid="message"]:not([data-state="pending"])').filter({ hasText: "that was the last one" }).count()) > 0, BACK_MS);
      await person.until("the holes to be filled", async () => (await person.page.getByRole("log").getAttribute("aria-busy")) === "false", BACK_MS);
      const seen = await readAll(person);
      const missed = writtenBy(WRITERS).filter((text) => !seen.has(text));
      assert.deepEqual(missed, [], `${person.name} sees every message`);
      for (const [text, ids] of seen) assert.equal(ids.size, 1, `${person.name} sees "${text}" once`);
      assert.deepEqual(person.page.problems, []);
    }
  });
});

/** What all writers wrote. */
function writtenBy(writers) {
  return Array.from({ length: MESSAGES }, (_, n) => `message ${n % writers}-${Math.floor(n / writers)} of many`);
}

/** Scrolls from the newest message to the first and notes under which ids each text is shown. */
async function readAll(person) {
  const seen = new Map();
  const feed = person.page.getByRole("log");
  await feed.hover();
  let before = new Set();
  for (let turn = 0; turn < TURNS && seen.size < MESSAGES; turn++) {
    const rows = await person.page.evaluate(() =>
      [...document.querySelectorAll('[data-testid="message"]')].map((row) => [row.dataset.messageId, row.textContent.match(/message \d+-\d+ of many/)?.[0]]),
    );
    const texts = rows.map(([, text]) => text).filter(Boolean);
    assert.equal(new Set(texts).size, texts.length, `${person.name} never sees a text twice at a time`);
    for (const [id, text] of rows) if (text) seen.set(text, (seen.get(text) ?? new Set()).add(id));
    // The wheel scrolls beside the page's own work: what went by unseen is gone back for.
    const known = rows.some(([id]) => before.has(id)) || before.size === 0;
    if (known) before = new Set(rows.map(([id]) => id));
    await person.page.mouse.wheel(0, known ? -400 : 200);
    await person.page.waitForTimeout(30);
  }
  return seen;
}
