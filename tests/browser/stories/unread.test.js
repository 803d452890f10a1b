// What one has read is the same on all of one's devices, and what is muted stays quiet.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "../lib/person.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("counters agree on two devices", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben, browsers }) => {
    await ada.openChannel();
    const guild = ada.guildId;
    const quiet = await server.api("POST", `/api/v10/guilds/${guild}/channels`, { token: ada.token, body: { name: "workshop", type: 0 } });
    const line = (person) => person.at(`channel-${quiet.id}`);
    const tile = (person) => person.at(`guild-${guild}`);
    await line(ben).waitFor();
    await ben.openChannel();
    const phone = await Person.login(browsers[1], server, "ben", { locale: "en-US", viewport: { width: 1280, height: 800 } });
    await line(phone).waitFor();
    const say = (content) => server.api("POST", `/api/v10/channels/${quiet.id}/messages`, { token: ada.token, body: { content } });
    const shows = (person, what, value) => person.until(`${what}=${value}`, async () => (await line(person).getAttribute(what)) === value);

    await scene("news are a dot, a mention is a number, on both devices and in the title", async () => {
      await say("the kettle is on");
      for (const device of [ben, phone]) await shows(device, "data-unread", "true");
      await say(`<@${ben.id}> your cup`);
      for (const device of [ben, phone]) {
        await shows(device, "data-mentions", "1");
        await device.until("the number in the title", async () => (await device.page.title()).startsWith("(1)"));
      }
    });

    await scene("reading on one device is reading on the other", async () => {
      await line(ben).click();
      await ben.reads("your cup");
      await ben.at("new-since").waitFor();
      await shows(phone, "data-unread", "false");
      await shows(phone, "data-mentions", "0");
      await phone.until("a title without a number", async () => !(await phone.page.title()).startsWith("("));
    });

    await scene("after a reload it is still read", async () => {
      await phone.page.reload();
      await line(phone).waitFor();
      await shows(phone, "data-unread", "false");
    });

    await scene("marked as unread here, it is unread there", async () => {
      await ben.choose("your cup", "message-unread");
      await shows(phone, "data-mentions", "1");
      await ben.page.keyboard.press("Escape");
      await shows(phone, "data-mentions", "0");
    });

    await scene("a muted channel has no dot, but a mention still counts", async () => {
      await ben.openChannel();
      await line(phone).click({ button: "right" });
      await phone.at("mute").click();
      await phone.page.getByRole("menuitem").last().click();
      await ben.until("the channel to be muted", async () => (await line(ben).getAttribute("class")).includes("quiet"));
      await say("only noise");
      await say(`<@${ben.id}> not noise`);
      await shows(ben, "data-mentions", "1");
      await shows(ben, "data-unread", "false");
      assert.equal(await tile(ben).getAttribute("data-mentions"), "1");
    });

    await scene("a whole community is read with one press", async () => {
      await tile(ben).click({ button: "right" });
      await ben.at("guild-read").click();
      for (const device of [ben, phone]) await shows(device, "data-mentions", "0");
    });
    assert.deepEqual(ben.page.problems, []);
    assert.deepEqual(phone.page.problems, []);
  }, TWO_LANGUAGES),
);
