// Chromium as the tests use it: a process per person, with a microphone that plays a tone of their own.

import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { ears } from "./ears.js";
import { inNamespace } from "./netemu.js";
import { toneWav } from "./tone.js";

/** No screen, no GPU, no updates; every permission granted; a fake camera, and a shared screen that is the tab itself. */
const FLAGS = [
  "--no-sandbox",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream=display-media-type=browser",
  "--autoplay-policy=no-user-gesture-required",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long a state may take on a slow machine before a test says that it does not come. */
export const PATIENCE_MS = 15_000;

function chromiumPath() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not this one.
    }
  }
  throw new Error("Chromium is not on PATH: `apt-get install chromium`.");
}

/** A browser process; `toneHz` is what its microphone hears. With `loopback` two browsers of one machine reach each other without a network. In a network namespace, `origin` may use microphones without TLS; `key` is the key of a certificate that is trusted. */
export async function openBrowser({ toneHz, namespace, origin, key, loopback } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "voxlink-tone-"));
  const args = [...FLAGS];
  if (loopback) args.push("--allow-loopback-in-peer-connection");
  if (key) args.push(`--ignore-certificate-errors-spki-list=${key}`);
  let executablePath = chromiumPath();
  if (namespace) {
    if (origin.startsWith("http:")) args.push(`--unsafely-treat-insecure-origin-as-secure=${origin}`);
    const script = join(folder, "chromium");
    // It is spoken to through pipes, which a namespace does not cut.
    await writeFile(script, `#!/bin/sh\nexec ${inNamespace(namespace).join(" ")} ${executablePath} "$@"\n`, { mode: 0o755 });
    executablePath = script;
  }
  if (toneHz) {
    const file = join(folder, `${toneHz}.wav`);
    await writeFile(file, toneWav(toneHz));
    args.push(`--use-file-for-fake-audio-capture=${file}`);
  }
  const browser = await chromium.launch({ executablePath, headless: true, args });
  browser.on("disconnected", () => void rm(folder, { recursive: true, force: true }));
  return browser;
}

/** A page that keeps its errors in `page.problems` and can say what it hears. */
export async function openPage(browser, { locale = "en-US", colorScheme = "light", viewport = { width: 1280, height: 800 } } = {}) {
  const context = await browser.newContext({ locale, colorScheme, viewport, permissions: ["microphone", "camera", "clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  await page.addInitScript(ears);
  return page;
}
