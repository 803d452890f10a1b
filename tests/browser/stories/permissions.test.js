// Roles and what they allow: given, limited by rank, felt at once by whoever has them, in both languages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { home, LANGUAGES, openPart, save, withCommunity } from "../lib/community.js";
import { scene } from "../lib/stage.js";

for (const locale of LANGUAGES) {
  test(`roles, ranks and rights are what both sides see: ${locale}`, { timeout: 180_000 }, async () => {
    await withCommunity(locale, ["ada", "ben"], async ({ server, ada, ben }) => {
      let keeper;

      await scene("the owner makes a role and gives it", async () => {
        await openPart(ada, "roles");
        await ada.at("role-create").click();
        await ada.at("role-name").fill("Keeper");
        await ada.at("role-hoist").check();
        await ada.at("perm-manageRoles").check();
        await ada.at("perm-kickMembers").check();
        await save(ada);
        keeper = new URL(ada.page.url()).pathname.split("/").at(-1);
        await ada.at("role-give").click();
        await ada.at("pick-input").fill("ben");
        await ada.at("pick-ben").click();
        await ada.at("role-holder-ben").waitFor();
        await home(ben);
        await ben.at("guild-menu").click();
        await ben.at("guild-settings").waitFor();
        await ben.page.keyboard.press("Escape");
      });

      await scene("a hoisted role stands as a group of its own in the member list", async () => {
        await ben.page.setViewportSize({ width: 1600, height: 900 });
        await ben.until("the group Keeper", async () => (await ben.at("member-list").locator("h2").allTextContents()).some((text) => text.startsWith("Keeper")));
        await ben.page.setViewportSize({ width: 1280, height: 800 });
      });

      await scene("who has it can't touch it, nor grant what they lack", async () => {
        await openPart(ben, "roles", keeper);
        assert.equal(await ben.at("role-name").isDisabled(), true);
        assert.equal(await ben.at("perm-kickMembers").isDisabled(), true);
        await openPart(ben, "roles");
        await ben.at("role-create").click();
        await ben.at("role-name").waitFor();
        await ben.until("a role of one's own to be open", async () => !(await ben.at("role-name").isDisabled()));
        assert.equal(await ben.at("perm-banMembers").isDisabled(), true);
        assert.equal(await ben.at("perm-kickMembers").isDisabled(), false);
        assert.equal(await ben.at("guild-part-bans").count(), 0);
      });

      await scene("roles are put in order with the keyboard", async () => {
        await openPart(ada, "roles");
        const order = () => ada.page.locator('[data-testid^="role-"].rolerow:not(.base)').evaluateAll((rows) => rows.map((row) => row.dataset.testid));
        await ada.until("two roles", async () => (await order()).length === 2);
        const before = await order();
        await ada.page.locator(".grip:is(button)").first().focus();
        await ada.page.keyboard.press("ArrowDown");
        await ada.until("the other order", async () => (await order()).join() === [...before].reverse().join());
        await ada.page.locator(".grip:is(button)").first().focus();
        await ada.page.keyboard.press("ArrowDown");
        await ada.until("the first order again", async () => (await order()).join() === before.join());
      });

      let secret;
      await scene("a closed channel is there for the chosen ones only, and goes when the right goes", async () => {
        await home(ada);
        await ada.at("channel-create").click();
        await ada.at("channel-name").fill("Darkroom");
        await ada.at("channel-private").check();
        await ada.at("channel-submit").click();
        await ada.until("the new channel", async () => (await ada.page.locator('[data-testid^="channel-"][aria-current="page"]').textContent().catch(() => ""))?.includes("Darkroom"));
        secret = new URL(ada.page.url()).pathname.split("/")[3];
        await home(ben);
        assert.equal(await ben.at(`channel-${secret}`).count(), 0);

        await ada.page.goto(`${server.url}/g/${ada.guild}/${secret}/settings/permissions`);
        await ada.at("overwrite-add").click();
        await ada.at("overwrite-search").fill("Keeper");
        await ada.at("overwrite-pick-Keeper").click();
        await save(ada);
        assert.match(await ada.at("channel-viewers").textContent(), /Keeper/u);
        await ben.at(`channel-${secret}`).waitFor();
        await ben.at(`channel-${secret}`).click();
        await ben.at("composer").waitFor();

        await ada.at(`overwrite-${keeper}`).click();
        await ada.at("overwrite-remove").click();
        await save(ada);
        await ben.at(`channel-${secret}`).waitFor({ state: "detached" });
        await ben.until("to be taken elsewhere", async () => !ben.page.url().includes(secret));
      });

      await scene("what a channel denies cannot be done there", async () => {
        await home(ada);
        const first = await ada.page.locator('[data-testid^="channel-"]:is(a)').first().getAttribute("data-testid");
        const channel = first.replace("channel-", "");
        await ben.page.goto(`${server.url}/g/${ben.guild}/${channel}`);
        await ben.at("composer").waitFor();
        await ada.page.goto(`${server.url}/g/${ada.guild}/${channel}/settings/permissions`);
        await ada.at("ow-sendMessages-deny").check({ force: true });
        await save(ada);
        await ben.at("composer").waitFor({ state: "detached" });
        await ada.at("ow-sendMessages-inherit").check({ force: true });
        await save(ada);
        await ben.at("composer").waitFor();
      });

      assert.deepEqual([...ada.page.problems, ...ben.page.problems], []);
    });
  });
}
