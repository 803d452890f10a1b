// What happens to calls besides going well: a second device, no microphone, no place.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Person } from "../lib/person.js";
import { ADA_HZ, BEN_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

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

test("who is not let in is told why at once", { timeout: 90_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    await ada.openRoom();
    await ben.openRoom();
    const [, , room] = /\/g\/(\d+)\/(\d+)/u.exec(ben.page.url());

    await scene("the room is full", async () => {
      await server.api("PATCH", `/api/v10/channels/${room}`, { token: ada.token, body: { user_limit: 1 } });
      await ada.joinRoom();
      await ben.at("room-join").click();
      await ben.page.getByText("В комнате нет мест.").first().waitFor();
      await ben.inPhase("failed");
      await ben.at("dock-leave").click();
    });

    await scene("a place is free again", async () => {
      await ada.at("dock-leave").click();
      await ben.joinRoom();
      await ben.at("dock-leave").click();
    });
    assert.deepEqual(ben.page.problems, []);
  }, TWO_LANGUAGES);
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
