// Two strangers, two browsers: they meet in a guild, write, talk, show themselves and their screen, and leave.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ADA_HZ, BEN_HZ, scene, withTwoPeople } from "../lib/stage.js";

test("two people meet, write, hear and see each other, and leave", { timeout: 120_000 }, async () => {
  await withTwoPeople(async ({ ada, ben }) => {
    await scene("each reads what the other writes, once", async () => {
      await ada.say("Clear sky tonight");
      await ben.reads("Clear sky tonight");
      await ben.say("I bring the tripod");
      await ada.reads("I bring the tripod");
      for (const person of [ada, ben]) {
        assert.equal(await person.shown("Clear sky tonight"), 1);
        assert.equal(await person.shown("I bring the tripod"), 1);
      }
    });

    await scene("each hears the other in the room, and nobody themselves", async () => {
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await ada.hears(BEN_HZ, ADA_HZ);
      await ben.hears(ADA_HZ, BEN_HZ);
      await Promise.all([ada.seesSign(ben, "speaking", "true"), ben.seesSign(ada, "speaking", "true")]);
    });

    await scene("each sees the other move", async () => {
      await ada.at("dock-camera").click();
      await ben.at("dock-camera").click();
      await ada.seesMoving(`tile-${ben.id}`);
      await ben.seesMoving(`tile-${ada.id}`);
    });

    await scene("a shared screen is seen and goes again", async () => {
      await ada.at("dock-share").click();
      await ben.seesPicture(`screen-${ada.id}`);
      await ada.at("dock-share").click();
      await ben.at(`screen-${ada.id}`).first().waitFor({ state: "detached" });
      await ben.seesMoving(`tile-${ada.id}`);
    });

    await scene("an emoji is seen on the tile of whoever shows it", async () => {
      await ada.at("call-react").click();
      await ada.at("call-react-👏").click();
      await Promise.all([ada, ben].map((person) => person.page.getByTestId(`tile-${ada.id}`).getByTestId("reaction").filter({ hasText: "👏" }).waitFor()));
      await ben.page.getByTestId("reaction").waitFor({ state: "detached" });
      await ada.at("call-react").click();
    });

    await scene("who mutes is not heard and shows it, until they unmute", async () => {
      await ada.at("dock-mute").click();
      await ben.seesSign(ada, "muted", "true");
      await ben.hearsNo(ADA_HZ);
      await ada.hears(BEN_HZ, ADA_HZ);
      await ada.at("dock-mute").click();
      await ben.seesSign(ada, "muted", "false");
      await ben.hears(ADA_HZ, BEN_HZ);
    });

    await scene("who deafens hears nothing, until they hear again", async () => {
      await ben.at("dock-deafen").click();
      await ben.hearsNo(ADA_HZ);
      await ada.hearsNo(BEN_HZ);
      await ben.at("dock-deafen").click();
      await ben.hears(ADA_HZ, BEN_HZ);
      await ada.hears(BEN_HZ, ADA_HZ);
    });

    await scene("who leaves is gone for the other, and comes back", async () => {
      await ben.at("dock-leave").click();
      await ada.at(`tile-${ben.id}`).first().waitFor({ state: "detached" });
      assert.equal((await ben.connections()).open, 0);
      await ben.joinRoom();
      await ada.hears(BEN_HZ, ADA_HZ);
    });

    await scene("a closed tab frees its seat", async () => {
      await ben.page.close({ runBeforeUnload: true });
      await ada.at(`tile-${ben.id}`).first().waitFor({ state: "detached" });
      assert.deepEqual(ada.page.problems, []);
      assert.deepEqual(ben.page.problems, []);
    });
  });
});
