// Two people alone in a call talk directly; whatever sends them back to the server and to each other again is not heard.
// `HANDOVERS` says how often each way is taken; the silences are printed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { openBrowser } from "../lib/browser.js";
import { blockUdp, canCut } from "../lib/network.js";
import { Person } from "../lib/person.js";
import { ADA_HZ, BEN_HZ, CLEO_HZ, scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

const HANDOVERS = Number(process.env.HANDOVERS ?? 3);
/** A machine that stalls may lose a path, and a lost one is tried again after 30 s. */
const WAY_MS = 60_000;
/** A tone's own gaps; what is longer is a silence of the call. */
const GAP_MS = 200;

/** Requests of this kind that pages have made. */
const asked = new Map();
function countRequests(page, kind) {
  asked.set(kind, asked.get(kind) ?? 0);
  page.on("request", (request) => request.url().endsWith(`/${kind}`) && asked.set(kind, asked.get(kind) + 1));
}

test("two who are alone in a call talk directly, and change ways unheard", { timeout: 240_000 + HANDOVERS * 60_000 }, () =>
  withTwoPeople(
    async ({ server, ada, ben, browsers }) => {
      const both = [ada, ben];
      const forwarded = async () => Number(/^voxlink_media_packets_sent_total (\d+)/mu.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
      /** Packets that the server sends while two seconds pass in a page. */
      const forwardedSoon = async () => {
        const before = await forwarded();
        await ada.listen([ADA_HZ], 2_000);
        return (await forwarded()) - before;
      };
      const hearEachOther = () => Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ)]);
      const go = (directly) => Promise.all(both.map((person) => person.goesDirectly(directly, WAY_MS)));
      browsers.push(await openBrowser({ toneHz: CLEO_HZ }));
      const cleo = await Person.register(browsers[2], server, "cleo", TWO_LANGUAGES.ben);
      const anotherNetwork = (person) => person.page.evaluate(() => dispatchEvent(new Event("online")));
      let direct = 0;
      let through = 0;
      let channel;
      const silences = [];
      const usually = [];

      /** Takes another way, and says what was heard of it. */
      const handOver = async (name, directly, change) => {
        await Promise.all(both.map((person) => person.silences()));
        await change();
        await go(directly);
        await hearEachOther();
        const took = await heard();
        silences.push(...took);
        // What this machine misses by itself in as long a while.
        await hearEachOther();
        const usual = await heard();
        usually.push(...usual);
        console.log(JSON.stringify({ handOver: name, to: directly ? "direct" : "server", silence_ms: took, without_ms: usual }));
      };
      /** The longest silence since the last look, of each, beyond the tone's own gaps. */
      const heard = () => Promise.all(both.map(async (person) => Math.max(0, (await person.silences()).ms - GAP_MS)));

      await scene("a group of three has a call with two of them in it", async () => {
        await cleo.acceptInvite(await ada.inviteLink());
        await ada.at("people").click();
        await ada.at("direct-new").click();
        for (const name of ["ben", "cleo"]) {
          await ada.at("direct-find").fill(name);
          await ada.at(`pick-${name}`).click();
        }
        await ada.at("direct-go").click();
        await ada.at("composer").waitFor();
        channel = ada.channelId;
        await ada.at("direct-call").click();
        await ben.at(`ring-${channel}`).waitFor();
        await ben.page.keyboard.press("Control+Shift+A");
        await Promise.all(both.map((person) => person.inPhase("connected")));
      });

      await scene("they are connected to each other, and the server forwards nothing", async () => {
        await go(true);
        await hearEachOther();
        let paths;
        await ada.until(
          "each at the other's end of the path",
          async () => {
            paths = (await Promise.all(both.map((person) => person.ways()))).map((ways) => ways.find((way) => way.direct));
            const [ours, theirs] = paths;
            return ours?.remote !== undefined && ours.remote === theirs?.local && theirs.remote === ours.local;
          },
          WAY_MS,
          () => JSON.stringify(paths),
        );
        // A machine that stalls makes them doubt the path for a moment.
        direct = Math.min(await forwardedSoon(), await forwardedSoon(), await forwardedSoon());
        await Promise.all(both.map((person) => person.until("two connections", async () => (await person.connections()).open === 2, WAY_MS)));
      });

      await scene("they see each other, and who speaks or is muted, as ever", async () => {
        await Promise.all([ada.seesSign(ben, "speaking", "true"), ben.seesSign(ada, "speaking", "true")]);
        await ada.at("dock-camera").click();
        await ben.seesMoving(`tile-${ada.id}`);
        await ada.at("dock-camera").click();
        await ben.until("no picture of Ada", async () => (await ben.look(`tile-${ada.id}`)) === null);
        await ada.at("dock-mute").click();
        await ben.seesSign(ada, "muted", "true");
        await ben.hearsNo(ADA_HZ);
        // Her silence goes on: what follows a gap in it would be taken for late, and everything after it kept for as long.
        const silence = async () => (await ben.ways()).find((way) => way.direct).packets;
        const before = await silence();
        await ben.until("more of Ada's silence", async () => (await silence()) > before);
        await ada.at("dock-mute").click();
        await ben.hears(ADA_HZ, BEN_HZ);
        await ben.at("dock-deafen").click();
        await ben.hearsNo(ADA_HZ);
        await ben.at("dock-deafen").click();
        await hearEachOther();
        await go(true);
      });

      await scene("an emoji and who writes go directly as well, and the server hears of neither", async () => {
        countRequests(ben.page, "typing");
        await ada.at("call-react").click();
        await ada.at("call-react-🎉").click();
        await Promise.all(both.map((person) => person.page.getByTestId(`tile-${ada.id}`).getByTestId("reaction").waitFor()));
        await ada.at("call-react").click();
        await ben.at("composer").fill("wri");
        await ada.page.locator(".typing").filter({ hasText: /ben/iu }).waitFor();
        assert.equal(asked.get("typing"), 0);
        await ben.at("composer").fill("");
      });

      await scene("each finds the way of the call in words", async () => {
        for (const [person, words] of [[ada, "Directly"], [ben, "Напрямую"]]) {
          await person.at("call-phase").first().click();
          await person.until("the way", async () => (await person.at("link-way").count()) > 0 && (await person.at("link-way").innerText()) === words);
          await accessible(person, "the way of a call");
          await person.page.keyboard.press("Escape");
        }
      });

      await scene("who hides their address goes through the server, at once and on all devices", async () => {
        const settings = await Person.login(browsers[0], server, "ada", TWO_LANGUAGES.ada);
        await settings.page.goto(`${server.url}/settings/account`);
        await settings.at("hide-address").waitFor();
        await Promise.all([ada.attends(BEN_HZ), ben.attends(ADA_HZ)]);
        for (let time = 0; time < HANDOVERS; time++) {
          await handOver("hidden address", false, () => settings.at("hide-address").click());
          if (time === 0) {
            through = await forwardedSoon();
            assert.ok(through > 4 * direct, `${through} packets through the server, ${direct} beside it`);
          }
          await Promise.all(both.map((person) => person.until("one connection", async () => (await person.connections()).open === 1)));
          await handOver("shown address", true, () => settings.at("hide-address").click());
        }
        await accessible(settings, "settings of the account");
        await settings.page.context().close();
      });

      await scene("a recording is the server's: each is asked, and they talk directly again when it has ended", async () => {
        await Promise.all([ada.attends(BEN_HZ), ben.attends(ADA_HZ)]);
        await handOver("a recording began", false, async () => {
          await ada.at("dock-record").click();
          await ada.at("rec-start").click();
        });
        await ben.at("rec-agree").click();
        await ben.until("both to be recorded", async () => (await ben.at("rec-strip").getAttribute("data-kept")) === "2");
        await hearEachOther();
        await handOver("it has ended", true, async () => {
          await ada.at("dock-record").click();
          await ada.at("rec-stop").click();
          await ada.at("confirm").click();
        });
        // It lies in the conversation, for both.
        await Promise.all(both.map((person) => person.at("rec-player").waitFor({ timeout: 60_000 })));
        await ada.at("rec-delete").click();
        await ada.at("confirm").click();
        await ben.at("rec-player").waitFor({ state: "detached" });
      });

      await scene("a third person moves the call to the server, and takes it there with them when they go", async () => {
        await cleo.at("people").click();
        await cleo.page.locator('[data-testid^="direct-"]').filter({ hasText: "ada" }).first().click();
        await ada.at("dock-camera").click();
        await ben.seesMoving(`tile-${ada.id}`);
        await ben.watch(`tile-${ada.id}`);
        for (let time = 0; time < HANDOVERS; time++) {
          await ben.longestStill();
          await handOver("a third came", false, async () => {
            await cleo.at("direct-call-join").click();
            await cleo.inPhase("connected");
          });
          await cleo.hears(ADA_HZ, CLEO_HZ);
          await ben.seesMoving(`tile-${ada.id}`);
          await handOver("the third left", true, () => cleo.at("dock-leave").click());
          await ben.seesMoving(`tile-${ada.id}`);
          console.log(JSON.stringify({ picture_still_ms: Math.round(await ben.longestStill()) }));
        }
      });

      await scene("another network begins both paths anew at once, and the call goes on as it was", async () => {
        const fragments = async () => (await ada.ways()).map((way) => way.fragment);
        const before = await fragments();
        await anotherNetwork(ada);
        await ada.until("new paths", async () => (await fragments()).every((fragment) => !before.includes(fragment)));
        await go(true);
        await hearEachOther();
        await ben.seesMoving(`tile-${ada.id}`);
      });

      if (canCut()) {
        await scene("a path that breaks leads to the server, and another network to each other again", async () => {
          const ports = (await Promise.all(both.map((person) => person.ways()))).flat().filter((way) => way.direct).flatMap((way) => way.ports);
          const heal = blockUdp(...new Set(ports));
          try {
            await handOver("broken path", false, () => {});
            assert.equal(await ada.phase(), "connected");
          } finally {
            heal();
          }
          await handOver("another network", true, () => anotherNetwork(ben));
        });
      }

      await scene("a server that dies and comes back is not heard", async () => {
        await Promise.all(both.map((person) => person.silences()));
        await server.crash();
        await hearEachOther();
        await server.restart();
        await Promise.all(both.map((person) => person.inPhase("connected", 30_000)));
        await go(true);
        await hearEachOther();
        console.log(JSON.stringify({ server: "killed and started again", silence_ms: await heard() }));
      });

      await scene("who leaves is gone, and nothing of the call is left", async () => {
        await ben.at("dock-leave").click();
        await ben.until("no connection", async () => (await ben.connections()).open === 0);
        await ada.until("one connection", async () => (await ada.connections()).open === 1);
        await ada.at("dock-leave").click();
        await ada.until("no connection", async () => (await ada.connections()).open === 0);
      });

      console.log(JSON.stringify({ handOvers: silences.length / 2, longest_silence_ms: Math.max(...silences), longest_without_ms: Math.max(...usually), packets_direct: direct, packets_through_server: through }));
      for (const person of [ada, ben, cleo]) assert.deepEqual(person.page.problems, []);
    },
    { ...TWO_LANGUAGES, loopback: true },
  ),
);
