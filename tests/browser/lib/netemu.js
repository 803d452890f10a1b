// A bad network between two network namespaces, changed while it runs: tests/netemu as a child process.

import { execFileSync, spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const READY_MS = 10_000;

function emulatorPath() {
  const target = process.env.CARGO_TARGET_DIR ?? new URL("../../../target", import.meta.url).pathname;
  const candidates = [process.env.NETEMU_BIN, join(target, "release/netemu"), join(target, "debug/netemu")];
  return candidates.find((path) => path && existsSync(path));
}

/** Why no network can be emulated here; false when one can. */
export function whyNoEmulation() {
  if (process.getuid?.() !== 0) return "emulating a network needs root";
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
    execFileSync("ip", ["netns", "list"], { stdio: "ignore" });
  } catch {
    return "emulating a network needs /dev/net/tun and network namespaces";
  }
  return !emulatorPath() && "the emulator is not built: cargo build -p voxlink-netemu";
}

export class Emulator {
  #process;
  #answers;

  /** Two ends (`{ namespace, address }`, the address with its prefix) and the words that tests/netemu knows. */
  static async start(a, b, ...settings) {
    const emulator = new Emulator();
    const child = spawn(emulatorPath(), [a.namespace, a.address, b.namespace, b.address, "seed=42", ...settings], { stdio: ["pipe", "pipe", "inherit"] });
    emulator.#process = child;
    emulator.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await emulator.#answer();
    return emulator;
  }

  /** Changes settings, or asks with `stat`; returns the counters of both directions. */
  async say(words) {
    this.#process.stdin.write(`${words}\n`);
    const answer = await this.#answer();
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  /** Ends it; the namespaces that it made go with it. */
  async stop() {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin.end();
    await ended;
  }

  async #answer() {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error("The emulator does not answer.")), READY_MS).unref());
    const { value, done } = await Promise.race([this.#answers.next(), late]);
    if (done) throw new Error("The emulator has ended; its last words are above.");
    return JSON.parse(value);
  }
}

/** The words before a command that run it in a namespace. */
export function inNamespace(namespace) {
  return namespace ? ["ip", "netns", "exec", namespace] : [];
}

/** Sends what a namespace has no route for to this address. */
export function routeAll(namespace, address) {
  execFileSync("ip", ["-n", namespace, "route", "add", "default", "via", address]);
}
