/** All members of a guild, page by page, for who keeps it: the world only holds those that one meets. Kept while a page of settings is open. */
import { adminApi } from "./account.svelte.ts";
import type { WireEvent, WireMember, WireUser } from "../api/wire.ts";
import { compareIds, toMember, type Id, type Member } from "./model.ts";
import { store } from "./store.svelte.ts";

/** The most that the server gives at once. */
const PAGE = 1000;
/** Changes of the list are drawn together after so long, or ten pages would sort ten thousand names ten times. */
const SETTLE_MS = 100;

const known = (wire: WireMember): wire is WireMember & { user: WireUser } => wire.user !== undefined;

export class Directory {
  /** In the order of their ids: who is longest on this server first. */
  list = $state.raw<readonly Member[]>([]);
  complete = $state(false);
  problem = $state.raw<unknown>(null);
  #members = new Map<Id, Member>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(readonly guildId: Id) {}

  /** Starts to load; the answer ends it. */
  start(): () => void {
    const guild = store.world.guilds.get(this.guildId);
    for (const member of guild?.members.values() ?? []) this.#members.set(member.user.id, member);
    this.#show();
    const unlisten = store.listen((event) => this.#hear(event));
    if (guild && guild.members.size >= guild.memberCount) this.complete = true;
    else void this.#load();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#timer);
      unlisten();
    };
  }

  retry(): void {
    this.problem = null;
    void this.#load();
  }

  put(member: Member): void {
    this.#members.set(member.user.id, member);
    this.#show();
  }

  drop(userId: Id): void {
    if (this.#members.delete(userId)) this.#show();
  }

  async #load(): Promise<void> {
    try {
      for (let after = "0"; !this.#stopped; ) {
        const page = (await adminApi.membersAfter(this.guildId, after, PAGE)).filter(known);
        for (const wire of page) this.#members.set(wire.user.id, toMember(wire));
        this.#later();
        if (page.length < PAGE) break;
        after = page.map((wire) => wire.user.id).sort(compareIds).at(-1) ?? after;
      }
      this.complete = true;
      this.#show();
    } catch (error) {
      this.problem = error;
    }
  }

  #hear(event: WireEvent): void {
    if (event.t === "GUILD_MEMBER_REMOVE" && event.d.guild_id === this.guildId) this.drop(event.d.user.id);
    if ((event.t === "GUILD_MEMBER_ADD" || event.t === "GUILD_MEMBER_UPDATE") && event.d.guild_id === this.guildId && known(event.d)) {
      this.#members.set(event.d.user.id, toMember(event.d));
      this.#later();
    }
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#show(), SETTLE_MS);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.list = [...this.#members.values()].sort((a, b) => compareIds(a.user.id, b.user.id));
  }
}
