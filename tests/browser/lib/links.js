// A server and two people, each in a network namespace of their own, with a link of its own that can be made bad.

import { mkdir } from "node:fs/promises";
import { openBrowser } from "./browser.js";
import { Emulator, routeAll } from "./netemu.js";
import { Person } from "./person.js";
import { Server } from "./server.js";
import { ADA_HZ, BEN_HZ } from "./stage.js";

const OUT = new URL("../out/", import.meta.url).pathname;
/** RFC 2544 §C.2.2: for tests of networks; the server's ends. */
const SERVER = { ada: "198.18.1.1", ben: "198.18.2.1" };
/** One way; with the way back that is a good connection within a country. */
const DELAY = "delay=10";

/**
 * Runs a story with Ada and Ben in a guild, as `stage.js` does. `links.ada` and `links.ben` are their emulators:
 * `ab` is the way up, from the person to the server, `ba` the way down.
 */
export async function withTwoLinks(story) {
  const name = (end) => `vx${process.pid}${end}`;
  const [hall, homes] = [name("s"), { ada: name("a"), ben: name("b") }];
  const closing = [];
  let server;
  const browsers = [];
  try {
    const links = {};
    for (const [who, subnet] of [["ada", 1], ["ben", 2]]) {
      const home = { namespace: homes[who], address: `198.18.${subnet}.2/24` };
      links[who] = await Emulator.start(home, { namespace: hall, address: `${SERVER[who]}/24` }, DELAY);
      closing.unshift(() => links[who].stop());
      routeAll(homes[who], SERVER[who]);
    }
    server = await Server.startIn(hall, SERVER.ada);
    closing.unshift(() => server.stop());
    for (const [who, toneHz] of [["ada", ADA_HZ], ["ben", BEN_HZ]]) {
      const browser = await openBrowser({ toneHz, namespace: homes[who], origin: server.url });
      browsers.push(browser);
      closing.unshift(() => browser.close());
    }
    const [ada, ben] = await Promise.all([Person.register(browsers[0], server, "ada"), Person.register(browsers[1], server, "ben")]);
    await ada.createGuild("Observatory");
    await ben.acceptInvite(await ada.inviteLink());
    await story({ server, ada, ben, links });
  } catch (error) {
    await mkdir(OUT, { recursive: true });
    const pages = browsers.flatMap((browser) => browser.contexts().flatMap((context) => context.pages()));
    await Promise.allSettled(pages.map((page, i) => page.screenshot({ path: `${OUT}failed-${i}.png`, timeout: 3_000 })));
    throw new Error(`${error.message}\n--- the server's last words ---\n${server?.log.slice(-4_000)}`, { cause: error });
  } finally {
    for (const close of closing) await close();
  }
}
