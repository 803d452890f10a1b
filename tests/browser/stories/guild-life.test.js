// A community lives: named, pictured, arranged, moderated, and all of it written in its log. In both languages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { home, LANGUAGES, memberMenu, openPart, save, withCommunity } from "../lib/community.js";
import { scene } from "../lib/stage.js";

/** One green pixel, as a PNG. */
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==", "base64");

async function choosePicture(person, testid) {
  const [chooser] = await Promise.all([person.page.waitForEvent("filechooser"), person.at(testid).click()]);
  await chooser.setFiles({ name: "dome.png", mimeType: "image/png", buffer: PIXEL });
}

async function visit(person, channel) {
  await person.page.goto(`${new URL(person.page.url()).origin}/g/${person.guild}/${channel}`);
  await person.at("composer").waitFor();
}

for (const locale of LANGUAGES) {
  test(`a community is kept: ${locale}`, { timeout: 240_000 }, async () => {
    await withCommunity(locale, ["ada", "ben", "cleo"], async ({ server, ada, ben, cleo }) => {
      await scene("it gets another name, a sentence and a picture", async () => {
        await openPart(ada, "overview");
        await ada.at("guild-rename").fill("Old Observatory");
        await choosePicture(ada, "guild-icon");
        await ada.at("crop-use").click();
        await ada.page.locator(".place.big img").waitFor();
        await save(ada);
        await ben.until("the new name", async () => (await ben.at("guild-menu").textContent())?.includes("Old Observatory"));
        await ben.until("the picture", async () => (await ben.at(`guild-${ben.guild}`).locator("img").count()) === 1);
      });

      let domes;
      await scene("channels lie in a category that everyone may fold", async () => {
        await home(ada);
        await ada.at("guild-menu").click();
        await ada.at("category-create").click();
        await ada.at("channel-name").fill("Domes");
        await ada.at("channel-submit").click();
        const fold = ada.page.locator('[data-testid^="category-"]:is(.fold)');
        await fold.waitFor();
        domes = (await fold.getAttribute("data-testid")).replace("category-", "");
        await ada.at(`category-menu-${domes}`).click();
        await ada.at("category-create-channel").click();
        await ada.at("channel-name").fill("Dome one");
        await ada.at("channel-submit").click();
        await ben.at(`category-${domes}`).waitFor();
        await ben.page.getByText("Dome one").first().waitFor();
        await ben.at(`category-${domes}`).click();
        await ben.page.locator('nav [data-testid^="channel-"]', { hasText: "Dome one" }).waitFor({ state: "detached" });
        await ben.page.reload();
        await ben.at(`category-${domes}`).waitFor();
        assert.equal(await ben.at(`category-${domes}`).getAttribute("aria-expanded"), "false");
        await ben.at(`category-${domes}`).click();
      });

      let general;
      await scene("a channel moves into the category by the keyboard's way", async () => {
        const line = ada.page.locator('nav [data-testid^="channel-"]:is(a)').first();
        general = (await line.getAttribute("data-testid")).replace("channel-", "");
        await line.hover();
        await ada.page.locator(`[data-channel="${general}"] .more`).click();
        await ada.at("channel-move").click();
        await ada.at(`move-${domes}`).check();
        await ada.at("move-save").click();
        await ada.until("the channel inside", async () => {
          const order = await ada.page.locator("[data-channel]").evaluateAll((rows) => rows.map((row) => row.dataset.channel));
          return order.indexOf(general) > order.indexOf(domes);
        });
      });

      await scene("a channel is slowed down and marked for adults, who are asked once", async () => {
        const channel = (await ada.page.locator('nav [data-testid^="channel-"]', { hasText: "Dome one" }).first().getAttribute("data-testid")).replace("channel-", "");
        await ada.page.goto(`${server.url}/g/${ada.guild}/${channel}/settings/overview`);
        await ada.at("channel-topic").fill("Night shift");
        await ada.at("channel-slow").selectOption("10");
        await ada.at("channel-age").check();
        await save(ada);
        await cleo.page.goto(`${server.url}/g/${cleo.guild}/${channel}`);
        await cleo.at("age-gate").waitFor();
        await cleo.at("age-enter").click();
        await cleo.at("composer").waitFor();
        await cleo.page.getByText("Night shift").first().waitFor();
        await cleo.page.reload();
        await cleo.at("composer").waitFor();
      });

      await scene("invites tell who used them, and are taken back", async () => {
        await openPart(ada, "invites");
        const invite = ada.page.locator('li[data-testid^="invite-"]').first();
        await invite.locator("summary").click();
        await invite.getByText("ben").first().waitFor();
        await ada.at("invite-revoke").first().click();
        await ada.at("confirm").click();
        await ada.until("no invite", async () => (await ada.page.locator('li[data-testid^="invite-"]').count()) === 0);
      });

      await scene("somebody is called differently here", async () => {
        await openPart(ada, "members");
        await memberMenu(ada, ben, "member-nick");
        await ada.at("nick").fill("Benjamin of the dome");
        await ada.at("nick-save").click();
        await ada.at(`admin-member-${ben.id}`).getByText("Benjamin of the dome").waitFor();
        await ada.at("members-search").fill("dome");
        await ada.at(`admin-member-${cleo.id}`).waitFor({ state: "detached" });
        await ada.at("members-search").fill("");
      });

      await scene("a timeout silences, shows how long, and ends", async () => {
        await visit(ben, general);
        await memberMenu(ada, ben, "member-timeout");
        await ada.at("timeout-5").check({ force: true });
        await ada.at("reason").fill("Lamp in the dome");
        await ada.at("timeout-save").click();
        await ben.at("composer").waitFor({ state: "detached" });
        await ada.at(`admin-member-${ben.id}`).locator(".tag.out").waitFor();
        await memberMenu(ada, ben, "member-timeout-end");
        await ben.at("composer").waitFor();
      });

      await scene("who is removed is outside at once", async () => {
        await home(cleo);
        await memberMenu(ada, cleo, "member-kick");
        await ada.at("reason").fill("Left the door open");
        await ada.at("confirm").click();
        await cleo.at(`guild-${cleo.guild}`).waitFor({ state: "detached" });
        await ada.at(`admin-member-${cleo.id}`).waitFor({ state: "detached" });
      });

      await scene("who is banned goes with their words, and may come back when it is lifted", async () => {
        await ben.say("I broke the telescope");
        await ben.reads("I broke the telescope");
        await memberMenu(ada, ben, "member-ban");
        await ada.at("ban-history-3600").check();
        await ada.at("reason").fill("The telescope");
        await ada.at("confirm").click();
        await ben.at(`guild-${ben.guild}`).waitFor({ state: "detached" });
        await visit(ada, general);
        await ada.until("the words to be gone", async () => (await ada.shown("I broke the telescope")) === 0);
        const link = await ada.inviteLink();
        await ben.page.goto(link);
        await ben.at("invite-page-join").click();
        await ben.page.locator('[role="alert"]').waitFor();
        await openPart(ada, "bans");
        await ada.at(`ban-${ben.id}`).getByText("The telescope").waitFor();
        await ada.at("ban-lift").click();
        await ada.at(`ban-${ben.id}`).waitFor({ state: "detached" });
        await ben.acceptInvite(link);
      });

      await scene("the log has all of it, with reasons, and can be narrowed", async () => {
        await openPart(ada, "log");
        const actions = () => ada.at("log-entry").evaluateAll((entries) => entries.map((entry) => Number(entry.dataset.action)));
        await ada.until("the deeds", async () => {
          const seen = new Set(await actions());
          return [1, 10, 11, 20, 22, 23, 24].every((action) => seen.has(action));
        });
        await ada.page.getByText("The telescope").first().waitFor();
        await ada.at("log-action").selectOption("20");
        await ada.until("only the removal", async () => (await actions()).join() === "20");
        await ada.page.getByText("Left the door open").waitFor();
      });

      await scene("an emoji is added and renamed", async () => {
        await openPart(ada, "emoji");
        await ada.at("emoji-file").setInputFiles({ name: "comet.png", mimeType: "image/png", buffer: PIXEL });
        await ada.at("emoji-comet").waitFor();
        const field = ada.at("emoji-comet").locator("input");
        await field.fill("halley");
        await field.press("Tab");
        await ada.at("emoji-halley").waitFor();
      });

      await scene("it is handed over, and the old owner is one of many", async () => {
        await openPart(ada, "overview");
        await ada.at("guild-transfer").click();
        await ada.at("pick-input").fill("ben");
        await ada.at("pick-ben").click();
        await ada.at("transfer-name").fill("Old Observatory");
        await ada.at("transfer-submit").click();
        await ada.at("guild-rename").waitFor({ state: "detached" });
        await openPart(ben, "overview");
        await ben.at("guild-delete").click();
        await ben.at("guild-typed").fill("Old Observatory");
        await ben.at("guild-delete-submit").click();
        await ada.at(`guild-${ada.guild}`).waitFor({ state: "detached" });
      });

      assert.deepEqual([...ada.page.problems, ...ben.page.problems, ...cleo.page.problems], []);
    });
  });
}
