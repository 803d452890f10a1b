// Files go along with messages: chosen, dropped or pasted, with progress and in words what cannot go.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { accessible } from "../lib/axe.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";
import { toneWav } from "../lib/tone.js";

test("pictures, sounds and files", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben }) => {
    await ada.openChannel();
    await ben.openChannel();
    const attach = (...files) => ada.at("attach-input").setInputFiles(files);
    const ready = () => ada.until("the files to be there", async () => (await ada.at("upload").count()) > 0 && (await ada.page.locator('[data-testid="upload"]:not([data-state="ready"])').count()) === 0);

    await scene("a picture is sent with words, keeps its room, and opens large with the keys", async () => {
      await attach({ name: "sunset.png", mimeType: "image/png", buffer: png(320, 200) }, { name: "dawn.png", mimeType: "image/png", buffer: png(200, 320) });
      await ready();
      await accessible(ada, "files that wait");
      await ada.say("two of them");
      await ben.reads("two of them");
      const pictures = ben.message("two of them").getByTestId("picture");
      assert.equal(await pictures.count(), 2);
      await ben.until("the picture itself", () => pictures.first().locator("img").evaluate((image) => image.complete && image.naturalWidth > 0));
      const box = await pictures.first().boundingBox();
      assert.ok(Math.abs(box.width / box.height - 1.6) < 0.05, `${box.width} x ${box.height}`);
      await pictures.first().click();
      await ben.at("lightbox").waitFor();
      await ben.page.keyboard.press("ArrowRight");
      await ben.until("the second picture", async () => (await ben.at("lightbox").innerText()).includes("2/2"));
      await accessible(ben, "a picture over everything");
      await ben.page.keyboard.press("Escape");
      await ben.at("lightbox").waitFor({ state: "detached" });
    });

    await scene("what is hidden is shown when it is pressed", async () => {
      await attach({ name: "secret.png", mimeType: "image/png", buffer: png(64, 64) });
      await ready();
      await ada.at("upload").locator("button[aria-pressed]").click();
      await ada.say("careful");
      const picture = ben.message("careful").getByTestId("picture");
      await picture.waitFor();
      assert.match(await picture.getAttribute("class"), /veiled/u);
      await picture.click();
      await ben.until("the picture", async () => !(await picture.getAttribute("class")).includes("veiled"));
    });

    await scene("a sound plays where it is, any other file is a card to download", async () => {
      await attach({ name: "tone.wav", mimeType: "audio/wav", buffer: toneWav(440) }, { name: "page.html", mimeType: "text/html", buffer: Buffer.from("<script>window.opener.hacked = 1</script>") });
      await ready();
      await ada.say("listen");
      const audio = ben.message("listen").getByTestId("audio");
      await audio.waitFor();
      await ben.until("a length", () => audio.evaluate((element) => element.duration > 5));
      const card = ben.message("listen").getByTestId("file");
      const [download] = await Promise.all([ben.page.waitForEvent("download"), card.locator("a.tool").click()]);
      assert.equal(download.suggestedFilename(), "page.html");
      assert.match(await readFile(await download.path(), "utf8"), /hacked/u);
    });

    await scene("a document or a drawing that was uploaded runs no script, however it is opened", async () => {
      const script = "localStorage.setItem('hacked', document.domain)";
      const trap = `<svg xmlns="http://www.w3.org/2000/svg" onload="${script}"><script>${script}</script></svg>`;
      await attach(
        { name: "trap.svg", mimeType: "image/svg+xml", buffer: Buffer.from(trap) },
        { name: "trap.html", mimeType: "text/html", buffer: Buffer.from(`<!doctype html><script>${script}</script><img src=x onerror="${script}">`) },
        // Named and told as a picture.
        { name: "trap.png", mimeType: "image/png", buffer: Buffer.from(trap) },
      );
      await ready();
      await ada.say("a trap");
      await ben.message("a trap").waitFor();
      const path = `/api/v10/channels/${ben.channelId}/messages?limit=1`;
      const [{ attachments }] = await server.api("GET", path, { token: ben.token });
      assert.equal(attachments.length, 3);
      const tab = await ben.page.context().newPage();
      await tab.goto(server.url);
      for (const { url, filename } of attachments) {
        // In the address bar: it is downloaded, or drawn where nothing runs.
        const bar = await ben.page.context().newPage();
        await bar.goto(url).catch(() => {});
        await bar.waitForTimeout(300);
        await bar.close();
        // In a page of our own origin, in every way that a page can hold another.
        await tab.evaluate(async (url) => {
          window.open(url);
          const holders = [["iframe", "src"], ["embed", "src"], ["object", "data"], ["img", "src"]].map(([tag, name]) => Object.assign(document.createElement(tag), { [name]: url }));
          document.body.append(...holders);
          await new Promise((resolve) => setTimeout(resolve, 700));
          for (const holder of holders) holder.remove();
        }, url);
        assert.equal(await tab.evaluate(() => localStorage.getItem("hacked")), null, `${filename} ran a script`);
      }
      await tab.close();
    });

    await scene("a file can be dropped on the channel and taken out again", async () => {
      await ada.page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(["dropped words"], "note.txt", { type: "text/plain" }));
        window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true, bubbles: true }));
      });
      await ready();
      await ada.at("upload-remove").click();
      await ada.until("an empty tray", async () => (await ada.at("upload").count()) === 0);
    });

    await scene("what is too large is refused in words before it is sent, and the text stays", async () => {
      await ada.at("composer").fill("with a film");
      await attach({ name: "film.mov", mimeType: "video/quicktime", buffer: Buffer.alloc(2 * 1024 * 1024) });
      await ada.at("notice").waitFor();
      assert.match(await ada.at("notice").innerText(), /film\.mov/u);
      assert.equal(await ada.at("composer").inputValue(), "with a film");
      assert.equal(await ada.at("upload").count(), 0);
    });
    assert.deepEqual(ada.page.problems, []);
    assert.deepEqual(ben.page.problems, []);
  }, TWO_LANGUAGES, "--max-file-size", "1M"),
);

/** A small picture: one colour, with a size of its own. */
function png(width, height) {
  const row = Buffer.alloc(1 + width * 3, 120);
  row[0] = 0;
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))), chunk("IEND", Buffer.alloc(0))]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
