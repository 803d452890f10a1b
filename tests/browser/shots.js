// Pictures of the client with live data, for people to look at: door, chat and what opens over it, search, a
// conversation and a call, in three widths, both themes and both languages. They go to out/; nothing here judges them.

import { mkdir } from "node:fs/promises";
import { openBrowser, openPage } from "./lib/browser.js";
import { Person } from "./lib/person.js";
import { Server } from "./lib/server.js";
import { toneWav } from "./lib/tone.js";

const OUT = new URL("out/", import.meta.url).pathname;
const WIDTHS = [390, 1024, 1600];
const HEIGHTS = { 390: 844, 1024: 768, 1600: 1000 };
const LOOKS = [
  { locale: "en-US", colorScheme: "light" },
  { locale: "en-US", colorScheme: "dark" },
  { locale: "ru-RU", colorScheme: "light" },
  { locale: "ru-RU", colorScheme: "dark" },
];

const TALK = [
  ["ada", "Evening! Is the sky clear on your side of the hill?"],
  ["ben", "Clear and cold. Jupiter is up already, the bands are easy in the 8 inch."],
  ["ada", "Перенёс окуляры в сумку, буду через полчаса."],
  ["cleo", "I wrote the exposure script:\n```python\nfor seconds in (1, 2, 4):\n    camera.expose(seconds)\n```"],
  ["ben", "**Bring gloves.** Last time `focus.sh` took me an hour because of my fingers."],
  ["cleo", "See you in Dome 1, I share my screen there: https://example.org/finder-charts"],
];

await mkdir(OUT, { recursive: true });
const server = await Server.start();
const browsers = await Promise.all([openBrowser({ toneHz: 440 }), openBrowser({ toneHz: 660 })]);
try {
  const people = await settle();
  for (const look of LOOKS) await picture(people, look);
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server.stop();
}

/** Three people, one guild, some talk, and two of them in the room with their cameras on. */
async function settle() {
  const ada = await Person.register(browsers[0], server, "ada");
  await ada.createGuild("Observatory");
  const link = await ada.inviteLink();
  const others = [];
  for (const name of ["ben", "cleo"]) {
    const person = await Person.register(browsers[1], server, name);
    await person.acceptInvite(link);
    others.push(person);
  }
  const byName = Object.fromEntries([ada, ...others].map((person) => [person.name, person]));
  const channel = await ada.page.locator('a[data-testid^="channel-"]').first().getAttribute("data-testid");
  for (const [name, content] of TALK) {
    const path = `/api/v10/channels/${channel.replace("channel-", "")}/messages`;
    await server.api("POST", path, { token: byName[name].token, body: { content } });
  }
  await richer(byName, channel.replace("channel-", ""));
  for (const person of others) {
    await person.joinRoom();
    await person.at("dock-camera").click();
  }
  await others[1].at("dock-share").click();
  // Ada's own window gives way to the ones that are pictured.
  await ada.page.context().close();
  return { others };
}

/** What a message may hold besides words: an answer, reactions, a mention, files; and a conversation between two. */
async function richer({ ada, ben, cleo }, channel) {
  const path = `/api/v10/channels/${channel}/messages`;
  const post = (person, body, to = path) => server.api("POST", to, { token: person.token, body });
  const first = await post(ben, { content: "The fuse panel is in. The label maker ran out of tape halfway, the rest I'll label tomorrow." });
  for (const [person, emoji] of [[ada, "🔌"], [ben, "🔌"], [cleo, "🔌"], [cleo, "✏️"]]) {
    await server.api("PUT", `${path}/${first.id}/reactions/${encodeURIComponent(emoji)}/@me`, { token: person.token });
  }
  await post(cleo, { content: "Good work. For the bilge pump I'd go a size up.", message_reference: { message_id: first.id } });
  await server.api("PUT", `/api/v10/channels/${channel}/messages/pins/${first.id}`, { token: ada.token });
  const upload = async (name, type, body) => {
    const answer = await fetch(`${server.url}/api/v1/attachments?channel_id=${channel}&filename=${encodeURIComponent(name)}`, { method: "POST", headers: { authorization: `Bearer ${cleo.token}`, "content-type": type }, body });
    return { id: (await answer.json()).id };
  };
  await post(cleo, { content: "The evening in sound, and the invoice:", attachments: [await upload("evening.wav", "audio/wav", toneWav(330)), await upload("invoice-cable-corrected-final.pdf", "application/pdf", Buffer.from("%PDF-1.4\n%%EOF"))] });
  await post(ben, { content: `<@${ada.id}> could you check the invoice before <@${cleo.id}> orders the cable? It says 50 m, we agreed on 30.` });
  const direct = await server.api("POST", "/api/v10/users/@me/channels", { token: ben.token, body: { recipient_id: ada.id } });
  await post(ben, { content: "psst, the surprise is on Friday" }, `/api/v10/channels/${direct.id}/messages`);
}

async function picture({ others }, look) {
  const stranger = new Person(await openPage(browsers[0], look), "stranger");
  await stranger.page.goto(server.url);
  await stranger.at("door-submit").waitFor();
  await shoot(stranger, "door", look);
  await stranger.page.context().close();

  const ada = await Person.login(browsers[0], server, "ada", look);
  await ada.page.locator('[data-testid^="guild-"]:not([data-testid="guild-add"])').first().click();
  await ada.openChannel();
  await ada.reads("Dome 1");
  await shoot(ada, "chat", look);
  await ada.choose("could you check", "message-react");
  await ada.page.locator(".pickcell").first().waitFor();
  await shoot(ada, "emoji", look);
  await ada.page.keyboard.press("Escape");
  await ada.at("search-toggle").click();
  await ada.at("search-input").fill("the");
  await ada.at("search-input").press("Enter");
  await ada.at("message-card").first().waitFor();
  await shoot(ada, "search", look);
  await ada.at("search-toggle").click();
  await ada.at("pins-toggle").click();
  await ada.at("message-card").first().waitFor();
  await shoot(ada, "pins", look);
  await ada.at("pins-toggle").click();
  await ada.page.goto(`${server.url}/d`);
  await ada.page.locator('a[data-testid^="direct-"]').first().click();
  await ada.reads("surprise");
  await shoot(ada, "direct", look);
  await ada.page.locator('[data-testid^="guild-"]:not([data-testid="guild-add"], [data-testid="guild-menu"])').first().click();
  await ada.joinRoom();
  await ada.at("dock-camera").click();
  await ada.seesMoving(`tile-${ada.id}`);
  await ada.seesPicture(`screen-${others[1].id}`);
  await shoot(ada, "call", look);
  await ada.at("call-phase").first().click();
  await ada.at("quality-open").click();
  await ada.page.getByText("×").first().waitFor();
  await shoot(ada, "connection", look);
  await ada.page.keyboard.press("Escape");
  await ada.at("dock-leave").click();
  await ada.page.context().close();
}

async function shoot({ page }, name, { locale, colorScheme }) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHTS[width] });
    await page.evaluate(() => Promise.allSettled([document.fonts.ready, new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))]));
    await page.screenshot({ path: `${OUT}${name}-${width}-${colorScheme}-${locale.slice(0, 2)}.png` });
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}
