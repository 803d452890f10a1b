// axe in the page: nothing serious, nothing critical.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Runs axe in the page; the developer tools' channel is not bound by the page's own policy against injected scripts. */
export async function accessible({ page }, where) {
  await page.evaluate(axe);
  const findings = await page.evaluate(async () => {
    await Promise.allSettled(document.getAnimations().filter((it) => Number.isFinite(it.effect?.getComputedTiming().endTime)).map((it) => it.finished));
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.filter((it) => it.impact === "serious" || it.impact === "critical").map((it) => `${it.id}: ${it.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`);
  });
  assert.deepEqual(findings, [], where);
}
