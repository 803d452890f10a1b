// A server and people, each in a network namespace of their own, with a link of its own that can be made bad.

import { mkdir } from "node:fs/promises";
import { openBrowser } from "./browser.js";
import { Emulator, routeAll } from "./netemu.js";
import { Person } from "./person.js";
import { Server } from "./server.js";
import { ADA_HZ, BEN_HZ, CLEO_HZ } from "./stage.js";

const OUT = new URL("../out/", import.meta.url).pathname;
/** What each one's microphone hears, in the order in which they get their links. */
const TONES = { ada: ADA_HZ, ben: BEN_HZ, cleo: CLEO_HZ };
/** One way; with the way back that is a good connection within a country. */
const DELAY = "delay=10";

/** Runs a story with Ada and Ben, see [`withLinks`]. */
export const withTwoLinks = (story) => withLinks(["ada", "ben"], story);

/**
 * Runs a story with these people in a guild, as `stage.js` does. `links` has the emulator of each: `ab` is the way up,
 * from the person to the server, `ba` the way down; `flags` go to the server, whose namespace is `hall`.
 */
export async function withLinks(names, story, ...flags) {
  const name = (end) => `vx${process.pid}${end}`;
  const hall = name("s");
  const closing = [];
  let server;
  const browsers = [];
  try {
    const links = {};
    for (const [at, who] of names.entries()) {
      // RFC 2544 §C.2.2: for tests of networks.
      const net = `198.18.${at + 1}`;
      links[who] = await Emulator.start({ namespace: name(who[0]), address: `${net}.2/24` }, { namespace: hall, address: `${net}.1/24` }, DELAY);
      closing.unshift(() => links[who].stop());
      routeAll(name(who[0]), `${net}.1`);
    }
    server = await Server.startIn(hall, "198.18.1.1", ...flags);
    closing.unshift(() => server.stop());
    for (const who of names) {
      const browser = await openBrowser({ toneHz: TONES[who], namespace: name(who[0]), origin: server.url, key: server.ownKey });
      browsers.push(browser);
      closing.unshift(() => browser.close());
    }
    const joined = await Promise.all(names.map((who, at) => Person.register(browsers[at], server, who)));
    const people = Object.fromEntries(joined.map((person) => [person.name, person]));
    const [host, ...guests] = joined;
    await host.createGuild("Observatory");
    for (const guest of guests) await guest.acceptInvite(await host.inviteLink());
    await story({ server, ...people, links, hall });
  } catch (error) {
    await mkdir(OUT, { recursive: true });
    const pages = browsers.flatMap((browser) => browser.contexts().flatMap((context) => context.pages()));
    await Promise.allSettled(pages.map((page, i) => page.screenshot({ path: `${OUT}failed-${i}.png`, timeout: 3_000 })));
    throw new Error(`${error.message}\n--- the server's last words ---\n${server?.log.slice(-4_000)}`, { cause: error });
  } finally {
    for (const close of closing) await close();
  }
}
