// A community without calls: a server, one browser, each person in a context of their own, in a language of choice.

import { mkdir } from "node:fs/promises";
import { openBrowser } from "./browser.js";
import { Person } from "./person.js";
import { Server } from "./server.js";

/** Where a failed story leaves pictures of what everyone saw. */
const OUT = new URL("../out/", import.meta.url).pathname;

export const LANGUAGES = ["en-US", "ru-RU"];

/** Runs a story among people of these names: the first one's guild, which the others have joined. */
export async function withCommunity(locale, names, story) {
  const server = await Server.start();
  const browser = await openBrowser();
  try {
    const people = [];
    for (const name of names) people.push(await Person.register(browser, server, name, { locale }));
    const [owner, ...others] = people;
    await owner.createGuild("Observatory");
    owner.guild = new URL(owner.page.url()).pathname.split("/")[2];
    if (others.length > 0) {
      const link = await owner.inviteLink();
      for (const person of others) {
        await person.acceptInvite(link);
        person.guild = owner.guild;
      }
    }
    await story({ server, browser, ...Object.fromEntries(people.map((person) => [person.name, person])) });
  } catch (error) {
    await mkdir(OUT, { recursive: true });
    const pages = browser.contexts().flatMap((context) => context.pages());
    await Promise.allSettled(pages.map((page, i) => page.screenshot({ path: `${OUT}failed-${i}.png`, timeout: 3_000 })));
    throw new Error(`${error.message}\n--- the server's last words ---\n${server.log.slice(-4_000)}`, { cause: error });
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** Opens a part of the settings of a person's guild. */
export async function openPart(person, part, item = "") {
  await person.page.goto(`${new URL(person.page.url()).origin}/g/${person.guild}/settings/${part}${item ? `/${item}` : ""}`);
  await person.at("settings-close").waitFor();
}

/** Back to the guild's first channel. */
export async function home(person) {
  await person.page.goto(`${new URL(person.page.url()).origin}/g/${person.guild}`);
  await person.at("guild-menu").waitFor();
}

/** Saves what was changed and waits until it is. */
export async function save(person) {
  await person.at("save").click();
  await person.at("save").waitFor({ state: "detached" });
}

/** The menu of a member on the page of members. */
export async function memberMenu(person, member, item) {
  await person.at(`member-menu-${member.id}`).click();
  await person.at(item).click();
}
