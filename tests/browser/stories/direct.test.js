// Conversations outside of any community: two people, then a group.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { Person } from "../lib/person.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("two talk alone, then three in a group", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben, browsers }) => {
    const link = await ada.inviteLink();
    const cleo = await Person.register(browsers[1], server, "cleo", { locale: "ru-RU" });
    await cleo.acceptInvite(link);

    await scene("a conversation opens with whoever one shares a community with", async () => {
      await ada.at("people").click();
      await ada.at("direct-new").click();
      await ada.at("direct-find").fill("ben");
      await ada.at("pick-ben").click();
      await accessible(ada, "choosing people");
      await ada.at("direct-go").click();
      await ada.at("composer").waitFor();
      await ada.say("psst, Ben");
      await ben.until("a number at the conversations", async () => (await ben.at("people").innerText()).includes("1"));
      await ben.at("people").click();
      await ben.page.locator('[data-testid^="direct-"][data-unread="true"]').click();
      await ben.reads("psst, Ben");
      await ben.say("слышу");
      await ada.reads("слышу");
      await ada.until("nothing waiting", async () => !(await ben.page.title()).startsWith("("));
      await accessible(ben, "a conversation");
    });

    await scene("a group of three has a name, and whoever leaves hears no more", async () => {
      await ada.at("direct-new").click();
      for (const name of ["ben", "cleo"]) {
        await ada.at("direct-find").fill(name);
        await ada.at(`pick-${name}`).click();
      }
      await ada.at("direct-go").click();
      await ada.at("composer").waitFor();
      await ada.say("hello, both");
      await cleo.at("people").click();
      await cleo.page.locator('[data-testid^="direct-"][data-unread="true"]').click();
      await cleo.reads("hello, both");
      await ada.at("direct-menu").click();
      await ada.at("group-rename").click();
      await ada.at("group-name").fill("Night watch");
      await ada.at("group-save").click();
      await cleo.until("the new name", async () => (await cleo.page.locator(".head h1").innerText()) === "Night watch");
      await cleo.at("direct-menu").click();
      await cleo.at("group-leave").click();
      await cleo.at("confirm").click();
      await cleo.until("the group to be gone", async () => (await cleo.page.locator(".list").getByText("Night watch").count()) === 0);
      await ada.at(`member-${cleo.id}`).waitFor({ state: "detached" });
      await ada.say("still here?");
      await ben.page.locator(".list").getByText("Night watch").click();
      await ben.reads("still here?");
    });

    for (const person of [ada, ben, cleo]) assert.deepEqual(person.page.problems, []);
  }, TWO_LANGUAGES),
);
