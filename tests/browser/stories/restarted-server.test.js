// The server dies in the middle of everything (kill -9) and is started again: nobody has to do anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ADA_HZ, BEN_HZ, withTwoPeople } from "../lib/stage.js";

/** Both sides pause between tries, up to ten seconds. */
const BACK_MS = 30_000;

test("people, messages and the call outlive a server that was killed", { timeout: 120_000 }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    await ada.say("before the crash");
    await ben.reads("before the crash");
    await Promise.all([ada.joinRoom(), ben.joinRoom()]);
    await ben.at("dock-mute").click();
    await ada.seesSign(ben, "muted", "true");
    await ben.hears(ADA_HZ, BEN_HZ);
    await Promise.all([ada.openChannel(), ben.openChannel()]);

    await server.crash();
    await ada.say("while it was down");
    await ada.at("connection-banner").waitFor();
    await server.restart();

    await Promise.all([ada, ben].map((person) => person.at("connection-banner").waitFor({ state: "detached", timeout: BACK_MS })));
    await ben.reads("while it was down");
    await ben.say("after the crash");
    await ada.reads("after the crash");
    for (const person of [ada, ben]) {
      for (const text of ["before the crash", "while it was down", "after the crash"]) {
        assert.equal(await person.shown(text), 1, `${person.name} sees "${text}" once`);
      }
    }

    await Promise.all([ada.inPhase("connected", BACK_MS), ben.inPhase("connected", BACK_MS)]);
    await ben.hears(ADA_HZ, BEN_HZ);
    await ben.openRoom();
    await ada.openRoom();
    // Mute was not forgotten.
    await ada.seesSign(ben, "muted", "true");
    await ada.hearsNo(BEN_HZ);
    assert.deepEqual(ada.page.problems, []);
  });
});
