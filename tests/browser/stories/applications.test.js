// A bot: made, given to a community with no more rights than its keeper has, alive on the gateway, and removed. In both languages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../lib/browser.js";
import { LANGUAGES, openPart, withCommunity } from "../lib/community.js";
import { scene } from "../lib/stage.js";

/** GUILDS, GUILD_MESSAGES and MESSAGE_CONTENT. */
const INTENTS = 1 | (1 << 9) | (1 << 15);

/** A bot as its program would be, in a page of its own: identifies, and keeps what it hears. */
async function identify(browser, server, token) {
  const page = await openPage(browser);
  await page.goto(server.url);
  await page.evaluate(
    ([url, bot, intents]) =>
      new Promise((resolve, reject) => {
        window.heard = [];
        const socket = new WebSocket(url);
        socket.addEventListener("close", ({ code }) => reject(new Error(`the gateway closed with ${code}`)));
        socket.addEventListener("message", ({ data }) => {
          const { op, t, d } = JSON.parse(data);
          if (op === 10) socket.send(JSON.stringify({ op: 2, d: { token: bot, intents, properties: { os: "test", browser: "test", device: "test" } } }));
          if (op === 0) window.heard.push({ t, content: d.content });
          if (t === "READY") resolve();
        });
      }),
    [`${server.url.replace("http", "ws")}/gateway?v=10&encoding=json`, token, INTENTS],
  );
  return { heard: () => page.evaluate(() => window.heard), close: () => page.context().close() };
}

for (const locale of LANGUAGES) {
  test(`a bot comes, works and goes: ${locale}`, { timeout: 150_000 }, async () => {
    await withCommunity(locale, ["ada"], async ({ server, browser, ada }) => {
      let token;
      let link;
      await scene("an application is made and shows its token once", async () => {
        await ada.page.goto(`${server.url}/settings/applications`);
        await ada.at("application-new").click();
        await ada.at("application-name").fill("Skywatch");
        await ada.at("application-create").click();
        token = (await ada.at("application-token").textContent()).trim();
        assert.equal(token.split(".").length, 3);
        link = await ada.at("application-link").inputValue();
        await ada.page.reload();
        await ada.at("application-open").click();
        await ada.at("application-link").waitFor();
        assert.equal(await ada.at("application-token").count(), 0);
      });

      await scene("its link adds it with a role of its own", async () => {
        await ada.page.goto(link);
        await ada.at("bot-add-submit").click();
        await ada.page.locator('[data-testid^="bot-"]', { hasText: "Skywatch" }).waitFor();
        await openPart(ada, "roles");
        await ada.page.locator(".rolerow", { hasText: "Skywatch" }).waitFor();
      });

      await scene("it is alive on the gateway and hears what is written", async () => {
        const bot = await identify(browser, server, token);
        await ada.page.goto(`${server.url}/g/${ada.guild}`);
        await ada.openChannel();
        await ada.say("Is it clear tonight");
        await ada.until("the bot to hear it", async () => (await bot.heard()).some(({ t, content }) => t === "MESSAGE_CREATE" && content === "Is it clear tonight"));
        const me = await fetch(`${server.url}/api/v10/applications/@me`, { headers: { authorization: `Bot ${token}` } });
        assert.equal(me.status, 200);
        assert.equal((await me.json()).name, "Skywatch");
        await bot.close();
      });

      await scene("a new token ends the old one", async () => {
        await ada.page.goto(`${server.url}/settings/applications`);
        await ada.at("application-open").click();
        await ada.at("application-reset").click();
        await ada.at("confirm").click();
        const fresh = (await ada.at("application-token").textContent()).trim();
        assert.notEqual(fresh, token);
        const old = await fetch(`${server.url}/api/v10/applications/@me`, { headers: { authorization: `Bot ${token}` } });
        assert.equal(old.status, 401);
      });

      await scene("it leaves when it is removed, and its role with it", async () => {
        await openPart(ada, "bots");
        await ada.at("bot-remove").click();
        await ada.at("confirm").click();
        await ada.at("bot-remove").waitFor({ state: "detached" });
        await openPart(ada, "roles");
        await ada.until("no role of the bot", async () => (await ada.page.locator(".rolerow", { hasText: "Skywatch" }).count()) === 0);
      });

      await scene("the application ends", async () => {
        await ada.page.goto(`${server.url}/settings/applications`);
        await ada.at("application-open").click();
        await ada.at("application-delete").click();
        await ada.at("confirm").click();
        await ada.at("application-Skywatch").waitFor({ state: "detached" });
      });

      assert.deepEqual(ada.page.problems, []);
    });
  });
}
