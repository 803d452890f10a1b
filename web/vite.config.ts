/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { perMessage } from "./scripts/perMessage.mjs";

/** Where `npm run dev` finds the server: requests it does not serve itself go there. */
const server = process.env["VOXLINK_SERVER"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), perMessage()],
  build: {
    target: "es2022",
    // light-dark() stays as it is written: a part of the page may have its own theme.
    cssTarget: ["chrome123", "edge123", "firefox128", "safari17.5"],
    manifest: true,
    // The server's content security policy allows no data: fonts, and small files cost nothing over one connection.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Words that several parts use are one file; the others lie beside what says them, and so do those of recordings,
    // broadcasts, people, roles and settings, of which little is in the first screen.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "words", test: /paraglide\/messages\/(?!(?:say_)?(?:rec|live|gs|mem|perm|pl|pp|role|voices)_)/u, minShareCount: 2 }] } } },
  },
  server: {
    proxy: {
      "/api": server,
      "/cdn": server,
      "/gateway": { target: server, ws: true },
      "/voice": { target: server, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
