// Every stranger publishes by WHIP, and every stranger watches that by WHEP: a real server, real sockets, a stream key.
// `node run.js [name…]` runs those that are named. Prints a line for each pair; fails when one of them fails.

import { spawn } from "node:child_process";
import { Server } from "../browser/lib/server.js";

const here = new URL(".", import.meta.url).pathname;
const STRANGERS = {
  werift: [process.execPath, `${here}werift.js`],
  "node-datachannel": [process.execPath, `${here}datachannel.js`],
  aiortc: [process.env.AIORTC_PYTHON ?? "python3", `${here}aiortc_stranger.py`],
  GStreamer: [process.env.GSTREAMER_PYTHON ?? "/usr/bin/python3", `${here}gstreamer_stranger.py`],
};

async function call(server, token, method, path, body) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(`${server.url}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A room, and a key for publishing into it and watching it. */
async function room(server) {
  const { token } = await call(server, null, "POST", "/api/v1/auth/register", { username: "streamer", password: "correct horse battery" });
  const guild = await call(server, token, "POST", "/api/v1/guilds", { name: "Interop" });
  const channel = await call(server, token, "POST", `/api/v10/guilds/${guild.id}/channels`, { name: "Stage", type: 2 });
  const path = `/api/v1/channels/${channel.id}`;
  const { key } = await call(server, token, "POST", `${path}/stream-keys`, { name: "strangers", may_view: true });
  return { key, whip: `${server.url}${path}/whip`, whep: `${server.url}${path}/whep` };
}

function start(name, mode, endpoint, key) {
  const [command, script] = STRANGERS[name];
  const child = spawn(command, [script, mode], { env: { ...process.env, ENDPOINT: endpoint, TOKEN: key }, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said = (said + chunk).slice(-6_000)));
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, said: String(error) }));
    child.once("exit", (code) => resolve({ ok: code === 0, said: said.trim() }));
  });
  return { child, ended };
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(STRANGERS);
// On every interface: libnice has no candidates on loopback.
const server = await Server.start("--media-listen", "0.0.0.0:0");
let failed = 0;
const tell = (what, { ok, said }) => {
  failed += ok ? 0 : 1;
  console.log(`${ok ? "ok    " : "FAILED"} ${what}: ${said}`);
};
try {
  const { key, whip, whep } = await room(server);
  for (const publisher of names) {
    const stream = start(publisher, "publish", whip, key);
    for (const viewer of names) tell(`${publisher} → ${viewer}`, await start(viewer, "watch", whep, key).ended);
    stream.child.stdin.end();
    tell(`${publisher} ends`, await stream.ended);
  }
} finally {
  await server.stop();
}
process.exit(failed === 0 ? 0 : 1);
