// axe on every screen, in both languages and both themes: nothing serious, nothing critical.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "../lib/browser.js";
import { Person } from "../lib/person.js";
import { Server } from "../lib/server.js";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let server;
let browser;
let link;

before(async () => {
  server = await Server.start();
  browser = await openBrowser({ toneHz: 440 });
  const ada = await Person.register(browser, server, "ada");
  await ada.createGuild("Observatory");
  await ada.say("Clear sky tonight, see https://example.org and **bring** `binoculars`");
  link = await ada.inviteLink();
  await ada.page.context().close();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const locale of ["en-US", "ru-RU"]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`every screen is accessible: ${locale}, ${colorScheme}`, { timeout: 90_000 }, async (t) => {
      const stranger = new Person(await openPage(browser, { locale, colorScheme }), "stranger");
      await t.test("door", async () => {
        await stranger.page.goto(server.url);
        await stranger.at("door-submit").waitFor();
        await accessible(stranger);
        await stranger.at("door-switch").click();
        await accessible(stranger);
      });
      await t.test("invite", async () => {
        await stranger.page.goto(link);
        await stranger.at("door-submit").waitFor();
        await accessible(stranger);
      });
      await stranger.page.context().close();

      const ada = await Person.login(browser, server, "ada", { locale, colorScheme });
      await t.test("chat", async () => {
        await ada.page.locator('[data-testid^="guild-"]:not([data-testid="guild-add"])').first().click();
        await ada.openChannel();
        await ada.reads("Clear sky tonight");
        await accessible(ada);
      });
      await t.test("call", async () => {
        await ada.joinRoom();
        await ada.at("dock-camera").click();
        await ada.seesMoving(`tile-${ada.id}`);
        await accessible(ada);
        await ada.at("dock-leave").click();
      });
      await t.test("settings", async () => {
        await ada.at("user-menu").click();
        await accessible(ada);
        await ada.at("settings-open").click();
        await ada.at("settings-close").waitFor();
        await accessible(ada);
      });
      assert.deepEqual(ada.page.problems, []);
      await ada.page.context().close();
    });
  }
}

/** Runs axe in the page; the developer tools' channel is not bound by the page's own policy against injected scripts. */
async function accessible({ page }) {
  await page.evaluate(axe);
  const findings = await page.evaluate(async () => {
    await Promise.allSettled(document.getAnimations().filter((it) => Number.isFinite(it.effect?.getComputedTiming().endTime)).map((it) => it.finished));
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => `${node.target.join(" ")} (${node.failureSummary?.split("\n")[1]?.trim()})`).join(" | ")}`);
  });
  assert.deepEqual(findings, []);
}
