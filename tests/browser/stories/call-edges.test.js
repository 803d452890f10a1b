// What happens to calls besides going well: a second device, no microphone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "../lib/person.js";
import { ADA_HZ, BEN_HZ, withTwoPeople } from "../lib/stage.js";

test("who joins from a second device is in the call once, there", { timeout: 90_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    await Promise.all([ada.joinRoom(), ben.joinRoom()]);
    await ben.hears(ADA_HZ, BEN_HZ);

    const tablet = await Person.login(ada.page.context().browser(), server, "ada");
    await tablet.openChannel();
    await tablet.joinRoom();
    await ada.at("dock-leave").waitFor({ state: "detached" });
    assert.equal((await ada.connections()).open, 0);
    await tablet.hears(BEN_HZ, ADA_HZ);
    await ben.hears(ADA_HZ, BEN_HZ);
    assert.equal(await ben.at(`tile-${ada.id}`).count(), 1);
    assert.deepEqual(ada.page.problems, []);
  });
});

test("who has no microphone comes in and listens", { timeout: 90_000 }, async () => {
  await withTwoPeople(async ({ ada, ben }) => {
    await ada.page.addInitScript(() => {
      const devices = MediaDevices.prototype;
      const { getUserMedia } = devices;
      devices.getUserMedia = function (constraints) {
        return constraints.audio ? Promise.reject(new DOMException("Permission denied", "NotAllowedError")) : getUserMedia.call(this, constraints);
      };
    });
    await ada.page.reload();
    await Promise.all([ada.joinRoom(), ben.joinRoom()]);
    await ada.hears(BEN_HZ, ADA_HZ);
    await ben.at(`tile-${ada.id}`).first().waitFor();
    await ben.hearsNo(ADA_HZ);
    await ada.at("dock-camera").click();
    await ben.seesMoving(`tile-${ada.id}`);
    assert.deepEqual(ada.page.problems, []);
  });
});
