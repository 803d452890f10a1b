// Measures a call over bad links, one leg at a time, and prints a JSON line for each: `npm run lossy [loss|narrow|cut …]`.
// Ada talks and shows herself, Ben listens and watches. Figures are Ben's, from his browser's own statistics.

import { withTwoLinks } from "./lib/links.js";
import { whyNoEmulation } from "./lib/netemu.js";
import { ADA_HZ, BEN_HZ } from "./lib/stage.js";

/** Until browsers have reported a new loss and everyone has answered to it. */
const SETTLE_MS = 8_000;
const MEASURE_MS = 20_000;
const OUTAGE_MS = 8_000;
const TICK_MS = 250;
/** Of the rate before, that a link which is wide again must bring back. */
const BACK_SHARE = 0.8;
const WAYS = [
  ["up", "ada", "ab"],
  ["down", "ben", "ba"],
];

const wanted = process.argv.slice(2);
const runs = (name) => wanted.length === 0 || wanted.includes(name);
const missing = whyNoEmulation();
if (missing) {
  console.error(`Not measured: ${missing}.`);
  process.exit(1);
}

await withTwoLinks(async ({ ada, ben, links }) => {
  await Promise.all([ada.joinRoom(), ben.joinRoom()]);
  await ben.hears(ADA_HZ, BEN_HZ);
  await ada.at("dock-camera").click();
  await ben.seesMoving(`tile-${ada.id}`);
  await ben.watch(`tile-${ada.id}`);
  await sleep(SETTLE_MS);
  if (runs("loss")) {
    report("loss", { percent: 0 }, await during(ben, ada, MEASURE_MS), {});
    for (const [leg, who, way] of WAYS) {
      for (const [percent, concealed] of [[10, 0.03], [30, 0.05]]) {
        await links[who].say(`${way}.loss=${percent}`);
        await sleep(SETTLE_MS);
        const target = percent === 10 ? { concealed, longest_still_ms: 500 } : { concealed };
        report("loss", { leg, percent }, await during(ben, ada, MEASURE_MS), target);
        await links[who].say("loss=0");
        await sleep(SETTLE_MS);
      }
    }
  }
  if (runs("narrow")) for (const [leg, who, way] of WAYS) await narrow(ben, links[who], leg, way);
  if (runs("cut")) for (const [leg, who] of WAYS) await cut(ben, links[who], leg);
});

async function during(ben, ada, ms) {
  const [before, sent] = [await ben.counters(), await ada.counters()];
  await ben.longestStill();
  await sleep(ms);
  const { concealed, freezes, frames, audioKbps, videoKbps } = await ben.since(before);
  const { sentAudioKbps, sentVideoKbps } = await ada.since(sent);
  return {
    concealed: Number(concealed.toFixed(4)),
    longest_still_ms: Math.round(await ben.longestStill()),
    freezes,
    frames_per_second: Number(((frames * 1_000) / ms).toFixed(1)),
    audio_kbps: audioKbps,
    video_kbps: videoKbps,
    sent_audio_kbps: sentAudioKbps,
    sent_video_kbps: sentVideoKbps,
  };
}

/** 2 Mbit/s, 300 kbit/s for 15 s, 2 Mbit/s: how fast the picture follows, and whether it ever stands still. */
async function narrow(ben, link, leg, way) {
  await link.say(`${way}.rate=2000`);
  await sleep(SETTLE_MS);
  const usual = await rates(ben, MEASURE_MS / 4);
  const before = usual.reduce((sum, it) => sum + it.video, 0) / usual.length;
  await ben.longestStill();
  await link.say(`${way}.rate=300`);
  const down = await rates(ben, 15_000);
  const still = Math.round(await ben.longestStill());
  await link.say(`${way}.rate=2000`);
  const up = await rates(ben, 15_000);
  const follows = down.find((it) => it.video > 0 && it.video <= 300)?.ms ?? null;
  // Over a second each: a single key frame is no recovery.
  const back = up.find((it, i) => i >= 3 && mean(up.slice(i - 3, i + 1)) >= before * BACK_SHARE)?.ms ?? null;
  report(
    "narrow",
    { leg },
    { follows_ms: follows, longest_still_ms: still, back_ms: back, kbps_before: Math.round(before), down: down.map((it) => it.video), up: up.map((it) => it.video) },
    { follows_ms: 2_000, longest_still_ms: 1_000, back_ms: 10_000 },
  );
  await link.say("rate=off");
  await sleep(SETTLE_MS);
}

async function rates(person, ms) {
  const start = performance.now();
  const seen = [];
  let before = await person.counters();
  while (performance.now() - start < ms) {
    await sleep(TICK_MS);
    const { videoKbps } = await person.since(before);
    before = await person.counters();
    seen.push({ ms: Math.round(performance.now() - start), video: videoKbps });
  }
  return seen;
}

function mean(samples) {
  return samples.reduce((sum, it) => sum + it.video, 0) / samples.length;
}

/** Nothing for eight seconds: when sound and pictures are there again. */
async function cut(ben, link, leg) {
  await link.say("down");
  await sleep(OUTAGE_MS);
  const before = await ben.counters();
  await link.say("up");
  const start = performance.now();
  const values = { sound_ms: null, picture_ms: null };
  while (performance.now() - start < 20_000 && (values.sound_ms === null || values.picture_ms === null)) {
    await sleep(50);
    const now = await ben.counters();
    if (now.audioBytes > before.audioBytes) values.sound_ms ??= Math.round(performance.now() - start);
    if (now.frames > before.frames) values.picture_ms ??= Math.round(performance.now() - start);
  }
  report("cut", { leg, seconds: OUTAGE_MS / 1_000 }, values, { sound_ms: 2_000, picture_ms: 2_000 });
  await sleep(SETTLE_MS);
}

function report(name, what, values, target) {
  const met = Object.entries(target).every(([key, most]) => values[key] !== null && values[key] <= most);
  console.log(JSON.stringify({ bench: `lossy link: ${name}`, ...what, values, target, met }));
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
