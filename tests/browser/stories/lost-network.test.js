// The network goes without a word, TCP and UDP, and comes back: the same call goes on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { canCut, cut } from "../lib/network.js";
import { ADA_HZ, BEN_HZ, withTwoPeople } from "../lib/stage.js";

/** Long enough that the browsers notice, shorter than the server waits for anyone. */
const OUTAGE_MS = 8_000;
const BACK_MS = 20_000;

test("a call outlives a lost network", { timeout: 120_000, skip: !canCut() && "cutting the network needs root and nftables" }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    await Promise.all([ada.joinRoom(), ben.joinRoom()]);
    await ada.at("dock-camera").click();
    await Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ), ben.seesMoving(`tile-${ada.id}`)]);

    const heal = cut(server.port, ...server.mediaPorts);
    try {
      await Promise.all([ada.inPhase("reconnecting"), ben.inPhase("reconnecting"), sleep(OUTAGE_MS)]);
      await ben.openChannel();
      await ben.say("written in the dark");
    } finally {
      heal();
    }

    await Promise.all([ada.inPhase("connected", BACK_MS), ben.inPhase("connected", BACK_MS)]);
    await ben.openRoom();
    await Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ), ben.seesMoving(`tile-${ada.id}`)]);
    for (const person of [ada, ben]) {
      // The same call: nobody had to make a new connection.
      assert.deepEqual(await person.connections(), { made: 1, open: 1 });
      await person.openChannel();
      await person.reads("written in the dark");
      assert.equal(await person.shown("written in the dark"), 1);
      assert.deepEqual(person.page.problems, []);
    }
  });
});

/** The outage itself is the one thing here that is a time and not a state. */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
