// Two people, one in English and one in Russian, do with messages what people do: answer, react, pin, name each other,
// hide, change, choose, delete, and find their way back to what was said.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("everything around a message", { timeout: 240_000 }, () =>
  withTwoPeople(async ({ server, ada, ben }) => {
    await ada.openChannel();
    await ben.openChannel();

    await scene("an answer leads to what it answers", async () => {
      await ben.say("The fuse panel is in");
      await ada.reads("The fuse panel is in");
      await ada.choose("The fuse panel is in", "message-reply");
      await ada.page.keyboard.type("Good work");
      await ada.page.keyboard.press("Enter");
      await ben.reads("Good work");
      const line = ben.message("Good work").getByTestId("reply-line");
      assert.match(await line.innerText(), /The fuse panel is in/u);
      await line.click();
      await ben.until("the answered message to stand out", () => ben.page.locator(".group.found").filter({ hasText: "The fuse panel is in" }).count());
    });

    await scene("reactions add up for both, and are taken back", async () => {
      await ada.choose("The fuse panel is in", "message-react");
      await ada.at("emoji-search").fill("electric plug");
      await ada.page.locator(".pickcell").first().waitFor();
      await ada.at("emoji-search").press("Enter");
      const chip = ben.message("The fuse panel is in").getByTestId("reaction");
      await chip.waitFor();
      await chip.click();
      const ours = ada.message("The fuse panel is in").getByTestId("reaction");
      await ada.until("two reactions", async () => (await ours.innerText()).includes("2"));
      assert.equal(await ours.getAttribute("aria-pressed"), "true");
      await ours.click();
      await ben.until("one reaction", async () => (await chip.innerText()).includes("1"));
    });

    await scene("a Russian word finds an emoji in a Russian client", async () => {
      await ben.at("composer").fill("");
      await ben.at("emoji-open").click();
      await ben.at("emoji-search").fill("лиса");
      await ben.page.locator(".pickcell").first().waitFor();
      await accessible(ben, "the picker of emojis");
      await ben.at("emoji-search").press("Enter");
      await ben.until("the fox in the field", async () => (await ben.at("composer").inputValue()).includes("🦊"));
      await ben.at("composer").press("Enter");
      await ada.reads("🦊");
    });

    await scene("a name that is picked while writing is a mention that rings", async () => {
      const composer = ada.at("composer");
      await composer.click();
      await ada.page.keyboard.type("could you check, @be");
      await ada.page.locator(".offers [role=option]").filter({ hasText: "ben" }).waitFor();
      await ada.page.keyboard.press("Enter");
      await ada.page.keyboard.type("and **tell** ||nobody||");
      await ada.page.keyboard.press("Enter");
      await ben.reads("could you check");
      const line = ben.message("could you check");
      assert.equal(await line.locator(".line.named").count(), 1);
      assert.equal(await line.locator(".to.me").innerText(), "@ben");
      assert.equal(await line.locator("strong").innerText(), "tell");
      await line.locator("button.spoiler").click();
      await line.locator(".spoiler.shown").waitFor();
    });

    await scene("the arrow up edits, and both see that it was", async () => {
      await ada.at("composer").press("ArrowUp");
      const editor = ada.at("editor");
      await editor.waitFor();
      assert.match(await editor.inputValue(), /@ben/u);
      await editor.press("End");
      await editor.pressSequentially(" today");
      await editor.press("Enter");
      await ben.reads("today");
      await ben.message("today").locator(".edited").waitFor();
      assert.equal(await ben.message("today").locator(".to.me").innerText(), "@ben");
    });

    await scene("what is pinned is found by everybody, and can be let go", async () => {
      await ada.choose("The fuse panel is in", "message-pin");
      await ben.at("pins-toggle").click();
      await ben.at("message-card").filter({ hasText: "The fuse panel is in" }).waitFor();
      await accessible(ben, "pinned messages");
      await ben.at("pins-toggle").click();
      await ada.choose("The fuse panel is in", "message-unpin");
      await ada.at("confirm").click();
      await ada.at("pins-toggle").click();
      await ada.page.locator(".side.panel .empty").waitFor();
      await ada.at("pins-toggle").click();
    });

    await scene("a moderator chooses messages and deletes them together", async () => {
      for (const text of ["noise one", "noise two"]) await ben.say(text);
      await ada.reads("noise two");
      await ada.choose("noise one", "message-select");
      await ada.message("noise two").locator("input.choose").check();
      await accessible(ada, "choosing messages");
      await ada.at("delete-selected").click();
      await ada.at("confirm").click();
      for (const person of [ben, ada]) await person.until("the noise to go", async () => (await person.shown("noise one")) + (await person.shown("noise two")) === 0);
    });

    await scene("a link to an old message opens the channel around it, and the present is one press away", async () => {
      const path = `/api/v10/channels/${ada.channelId}/messages`;
      const first = await server.api("POST", path, { token: ada.token, body: { content: "the very first plan" } });
      for (let i = 0; i < 160; i++) await server.api("POST", path, { token: ada.token, body: { content: `filler ${i}` } });
      await ben.page.goto(`${server.url}/g/${ben.guildId}/${ben.channelId}/${first.id}`);
      await ben.reads("the very first plan");
      await ben.page.locator(".group.found").filter({ hasText: "the very first plan" }).waitFor();
      assert.equal(await ben.shown("filler 159"), 0);
      await ben.at("jump-end").click();
      await ben.reads("filler 159");
    });
    assert.deepEqual(ada.page.problems, []);
    assert.deepEqual(ben.page.problems, []);
  }, TWO_LANGUAGES),
);
