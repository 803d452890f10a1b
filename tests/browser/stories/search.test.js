// What was said is found again: by words, by who said it, by what it holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("words, people and conditions find messages, and lead to them", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben }) => {
    await ada.openChannel();
    await ben.openChannel();
    const path = `/api/v10/channels/${ada.channelId}/messages`;
    const post = (person, content) => server.api("POST", path, { token: person.token, body: { content } });
    await post(ben, "the gunwale needs oak, see https://example.org/oak");
    await post(ada, "gunwale ordered");
    await post(ada, "дубовая доска для планширя");
    for (let i = 0; i < 120; i++) await post(ada, `shavings ${i}`);
    const total = (person) => person.at("search-total").innerText();

    await scene("Ctrl+F looks for words", async () => {
      await ada.page.keyboard.press("Control+f");
      await ada.at("search-input").fill("gunwale");
      await ada.at("search-input").press("Enter");
      await ada.at("message-card").first().waitFor();
      assert.match(await total(ada), /^2/u);
      await accessible(ada, "what was found");
    });

    await scene("a condition becomes a chip", async () => {
      await ada.at("search-input").fill("gunwale from:be");
      await ada.page.locator("#search-offers [role=option]").filter({ hasText: "ben" }).waitFor();
      await ada.at("search-input").press("Enter");
      await ada.until("one result", async () => (await total(ada)).startsWith("1"));
      assert.equal(await ada.page.locator(".seekchip").count(), 1);
      await ada.at("search-input").press("Backspace");
    });

    await scene("what was found leads to its place", async () => {
      await ada.at("search-input").fill("oak");
      await ada.at("search-input").press("Enter");
      await ada.until("one result", async () => (await total(ada)).startsWith("1"));
      await ada.at("card-jump").click();
      await ada.page.locator(".group.found").filter({ hasText: "needs oak" }).waitFor();
    });

    await scene("in Russian, by Russian words, and page after page", async () => {
      await ben.at("search-toggle").click();
      await ben.at("search-input").fill("планширя");
      await ben.at("search-input").press("Enter");
      await ben.until("one result", async () => (await total(ben)).includes("1"));
      await ben.at("search-input").fill("от:ada");
      await ben.page.locator("#search-offers [role=option]").filter({ hasText: "ada" }).waitFor();
      await ben.at("search-input").press("Enter");
      await ben.until("all of Ada's", async () => /12[2-3]/u.test(await total(ben)));
      await ben.at("search-more").click();
      await ben.until("the second page", async () => (await ben.at("message-card").count()) >= 50);
      await accessible(ben, "what was found, in Russian");
    });
    assert.deepEqual(ada.page.problems, []);
    assert.deepEqual(ben.page.problems, []);
  }, TWO_LANGUAGES),
);
