// Cuts a server off, TCP and UDP, with nftables on the loopback interface: packets vanish, nobody is told.

import { execFileSync } from "node:child_process";
import { inNamespace } from "./netemu.js";

export function canCut() {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync("nft", ["list", "tables"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Drops everything from and to these ports on 127.0.0.0/8; the returned function lets it through again. */
export function cut(...ports) {
  const table = `voxlink_test_${process.pid}`;
  const set = `{ ${ports.join(", ")} }`;
  nft(`
    table inet ${table} {
      chain in {
        type filter hook input priority 0; policy accept;
        tcp dport ${set} drop
        tcp sport ${set} drop
        udp dport ${set} drop
        udp sport ${set} drop
      }
    }
  `);
  let done = false;
  const heal = () => {
    if (done) return;
    done = true;
    process.removeListener("exit", heal);
    nft(`delete table inet ${table}`);
  };
  process.once("exit", heal);
  return heal;
}

/**
 * A network that lets nothing through to the media ports: only the server's own relays, on ports of this range, reach
 * them. The returned function lets everything through again.
 */
export function blockMedia(mediaPorts, relays) {
  const table = `voxlink_test_${process.pid}`;
  const media = `{ ${mediaPorts.join(", ")} }`;
  nft(`
    table inet ${table} {
      chain in {
        type filter hook input priority 0; policy accept;
        tcp dport ${media} drop
        udp dport ${media} udp sport != ${relays} drop
        udp sport ${media} udp dport != ${relays} drop
      }
    }
  `);
  return () => nft(`delete table inet ${table}`);
}

/** As {@link blockMedia}, for UDP to other ports of ours and nothing else. */
export function blockUdp(...ports) {
  const table = `voxlink_test_udp_${process.pid}`;
  const set = `{ ${ports.join(", ")} }`;
  nft(`
    table inet ${table} {
      chain in {
        type filter hook input priority 0; policy accept;
        udp dport ${set} drop
        udp sport ${set} drop
      }
    }
  `);
  return () => nft(`delete table inet ${table}`);
}

/** Lets nothing into this namespace from outside but TCP to one port. */
export function onlyTcp(namespace, port) {
  nft(
    `
    table inet voxlink_test {
      chain in {
        type filter hook input priority 0; policy accept;
        iifname != "lo" tcp dport != ${port} drop
        iifname != "lo" meta l4proto != tcp drop
      }
    }
  `,
    namespace,
  );
}

function nft(rules, namespace) {
  const [program, ...words] = [...inNamespace(namespace), "nft", "-f", "-"];
  execFileSync(program, words, { input: rules });
}
