// Fails when a first screen weighs more than its budget: every script and style it needs, gzipped, fonts aside.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budgetBytes = 150 * 1024;
const manifest = JSON.parse(readFileSync(new URL("../dist/.vite/manifest.json", import.meta.url), "utf8"));
const gzipped = (file) => gzipSync(readFileSync(new URL(`../dist/${file}`, import.meta.url)), { level: 9 }).length;

/** Every file that loading `keys` loads, following static imports only. */
function filesOf(keys, seen = new Set(), files = new Set()) {
  for (const key of keys) {
    if (seen.has(key)) continue;
    seen.add(key);
    const chunk = manifest[key];
    files.add(chunk.file);
    for (const style of chunk.css ?? []) files.add(style);
    filesOf(chunk.imports ?? [], seen, files);
  }
  return files;
}

const screens = {
  door: ["index.html", "src/door/Door.svelte"],
  chat: ["index.html", "src/app/Shell.svelte"],
};
let failed = false;
for (const [name, keys] of Object.entries(screens)) {
  const total = [...filesOf(keys)].reduce((sum, file) => sum + gzipped(file), 0);
  failed ||= total > budgetBytes;
  console.log(`${name}: ${(total / 1024).toFixed(1)} KB of ${budgetBytes / 1024} KB`);
}
process.exit(failed ? 1 : 0);
