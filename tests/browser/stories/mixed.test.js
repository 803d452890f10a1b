// All voices in one stream: chosen, and by itself where a link takes no more. Outcomes only, no times.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withLinks } from "../lib/links.js";
import { whyNoEmulation } from "../lib/netemu.js";
import { ADA_HZ, BEN_HZ, CLEO_HZ, scene } from "../lib/stage.js";

/** Less than two voices need, and enough for a small mix. */
const NARROW_KBPS = 60;
/** A window over which the share of made-up sound means something. */
const LISTEN_MS = 5_000;
/** A few moments are made up when a machine is busy; a link that loses makes up far more. */
const MADE_UP = 0.1;
/** A busy machine's page stumbles by itself; a word that is lost is longer. */
const WORD_MS = 400;
/** Longer than a change takes. */
const SETTLE_MS = 1_500;
const SOON_MS = 60_000;
const CHANGES = 3;

test("all voices come as one, by choice and where the link takes no more", { timeout: 300_000, skip: whyNoEmulation() }, async () => {
  await withLinks(["ada", "ben", "cleo"], async ({ ada, ben, cleo, links }) => {
    await Promise.all([ada, ben, cleo].map((person) => person.joinRoom()));
    const isMixed = async (wanted) => {
      const phase = cleo.at("call-phase").first();
      await cleo.until(`the mix is ${wanted ? "there" : "gone"}`, async () => (await phase.getAttribute("data-mixed")) === String(wanted), SOON_MS);
    };
    /** Whether Ada and Ben come on one track. */
    const areOne = async () => {
      const [a, b] = [await cleo.soundOf(ADA_HZ), await cleo.soundOf(BEN_HZ)];
      return a.track === b.track;
    };
    const choose = async (voices) => {
      await cleo.page.getByRole("button", { name: "Devices", exact: true }).first().click();
      await cleo.at("voices").selectOption(voices);
      await cleo.page.keyboard.press("Escape");
    };
    const hearsBoth = async () => {
      await cleo.hears(ADA_HZ, CLEO_HZ);
      await cleo.hears(BEN_HZ, CLEO_HZ);
    };

    await scene("each voice by itself", async () => {
      await hearsBoth();
      await isMixed(false);
      await cleo.until("two tracks", async () => !(await areOne()));
    });

    await scene("one mix, chosen, and back", async () => {
      for (let change = 0; change < CHANGES; change += 1) {
        await choose("mixed");
        await isMixed(true);
        await cleo.until("both tones on one track", areOne);
        // Nobody hears themself, and the others hear each one.
        await hearsBoth();
        await ada.hears(CLEO_HZ, ADA_HZ);
        await choose("each");
        await isMixed(false);
        await cleo.until("two tracks again", async () => !(await areOne()));
        await hearsBoth();
      }
    });

    await scene("no word is lost in a change", async () => {
      await cleo.page.evaluate((hz) => window.testEars.attend(hz), ADA_HZ);
      const silence = async (change) => {
        await cleo.page.evaluate(() => window.testEars.silences());
        await change();
        await sleep(SETTLE_MS);
        return (await cleo.page.evaluate(() => window.testEars.silences())).ms;
      };
      const found = { none: [], mixed: [], each: [] };
      await silence(() => sleep(SETTLE_MS));
      for (let change = 0; change < CHANGES; change += 1) {
        found.none.push(await silence(() => undefined));
        for (const voices of ["mixed", "each"]) {
          found[voices].push(
            await silence(async () => {
              await choose(voices);
              await isMixed(voices === "mixed");
            }),
          );
        }
      }
      console.log(`silences in ms: ${JSON.stringify(found)}`);
      const longest = Math.max(...found.mixed, ...found.each);
      assert.ok(longest < WORD_MS, `silent for ${longest} ms`);
    });

    await scene("automatic, and the link is wide", async () => {
      await choose("automatic");
      await isMixed(false);
    });

    await scene("a link that takes no more leads to the mix by itself", async () => {
      await links.cleo.say(`ba.rate=${NARROW_KBPS}`);
      await isMixed(true);
      await cleo.until("both tones on one track", areOne, SOON_MS);
      let share;
      await cleo.until(
        "whole sound",
        async () => {
          const before = await cleo.soundOf(ADA_HZ);
          await sleep(LISTEN_MS);
          const after = await cleo.soundOf(ADA_HZ);
          share = (after.concealed - before.concealed) / (after.samples - before.samples);
          return after.track === before.track && share < MADE_UP;
        },
        SOON_MS,
        () => `${share}`,
      );
      await hearsBoth();
      await ada.hears(CLEO_HZ, ADA_HZ);
    });

    for (const person of [ada, ben, cleo]) assert.deepEqual(person.page.problems, []);
  });
});

/** How long something is listened to is a time and not a state. */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
