// A network that lets no UDP through: the call comes up over TCP; one that lets nothing through to the media ports: by the
// server's own TURN, over UDP and over TCP.

import { test } from "node:test";
import { blockMedia, blockUdp, canCut } from "../lib/network.js";
import { freePort } from "../lib/server.js";
import { ADA_HZ, BEN_HZ, scene, withTwoPeople } from "../lib/stage.js";

/** Where the server relays from. */
const RELAYS = "45000-45999";
const LONG_MS = 30_000;

test("a call comes up where no UDP gets through, on a server without TURN", { timeout: 120_000, skip: !canCut() && "blocking ports needs root and nftables" }, async () => {
  await withTwoPeople(async ({ server, ada, ben }) => {
    const heal = blockUdp(...server.mediaPorts);
    try {
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await Promise.all([ada.inPhase("connected", LONG_MS), ben.inPhase("connected", LONG_MS)]);
      await ada.at("dock-camera").click();
      await Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ), ben.seesMoving(`tile-${ada.id}`)]);
      await Promise.all([ada.goesBy("tcp"), ben.goesBy("tcp")]);
    } finally {
      heal();
    }
    await scene("with UDP open, UDP is taken", async () => {
      await Promise.all([ada.at("dock-leave").click(), ben.at("dock-leave").click()]);
      await Promise.all([ada.joinRoom(), ben.joinRoom()]);
      await Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ)]);
      await Promise.all([ada.goesBy("udp"), ben.goesBy("udp")]);
    });
  });
});

test("a call comes up where nothing reaches the media ports", { timeout: 180_000, skip: !canCut() && "blocking ports needs root and nftables" }, async () => {
  const turn = await freePort();
  await withTwoPeople(
    async ({ server, ada, ben }) => {
      const open = [blockMedia(server.mediaPorts, RELAYS)];
      try {
        const heard = () => Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ), ben.seesMoving(`tile-${ada.id}`)]);
        await scene("over UDP to TURN", async () => {
          await Promise.all([ada.joinRoom(), ben.joinRoom()]);
          await Promise.all([ada.inPhase("connected", LONG_MS), ben.inPhase("connected", LONG_MS)]);
          await ada.at("dock-camera").click();
          await heard();
        });
        await scene("over TCP to TURN, when that port is blocked too", async () => {
          await Promise.all([ada.at("dock-leave").click(), ben.at("dock-leave").click()]);
          open.push(blockUdp(turn));
          await Promise.all([ada.joinRoom(), ben.joinRoom()]);
          await Promise.all([ada.inPhase("connected", LONG_MS), ben.inPhase("connected", LONG_MS)]);
          await ada.at("dock-camera").click();
          await heard();
        });
      } finally {
        open.forEach((heal) => heal());
      }
    },
    {},
    ...["--turn-listen", `127.0.0.1:${turn}`, "--relay-ports", RELAYS],
  );
});
