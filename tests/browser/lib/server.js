// A VoxLink server of a test's own: free ports, an empty folder, ended by its process id.

import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { inNamespace } from "./netemu.js";

/** Where everyone on this machine reaches it. */
const LOOPBACK = "127.0.0.1";
const READY_MS = 15_000;
/** Longer than the server's own drain deadline. */
const END_MS = 15_000;

/** The server binary: `VOXLINK_BIN` and no other when that is set, or what cargo built last in release, then in debug. */
export function binary() {
  const named = process.env.VOXLINK_BIN;
  const target = process.env.CARGO_TARGET_DIR ?? new URL("../../../target", import.meta.url).pathname;
  const candidates = named ? [named] : [join(target, "release/voxlink"), join(target, "debug/voxlink")];
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`No server binary at ${candidates.join(" or ")}: run \`make build\`, or set VOXLINK_BIN.`);
  return found;
}

export class Server {
  #process;
  #log = "";

  /** Starts a server with an empty folder and waits until it accepts requests. `flags` go behind the usual ones. */
  static async start(...flags) {
    const server = new Server();
    server.port = await freePort();
    server.mediaPorts = await freeUdpPorts(cpus().length);
    server.folder = await mkdtemp(join(tmpdir(), "voxlink-browser-"));
    server.flags = flags;
    await server.#spawn();
    return server;
  }

  /** The same in a network namespace that nobody else uses: all its addresses, the usual ports. People come to `address`. */
  static async startIn(namespace, address, ...flags) {
    const server = new Server();
    server.namespace = namespace;
    server.address = address;
    server.port = 8080;
    server.mediaPorts = [7882];
    server.folder = await mkdtemp(join(tmpdir(), "voxlink-browser-"));
    server.flags = flags;
    await server.#spawn();
    return server;
  }

  get url() {
    const encrypted = this.flags.indexOf("--tls-listen") + 1;
    if (encrypted > 0) return `https://${this.address ?? "localhost"}:${this.flags[encrypted].split(":").at(-1)}`.replace(/:443$/u, "");
    return `http://${this.address ?? LOOPBACK}:${this.port}`;
  }

  /** SHA-256 of the key of the certificate that it made for itself, as Chromium takes it; nothing without TLS. */
  get ownKey() {
    if (!this.url.startsWith("https:")) return undefined;
    const { publicKey } = new X509Certificate(readFileSync(join(this.folder, "tls/self-signed.pem")));
    return createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
  }

  /** What the server logged so far, for a failed test's message. */
  get log() {
    return this.#log;
  }

  async #spawn() {
    const listen = this.namespace ? "0.0.0.0" : LOOPBACK;
    const [program, ...words] = [
      ...inNamespace(this.namespace),
      ...[binary(), "serve"],
      ...["--data-dir", this.folder],
      ...["--listen", `${listen}:${this.port}`],
      ...(this.flags.includes("--media-listen") ? [] : ["--media-listen", `${listen}:${this.mediaPorts[0]}`]),
      ...(this.flags.includes("--rate-limits") ? [] : ["--rate-limits", "off"]),
      // Servers beside each other would fight for its port: only who asks for TURN has it.
      ...(this.flags.some((flag) => flag.startsWith("--turn")) ? [] : ["--turn-mode", "off"]),
      ...this.flags,
    ];
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stderr.on("data", (chunk) => (this.#log = (this.#log + chunk).slice(-100_000)));
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`The server was not ready in time.\n${this.#log}`)), READY_MS);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`The server ended with ${code}.\n${this.#log}`)));
      let out = "";
      child.stdout.on("data", (chunk) => {
        out += chunk;
        if (!out.includes("VoxLink is ready at ")) return;
        clearTimeout(late);
        resolve();
      });
    });
    child.removeAllListeners("exit");
  }

  /** The power cut: kill -9, then the same ports and data again. */
  async crashAndRestart() {
    await this.crash();
    await this.#spawn();
  }

  async crash() {
    await this.#end("SIGKILL");
  }

  async restart() {
    await this.#spawn();
  }

  /** Ends the server politely and removes its folder. */
  async stop() {
    await this.#end("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal) {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
    await ended;
    clearTimeout(late);
  }

  /** One request to the API, as JSON; throws on anything but success. */
  async api(method, path, { token, body } = {}) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** So many free ports in a row: the server's media threads take one each. */
async function freeUdpPorts(count) {
  for (let attempt = 0; attempt < 20; attempt++) {
    const probes = [];
    try {
      const first = await bindUdp(0, probes);
      for (let i = 1; i < count; i++) await bindUdp(first + i, probes);
      return probes.map((_, i) => first + i);
    } catch {
      // The next one is taken: try elsewhere.
    } finally {
      for (const probe of probes) probe.close();
    }
  }
  throw new Error("no free UDP ports in a row");
}

function bindUdp(port, probes) {
  return new Promise((resolve, reject) => {
    const probe = createSocket("udp4");
    probe.once("error", reject);
    probe.bind(port, "127.0.0.1", () => {
      probes.push(probe);
      resolve(probe.address().port);
    });
  });
}
