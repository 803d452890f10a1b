// "Test my connection": what works is said to work, what a network blocks is named, in both languages.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { openBrowser } from "../lib/browser.js";
import { blockUdp, canCut } from "../lib/network.js";
import { Person } from "../lib/person.js";
import { freePort, Server } from "../lib/server.js";
import { ADA_HZ, scene } from "../lib/stage.js";

const LONG_MS = 40_000;

/** Runs the test and returns the state of each line. */
async function examine(person) {
  await person.at("connection-start").click();
  await person.until("the test to end", async () => (await person.at("connection-report").getAttribute("aria-busy")) === "false", LONG_MS);
  const lines = await person.page.locator('[data-testid="connection-report"] li').all();
  return Object.fromEntries(await Promise.all(lines.map(async (line) => [(await line.getAttribute("data-testid")).replace("connection-", ""), await line.getAttribute("data-state")])));
}

test("one's own connection is tested", { timeout: 180_000 }, async () => {
  const [https, turn] = [await freePort(), await freePort()];
  const server = await Server.start("--tls-listen", `127.0.0.1:${https}`, "--turn-listen", `127.0.0.1:${turn}`, "--relay-ports", "45000-45999");
  const browser = await openBrowser({ toneHz: ADA_HZ, key: server.ownKey });
  try {
    const ada = await Person.register(browser, server, "ada");
    await ada.page.goto(`${server.url}/settings/connection`);
    await scene("with nothing in the way", async () => {
      const found = await examine(ada);
      const good = ["http", "socket", "voice", "direct", "relay-udp", "relay-tcp", "relay-tls", "loop", "microphone", "camera"];
      assert.deepEqual(found, Object.fromEntries(good.map((line) => [line, "good"])));
      await ada.at("connection-copy").click();
      const copied = await ada.page.evaluate(() => navigator.clipboard.readText());
      assert.match(copied, /Works: Relay over TLS/u);
      await accessible(ada, "all is well");
    });
    if (canCut()) {
      await scene("UDP to the relay is blocked", async () => {
        const heal = blockUdp(turn);
        try {
          const found = await examine(ada);
          assert.equal(found["relay-udp"], "weak");
          assert.equal(found["relay-tcp"], "good");
          assert.equal(found["loop"], "good");
          assert.equal(await ada.at("connection-report").getAttribute("data-state"), "weak");
        } finally {
          heal();
        }
      });
    }
    await scene("in Russian, on a server without TURN", async () => {
      const other = await Server.start();
      try {
        const ben = await Person.register(browser, other, "ben", { locale: "ru-RU", colorScheme: "dark" });
        await ben.page.goto(`${other.url}/settings/connection`);
        const found = await examine(ben);
        assert.equal(found["relay-tls"], "weak");
        assert.equal(found["loop"], undefined);
        await ben.page.getByText("На этом сервере его нет.").first().waitFor();
        await accessible(ben, "no relay");
      } finally {
        await other.stop();
      }
    });
  } finally {
    await browser.close();
    await server.stop();
  }
});
