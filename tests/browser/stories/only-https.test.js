// A network that passes nothing but HTTPS, to a server with a certificate of its own: people talk, by TURN over TLS on the
// very port of the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withLinks } from "../lib/links.js";
import { whyNoEmulation } from "../lib/netemu.js";
import { canCut, onlyTcp } from "../lib/network.js";
import { ADA_HZ, BEN_HZ, scene } from "../lib/stage.js";

const LONG_MS = 30_000;
const FLAGS = ["--tls-listen", "0.0.0.0:443", "--tls-name", "198.18.1.1", "--turn-listen", "0.0.0.0:3478", "--relay-ports", "45000-45999"];

test("people talk over HTTPS, and where nothing else gets through", { timeout: 240_000, skip: whyNoEmulation() || (!canCut() && "blocking ports needs root and nftables") }, async () => {
  await withLinks(
    ["ada", "ben"],
    async ({ server, ada, ben, hall }) => {
      assert.equal(server.url, "https://198.18.1.1");
      const heard = () => Promise.all([ada.hears(BEN_HZ, ADA_HZ), ben.hears(ADA_HZ, BEN_HZ), ben.seesMoving(`tile-${ada.id}`)]);
      const meet = async () => {
        await Promise.all([ada.joinRoom(), ben.joinRoom()]);
        await Promise.all([ada.inPhase("connected", LONG_MS), ben.inPhase("connected", LONG_MS)]);
        await ada.at("dock-camera").click();
        await heard();
      };
      await scene("over HTTPS, with every port open", async () => {
        assert.ok(await ada.page.evaluate(() => isSecureContext));
        await meet();
      });
      await scene("with nothing open but the port of HTTPS", async () => {
        await Promise.all([ada.at("dock-leave").click(), ben.at("dock-leave").click()]);
        onlyTcp(hall, 443);
        await meet();
      });
    },
    ...FLAGS,
  );
});
