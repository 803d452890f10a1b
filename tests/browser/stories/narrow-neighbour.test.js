// Somebody with a bad link in the call: they have less of it, and nobody else does. Outcomes only, no times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withLinks } from "../lib/links.js";
import { whyNoEmulation } from "../lib/netemu.js";
import { ADA_HZ, BEN_HZ, CLEO_HZ, scene } from "../lib/stage.js";

/** Much less than one camera; enough for speech both ways. */
const NARROW_KBPS = 200;
/** A window over which the share of made-up sound means something. */
const LISTEN_MS = 5_000;
/** The size that a busy machine's camera may come down to, but no smaller layer of it has. */
const SMALLEST_FULL = 640;
/** A few moments are made up when a machine is busy; a link that loses makes up far more. */
const MADE_UP = 0.05;
/** No microphone hears this. */
const NOBODY_HZ = 3_000;
const SOON_MS = 60_000;

test("one whose link is narrow takes nothing from the others", { timeout: 240_000, skip: whyNoEmulation() }, async () => {
  await withLinks(["ada", "ben", "cleo"], async ({ ada, ben, cleo, links }) => {
    const pairs = [
      [ada, ben, BEN_HZ],
      [ben, ada, ADA_HZ],
    ];
    const areWell = async () => {
      for (const [who, other, hz] of pairs) {
        await who.hears(hz, NOBODY_HZ);
        await who.seesMoving(`tile-${other.id}`);
        let size;
        await who.until(
          `${other.name} in full size`,
          async () => Number.parseInt((size = await who.sizeOf(`tile-${other.id}`)), 10) >= SMALLEST_FULL,
          SOON_MS,
          () => size,
        );
      }
    };
    const madeUp = async (who, hz) => {
      const before = await who.soundOf(hz);
      await sleep(LISTEN_MS);
      const after = await who.soundOf(hz);
      assert.equal(after.track, before.track, "the same slot all along");
      return (after.concealed - before.concealed) / (after.samples - before.samples);
    };
    await Promise.all([ada, ben, cleo].map((person) => person.joinRoom()));
    for (const person of [ada, ben, cleo]) await person.at("dock-camera").click();
    await scene("all links are wide", areWell);

    await scene("one link is narrow both ways", async () => {
      await links.cleo.say(`rate=${NARROW_KBPS}`);
      await sleep(LISTEN_MS);
      await areWell();
      for (const [who, other, hz] of pairs) {
        let share;
        await who.until(`${other.name} with little made up`, async () => (share = await madeUp(who, hz)) < MADE_UP, SOON_MS, () => `${share}`);
      }
      // And it is still good for talking.
      await cleo.hears(ADA_HZ, NOBODY_HZ);
      await ada.hears(CLEO_HZ, NOBODY_HZ);
    });

    await scene("it is wide again", async () => {
      await links.cleo.say("rate=off");
      await areWell();
      await cleo.seesMoving(`tile-${ada.id}`);
    });

    for (const person of [ada, ben, cleo]) {
      assert.deepEqual(await person.connections(), { made: 1, open: 1 });
      assert.deepEqual(person.page.problems, []);
    }
  });
});

/** How long a link is bad, or listened to, is a time and not a state. */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
