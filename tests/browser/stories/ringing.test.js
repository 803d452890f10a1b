// A telephone for two: it rings on all devices, is answered on one, declined, given up, missed; and a call outlives a reload.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { Person } from "../lib/person.js";
import { ADA_HZ, BEN_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("a call rings, is answered, outlives a reload, is declined and missed", { timeout: 240_000 }, () =>
  withTwoPeople(async ({ server, ada, ben, browsers }) => {
    let channel;
    const rings = (person) => person.at(`ring-${channel}`);
    const alone = (person, how) => person.until(`to be ${how}`, async () => (await person.at("call-alone").first().getAttribute("data-alone", { timeout: 1_000 }).catch(() => null)) === how);

    await scene("two people have a conversation", async () => {
      await ada.at("people").click();
      await ada.at("direct-new").click();
      await ada.at("direct-find").fill("ben");
      await ada.at("pick-ben").click();
      await ada.at("direct-go").click();
      await ada.at("composer").waitFor();
      await ada.say("shall we talk?");
      channel = ada.channelId;
    });

    await scene("all devices of the one who is called ring, and the page says who it is", async () => {
      const second = await Person.login(browsers[1], server, "ben", TWO_LANGUAGES.ben);
      await ada.at("direct-call").click();
      await rings(ben).waitFor();
      await rings(second).waitFor();
      assert.match(await ben.page.title(), /ada звонит вам/u);
      await alone(ada, "calling");
      await accessible(ben, "an incoming call");
      await accessible(ada, "an outgoing call");
      await ben.page.keyboard.press("Control+Shift+A");
      await ben.inPhase("connected");
      await rings(second).waitFor({ state: "detached" });
      await rings(ben).waitFor({ state: "detached" });
      await second.page.context().close();
    });

    await scene("they hear each other", async () => {
      await ada.hears(BEN_HZ, ADA_HZ);
      await ben.hears(ADA_HZ, BEN_HZ);
      await accessible(ada, "a call in a conversation");
    });

    await scene("a reload comes back into the call, muted as before", async () => {
      await ada.at("dock-mute").click();
      await ben.seesSign(ada, "muted", "true");
      await ada.page.reload();
      await ada.inPhase("connected");
      await ben.seesSign(ada, "muted", "true");
      await ben.inPhase("connected");
      await ada.hears(BEN_HZ, ADA_HZ);
      await ada.at("dock-mute").click();
      await ben.hears(ADA_HZ, BEN_HZ);
    });

    await scene("who was left alone reloads, and is in the same call", async () => {
      await ben.at("dock-leave").click();
      await alone(ada, "left");
      await ada.page.reload();
      await ada.inPhase("connected");
      await alone(ada, "left");
      await ben.at("direct-call-join").click();
      await ben.hears(ADA_HZ, BEN_HZ);
      await ada.hears(BEN_HZ, ADA_HZ);
      assert.equal(await ben.at("told-call").count(), 1, "one call, one message");
    });

    await scene("who is left alone may go, and the conversation tells how long it was", async () => {
      await ben.at("dock-leave").click();
      await alone(ada, "left");
      await ada.at("call-hang-up").click();
      await ada.at("dock-leave").waitFor({ state: "detached" });
      for (const person of [ada, ben]) await person.until("the call to be told as over", async () => (await person.at("told-call").last().getAttribute("data-missed")) === "false");
    });

    await scene("who is declined hears that nobody answers, and may call again and give up", async () => {
      await ben.at("direct-call").click();
      await rings(ada).waitFor();
      await ada.at("ring-decline").click();
      await rings(ada).waitFor({ state: "detached" });
      await alone(ben, "unanswered");
      await ben.at("call-again").click();
      await rings(ada).waitFor();
      await ben.at("call-hang-up").click();
      await rings(ada).waitFor({ state: "detached" });
    });

    await scene("a caller reloads while it rings, which goes on, and is there when it is answered", async () => {
      await ben.at("direct-call").click();
      await rings(ada).waitFor();
      const before = await ada.at("told-call").count();
      await ada.page.evaluate((testid) => {
        window.stopped = false;
        const look = () => (window.stopped ||= !document.querySelector(`[data-testid="${testid}"]`));
        window.watcher = new MutationObserver(look);
        window.watcher.observe(document.body, { childList: true, subtree: true });
      }, `ring-${channel}`);
      await ben.page.reload();
      await ben.inPhase("connected");
      await alone(ben, "calling");
      const stopped = await ada.page.evaluate(() => {
        window.watcher.disconnect();
        return window.stopped;
      });
      assert.equal(stopped, false, "it rings on while the page loads");
      await ada.page.keyboard.press("Control+Shift+A");
      await ben.hears(ADA_HZ, BEN_HZ);
      await ada.hears(BEN_HZ, ADA_HZ);
      assert.equal(await ada.at("told-call").count(), before);
      await ada.at("dock-leave").click();
      await ben.at("dock-leave").click();
    });

    await scene("a caller who closes the page has called in vain, once nobody waits for them any more", async () => {
      const second = await Person.login(browsers[1], server, "ben", TWO_LANGUAGES.ben);
      await second.page.goto(ben.page.url());
      await second.at("direct-call").click();
      await rings(ada).waitFor();
      await second.page.close();
      await rings(ada).waitFor({ state: "detached", timeout: 60_000 });
      await ada.until("a missed call", async () => (await ada.at("told-call").last().getAttribute("data-missed")) === "true");
      await second.page.context().close().catch(() => {});
    });

    await scene("a missed call says so, and is called back from there", async () => {
      await ada.until("a missed call", async () => (await ada.at("told-call").last().getAttribute("data-missed")) === "true");
      await accessible(ada, "a missed call");
      await ada.at("call-back").last().click();
      await rings(ben).waitFor();
      await ben.at("ring-answer-camera").click();
      await ada.seesMoving(`tile-${ben.id}`);
      await ben.at("dock-leave").click();
      await ada.at("dock-leave").click();
    });

    for (const person of [ada, ben]) assert.deepEqual(person.page.problems, []);
  }, TWO_LANGUAGES),
);
