// The networks that people call from: behind each kind of router the call takes the way that is best there, and is heard.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { openBrowser } from "../lib/browser.js";
import { Internet, KINDS, SERVER, whyNoRouters } from "../lib/nat.js";
import { Person } from "../lib/person.js";
import { Server } from "../lib/server.js";
import { ADA_HZ, BEN_HZ, scene } from "../lib/stage.js";

const OUT = new URL("../out/", import.meta.url).pathname;
const LONG_MS = 30_000;
const FLAGS = ["--tls-listen", "0.0.0.0:443", "--tls-name", SERVER, "--turn-listen", "0.0.0.0:3478", "--public-address", SERVER];

/** The server has an address of its own, so that only what blocks UDP changes anything. */
const WAYS = { "full cone": "udp", "port-restricted": "udp", symmetric: "udp", "UDP blocked": "tcp", "only TCP 443": "relay/tls" };

test("a call takes the best way that each network leaves it", { timeout: 300_000, skip: whyNoRouters() }, async (context) => {
  const internet = await Internet.build("ada", "ben");
  const closing = [() => internet.close()];
  const browsers = [];
  let server;
  try {
    internet.become("port-restricted");
    server = await Server.startIn(internet.hall, SERVER, ...FLAGS);
    closing.unshift(() => server.stop());
    for (const [name, toneHz] of [
      ["ada", ADA_HZ],
      ["ben", BEN_HZ],
    ]) {
      const browser = await openBrowser({ toneHz, namespace: internet.home(name), origin: server.url, key: server.ownKey });
      browsers.push(browser);
      closing.unshift(() => browser.close());
    }
    const [ada, ben] = await Promise.all(["ada", "ben"].map((name, at) => Person.register(browsers[at], server, name)));
    await ada.createGuild("Observatory");
    await ben.acceptInvite(await ada.inviteLink());
    assert.deepEqual(Object.keys(WAYS), Object.keys(KINDS));
    for (const [kind, way] of Object.entries(WAYS)) {
      await scene(kind, async () => {
        internet.become(kind);
        await ada.joinRoom(LONG_MS);
        await ben.joinRoom(LONG_MS);
        await Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ)]);
        await Promise.all([ada.goesBy(way), ben.goesBy(way)]);
        context.diagnostic(`${kind}: by ${way}, first sound ${await ben.firstSound()} ms after the answer`);
        await Promise.all([ada.at("dock-leave").click(), ben.at("dock-leave").click()]);
      });
    }
  } catch (error) {
    await mkdir(OUT, { recursive: true });
    const pages = browsers.flatMap((browser) => browser.contexts().flatMap((one) => one.pages()));
    await Promise.allSettled(pages.map((page, i) => page.screenshot({ path: `${OUT}failed-${i}.png`, timeout: 3_000 })));
    throw new Error(`${error.message}\n--- the server's last words ---\n${server?.log.slice(-4_000)}`, { cause: error });
  } finally {
    for (const close of closing) await close();
  }
});
