// What most stories begin with: a server, two browsers, two people in one guild.

import { mkdir } from "node:fs/promises";
import { openBrowser } from "./browser.js";
import { Person } from "./person.js";
import { Server } from "./server.js";

/** Where a failed story leaves pictures of what everyone saw. */
const OUT = new URL("../out/", import.meta.url).pathname;

/** What Ada's, Ben's and Cleo's microphones hear: no one's tone is near another's overtones. */
export const ADA_HZ = 440;
export const BEN_HZ = 660;
export const CLEO_HZ = 1_030;

/** How people see the page where a story wants both languages at once: Ada in English, Ben in Russian. */
export const TWO_LANGUAGES = { ada: { locale: "en-US", colorScheme: "light" }, ben: { locale: "ru-RU", colorScheme: "dark" } };

/** Runs a story with two people in a guild, each in a Chromium process of their own, and clears everything away. */
export async function withTwoPeople(story, looks = {}, ...flags) {
  const server = await Server.start(...flags);
  const browsers = await Promise.all([openBrowser({ toneHz: ADA_HZ, loopback: looks.loopback }), openBrowser({ toneHz: BEN_HZ, loopback: looks.loopback })]);
  try {
    const [ada, ben] = await Promise.all([
      Person.register(browsers[0], server, "ada", looks.ada),
      Person.register(browsers[1], server, "ben", looks.ben),
    ]);
    await ada.createGuild("Observatory");
    await ben.acceptInvite(await ada.inviteLink());
    await story({ server, ada, ben, browsers });
  } catch (error) {
    await mkdir(OUT, { recursive: true });
    const pages = browsers.flatMap((browser) => browser.contexts().flatMap((context) => context.pages()));
    await Promise.allSettled(pages.map((page, i) => page.screenshot({ path: `${OUT}failed-${i}.png`, timeout: 3_000 })));
    throw new Error(`${error.message}\n--- the server's last words ---\n${server.log.slice(-4_000)}`, { cause: error });
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
    await server.stop();
  }
}

/** One part of a story: when it goes wrong, the message says where one was. */
export async function scene(name, play) {
  try {
    await play();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}
