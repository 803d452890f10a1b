// Cuts a server off, TCP and UDP, with nftables on the loopback interface: packets vanish, nobody is told.

import { execFileSync } from "node:child_process";

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

function nft(rules) {
  execFileSync("nft", ["-f", "-"], { input: rules });
}
