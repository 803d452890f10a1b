// The network changes while the page loads, as when a phone joins a Wi-Fi: what did not come is asked for again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openBrowser, openPage } from "../lib/browser.js";
import { Person } from "../lib/person.js";
import { Server } from "../lib/server.js";
import { ADA_HZ, scene } from "../lib/stage.js";

test("what a changed network kept from loading is there in the end", { timeout: 120_000 }, async () => {
  const server = await Server.start();
  const browser = await openBrowser({ toneHz: ADA_HZ });
  try {
    const ada = new Person(await openPage(browser), "ada");
    const lost = [];
    /** Ends the first request for each script, as Chromium does when the network changes. */
    const loseEachOnce = async (route) => {
      const url = route.request().url();
      if (lost.includes(url)) return route.continue();
      lost.push(url);
      await route.abort("internetdisconnected");
    };
    await scene("the first script", async () => {
      await ada.page.route(/assets\/index[^/]*\.js$/u, loseEachOnce);
      await ada.page.goto(server.url);
      await ada.at("door-password").waitFor();
      assert.equal(lost.length, 1);
    });
    await scene("everything behind the door", async () => {
      await ada.page.route(/assets\/[^/]*\.js$/u, loseEachOnce);
      await ada.enter("register");
      assert.ok(lost.length > 3, `${lost.length} scripts were lost`);
      await ada.page.unrouteAll();
      await ada.createGuild("Observatory");
    });
    await scene("a script that never comes leaves a page that says so", async () => {
      await ada.page.route(/assets\/Shell[^/]*\.js$/u, (route) => route.abort("internetdisconnected"));
      await ada.page.reload();
      await ada.page.getByRole("alert").getByRole("button").waitFor();
    });
  } finally {
    await browser.close();
    await server.stop();
  }
});
