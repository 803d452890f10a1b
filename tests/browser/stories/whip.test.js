// A page of another origin streams into a room with a key from the dialog, and another one watches: plain WebRTC and fetch.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { openPage } from "../lib/browser.js";
import { ADA_HZ, scene, withTwoPeople } from "../lib/stage.js";

const STREAM_HZ = 880;

test("a key streams into the room from anywhere, is seen and heard, and ends when it is revoked", { timeout: 180_000 }, async () => {
  const elsewhere = await foreignPage();
  try {
    await withTwoPeople(async ({ server, ada, ben, browsers }) => {
      let endpoint;
      let key;
      await scene("who may stream makes a key in the room's menu", async () => {
        await ada.page.locator('a[data-testid^="room-"]').first().click({ button: "right" });
        await ada.at("channel-stream").click();
        endpoint = await ada.at("stream-address").inputValue();
        assert.match(endpoint, /\/api\/v1\/channels\/\d+\/whip$/u);
        await ada.at("stream-key-name").fill("Telescope");
        await ada.at("stream-key-make").click();
        key = await ada.at("stream-key").inputValue();
        assert.match(key, /^vlk_/u);
        await ada.page.keyboard.press("Escape");
      });

      const telescope = await openPage(browsers[0]);
      await telescope.goto(elsewhere.url);
      await scene("a page elsewhere publishes, and whoever is in the room sees and hears it", async () => {
        await ben.joinRoom();
        await telescope.evaluate(publish, [endpoint, key, STREAM_HZ]);
        await ben.seesPicture(`screen-${ada.id}`);
        await ben.hears(STREAM_HZ, ADA_HZ);
      });

      await scene("another page watches that person", async () => {
        const wall = await openPage(browsers[1]);
        await wall.goto(elsewhere.url);
        const watched = `${endpoint.replace("/whip", "/whep")}?user_id=${ada.id}`;
        const seen = await wall.evaluate(watch, [watched, ben.token]);
        assert.ok(seen.frames > 20 && seen.audio > 50, JSON.stringify(seen));
        assert.equal(seen.ended, 200);
        await wall.close();
      });

      await scene("a revoked key ends its stream", async () => {
        await ada.page.locator('a[data-testid^="room-"]').first().click({ button: "right" });
        await ada.at("channel-stream").click();
        await ada.at("stream-keys").getByRole("button").click();
        await ben.at(`screen-${ada.id}`).first().waitFor({ state: "detached" });
        const refused = await telescope.evaluate(async ([url, token]) => (await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/sdp" }, body: "v=0" })).status, [endpoint, key]);
        assert.equal(refused, 401);
      });
      assert.ok(server.url);
      assert.deepEqual([...ada.page.problems, ...ben.page.problems, ...telescope.problems], []);
    });
  } finally {
    elsewhere.close();
  }
});

/** An empty page of an origin of its own. */
async function foreignPage() {
  const http = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>Elsewhere</title>"));
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${http.address().port}/`, close: () => http.close() };
}

/** Runs in the page: a drawn picture and a tone, by WHIP. */
async function publish([endpoint, key, hz]) {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const pen = canvas.getContext("2d");
  setInterval(() => {
    pen.fillStyle = `hsl(${performance.now() / 10} 80% 50%)`;
    pen.fillRect(0, 0, 320, 180);
  }, 40);
  const context = new AudioContext();
  const tone = context.createOscillator();
  tone.frequency.value = hz;
  const out = context.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const pc = new RTCPeerConnection();
  for (const track of [...canvas.captureStream(25).getTracks(), ...out.stream.getTracks()]) pc.addTransceiver(track, { direction: "sendonly" });
  await pc.setLocalDescription();
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/sdp" };
  const response = await fetch(endpoint, { method: "POST", headers, body: pc.localDescription.sdp });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  if (!response.headers.get("location") || !response.headers.get("etag")) throw new Error("a page cannot read where its resource is");
  await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  window.stream = pc;
}

/** Runs in the page: watches by WHEP until enough was decoded, then ends it. */
async function watch([endpoint, token]) {
  const pc = new RTCPeerConnection();
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/sdp" };
  const response = await fetch(endpoint, { method: "POST", headers, body: pc.localDescription.sdp });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  const seen = { frames: 0, audio: 0 };
  for (const end = performance.now() + 15_000; performance.now() < end && (seen.frames <= 20 || seen.audio <= 50); ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const report of (await pc.getStats()).values()) {
      if (report.type !== "inbound-rtp") continue;
      if (report.kind === "video") seen.frames = report.framesDecoded;
      else seen.audio = report.packetsReceived;
    }
  }
  const resource = new URL(response.headers.get("location"), endpoint);
  seen.ended = (await fetch(resource, { method: "DELETE", headers: { authorization: `Bearer ${token}` } })).status;
  pc.close();
  return seen;
}
