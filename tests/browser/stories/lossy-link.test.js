// Links that lose, are narrow, or are cut, one leg at a time: who talks is heard and seen, and all is well again after.
// Outcomes only; how well is measured by `npm run lossy`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withTwoLinks } from "../lib/links.js";
import { whyNoEmulation } from "../lib/netemu.js";
import { ADA_HZ, BEN_HZ, scene } from "../lib/stage.js";

/** Long enough that the browsers notice, shorter than the server waits for anyone. */
const OUTAGE_MS = 8_000;
/** A window over which the share of made-up sound means something. */
const LISTEN_MS = 2_000;
/** Without redundancy every seventh moment is made up at 30 % loss; with it, far fewer. */
const MADE_UP = 0.08;
const SOON_MS = 30_000;
/** A fifth of one camera: speech and the smallest pictures. */
const NARROW_KBPS = 300;
/** What a room allows that was made without a word about it; and a microphone climbs back step by step. */
const WHOLE_BITRATE = 64_000;
/** Below it Opus repeats nothing in-band, and a frame whose redundancy is lost as well is gone. */
const LEAST_BITRATE = 22_000;
const NEAR = 1_000;
const BACK_MS = 120_000;

test("a call goes on over a lossy, a narrow and a cut link", { timeout: 300_000, skip: whyNoEmulation() }, async () => {
  await withTwoLinks(async ({ ada, ben, links }) => {
    const adaSends = async (what, condition, ms) => {
      let bitrate;
      await ada.until(what, async () => condition((bitrate = (await ada.counters()).microphoneBitrate)), ms, () => `${bitrate}`);
    };
    const benIsWell = async () => {
      await ben.hears(ADA_HZ, BEN_HZ);
      await ben.seesMoving(`tile-${ada.id}`);
    };
    const bothAreWell = async () => {
      await benIsWell();
      await ada.hears(BEN_HZ, ADA_HZ);
      await ada.seesMoving(`tile-${ben.id}`);
    };
    await Promise.all([ada.joinRoom(), ben.joinRoom()]);
    await ada.at("dock-camera").click();
    await benIsWell();

    for (const [whose, link, way] of [["the speaker's way up", links.ada, "ab"], ["the listener's way down", links.ben, "ba"]]) {
      await scene(`${whose} loses a tenth`, async () => {
        await link.say(`${way}.loss=10`);
        await benIsWell();
      });
      await scene(`${whose} loses three tenths`, async () => {
        await link.say(`${way}.loss=30`);
        await benIsWell();
        await adaSends("less of a voice", (bitrate) => bitrate > LEAST_BITRATE && bitrate < WHOLE_BITRATE - NEAR, SOON_MS);
        let made = 1;
        await ben.until("sound of which little is made up", async () => (made = await madeUp(ben)) < MADE_UP, SOON_MS, () => `${made}`);
        await link.say("loss=0");
        await adaSends("a whole voice again", (bitrate) => Math.abs(bitrate - WHOLE_BITRATE) < NEAR, BACK_MS);
      });
    }

    await ben.at("dock-camera").click();
    for (const [whose, link, way] of [["one's way up", links.ada, "ab"], ["the other's way down", links.ben, "ba"]]) {
      await scene(`${whose} is narrow for a while`, async () => {
        await bothAreWell();
        await link.say(`${way}.rate=${NARROW_KBPS}`);
        // What was on its way when it became narrow is through, and the rates have come down.
        await sleep(LISTEN_MS);
        await bothAreWell();
        await link.say("rate=off");
        await bothAreWell();
      });
    }
    await ben.at("dock-camera").click();

    await scene("the listener's link is cut and comes back", async () => {
      await links.ben.say("down");
      await sleep(OUTAGE_MS);
      await links.ben.say("up");
      await benIsWell();
    });

    for (const person of [ada, ben]) {
      // The same call all along.
      assert.deepEqual(await person.connections(), { made: 1, open: 1 });
      assert.deepEqual(person.page.problems, []);
    }
  });
});

async function madeUp(person) {
  const before = await person.counters();
  await sleep(LISTEN_MS);
  return (await person.since(before)).concealed;
}

/** How long a link is bad, or listened to, is a time and not a state. */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
