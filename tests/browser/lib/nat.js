// Homes behind routers: each person in a network namespace of their own, with a router in another that translates
// addresses by nftables, and a server that is the internet to all of them.

import { execFileSync } from "node:child_process";
import { Emulator, inNamespace, whyNoEmulation } from "./netemu.js";

/** What routers do. */
export const KINDS = {
  /** One port outside for one inside, and whoever finds it gets in. */
  "full cone": { nat: "masquerade", everyone: true },
  /** One port outside for one inside, for answers only: what most homes have. */
  "port-restricted": { nat: "masquerade" },
  /** Another port outside for each peer. */
  symmetric: { nat: "masquerade random" },
  "UDP blocked": { nat: "masquerade", forward: "meta l4proto udp drop" },
  "only TCP 443": { nat: "masquerade", forward: 'iifname "lan" tcp dport != 443 drop; iifname "lan" meta l4proto != tcp drop' },
};

/** The address of the server: RFC 2544 §C.2.2, for tests of networks. */
export const SERVER = "198.18.0.1";

/**
 * One way between a router and the server: within a country. On a faster one Chromium would have a relay before it begins
 * to think of TCP, 100 ms after the first offer, and stop there.
 */
const DELAY = "delay=20";

/** Why no routers can be built here; false when they can. */
export function whyNoRouters() {
  const why = whyNoEmulation();
  if (why) return why;
  const name = `vx${process.pid}t`;
  run("ip", "netns", "add", name);
  try {
    run("ip", "-n", name, "link", "add", "lan", "type", "veth", "peer", "name", "wan");
    nft(name, routerRules(KINDS["full cone"], 1));
    return false;
  } catch {
    return "routers need veth and NAT by nftables";
  } finally {
    run("ip", "netns", "del", name);
  }
}

/** The namespaces of a server and of these people's homes. `close` takes them away again. */
export class Internet {
  #made = [];
  #links = [];
  #homes = new Map();

  static async build(...names) {
    const internet = new Internet();
    try {
      internet.hall = internet.#namespace("s");
      run("ip", "-n", internet.hall, "addr", "add", `${SERVER}/32`, "dev", "lo");
      forward(internet.hall);
      for (const [index, name] of names.entries()) await internet.#build(name, index + 1);
    } catch (error) {
      await internet.close();
      throw error;
    }
    return internet;
  }

  /** Where this person's browser is. */
  home(name) {
    return this.#homes.get(name).home;
  }

  /** From now on all routers are of this kind. What already goes through them goes on. */
  become(kind) {
    for (const { router, at } of this.#homes.values()) nft(router, routerRules(KINDS[kind], at));
  }

  async close() {
    for (const link of this.#links) await link.stop();
    for (const name of this.#made.toReversed()) run("ip", "netns", "del", name);
  }

  #namespace(end) {
    const name = `vx${process.pid}${end}`;
    run("ip", "netns", "add", name);
    this.#made.push(name);
    withoutIpv6(name);
    run("ip", "-n", name, "link", "set", "lo", "up");
    return name;
  }

  async #build(name, at) {
    const [home, router] = [this.#namespace(`h${at}`), this.#namespace(`r${at}`)];
    link([home, "home", `10.0.${at}.2/24`], [router, "lan", `10.0.${at}.1/24`]);
    const [near, far] = [`198.18.${at}.2/24`, `198.18.${at}.1/24`];
    this.#links.push(await Emulator.start({ namespace: router, address: near }, { namespace: this.hall, address: far }, DELAY));
    run("ip", "-n", home, "route", "add", "default", "via", `10.0.${at}.1`);
    run("ip", "-n", router, "route", "add", "default", "via", `198.18.${at}.1`);
    forward(router);
    this.#homes.set(name, { home, router, at });
  }
}

/** What the router cannot place in a connection it does not translate: it must not take that for its own and refuse it. */
function routerRules({ nat, everyone, forward: rule }, at) {
  return `
    flush ruleset
    table ip router {
      chain out {
        type nat hook postrouting priority 100;
        oifname != "lan" ${nat}
      }
      chain in {
        type nat hook prerouting priority -100;
        ${everyone ? `iifname != "lan" meta l4proto udp dnat to 10.0.${at}.2` : ""}
      }
      chain own {
        type filter hook input priority 0; policy accept;
        ct state invalid drop
      }
      chain through {
        type filter hook forward priority 0; policy accept;
        ${everyone ? "" : 'iifname != "lan" ct state new drop;'}
        ${rule ?? ""}
      }
    }
  `;
}

function link([one, device, address], [other, otherDevice, otherAddress]) {
  run("ip", "-n", one, "link", "add", device, "type", "veth", "peer", "name", otherDevice, "netns", other);
  for (const [namespace, name, own] of [
    [one, device, address],
    [other, otherDevice, otherAddress],
  ]) {
    run("ip", "-n", namespace, "addr", "add", own, "dev", name);
    run("ip", "-n", namespace, "link", "set", name, "up");
  }
}

function forward(namespace) {
  set(namespace, "net/ipv4/ip_forward", 1);
}

/** A link's own IPv6 address is good a second or two after the link: to Chromium a changed network, which ends what it loads. */
function withoutIpv6(namespace) {
  for (const which of ["all", "default"]) set(namespace, `net/ipv6/conf/${which}/disable_ipv6`, 1);
}

function set(namespace, name, value) {
  const [program, ...words] = [...inNamespace(namespace), "sh", "-c", `test ! -e /proc/sys/${name} || echo ${value} > /proc/sys/${name}`];
  execFileSync(program, words);
}

function nft(namespace, rules) {
  const [program, ...words] = [...inNamespace(namespace), "nft", "-f", "-"];
  execFileSync(program, words, { input: rules, stdio: ["pipe", "ignore", "ignore"] });
}

function run(program, ...words) {
  execFileSync(program, words, { stdio: "ignore" });
}
