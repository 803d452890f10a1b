/** Oneself and the people one knows, wherever they are: relationships, one's own status, who of one's friends is here. */
import type { WireEvent, WirePresence, WireRelationship, WireUserSettings } from "../api/wire.ts";
import { toCustomStatus, toStatus, toUser, type CustomStatus, type Id, type Status, type User } from "./model.ts";
import { store } from "./store.svelte.ts";

export type Relation = "friend" | "blocked" | "incoming" | "outgoing";
export interface Relationship {
  user: User;
  relation: Relation;
  /** Milliseconds since 1970; 0 where nobody said. */
  since: number;
}
/** What one shows of oneself: `invisible` looks like offline to others. */
export type OwnStatus = "online" | "idle" | "dnd" | "invisible";
export interface OwnSettings {
  status: OwnStatus;
  custom: CustomStatus | null;
  /** Milliseconds since 1970; 0 for ever. */
  customUntil: number;
  /** Nobody whom one calls learns one's address. */
  hidesAddress: boolean;
}

const relations: Record<WireRelationship["type"], Relation> = { 1: "friend", 2: "blocked", 3: "incoming", 4: "outgoing" };

class People {
  relationships = $state.raw<ReadonlyMap<Id, Relationship>>(new Map());
  /** Of friends: guilds have their own. */
  presences = $state.raw<ReadonlyMap<Id, { status: Status; custom: CustomStatus | null }>>(new Map());
  own = $state.raw<OwnSettings>({ status: "online", custom: null, customUntil: 0, hidesAddress: false });
  requests = $derived([...this.relationships.values()].filter((entry) => entry.relation === "incoming").length);

  relationTo(userId: Id): Relation | null {
    return this.relationships.get(userId)?.relation ?? null;
  }

  /** How somebody is, from whatever place we know it. */
  statusOf(userId: Id): Status {
    if (userId === store.world.self?.id) return this.own.status === "invisible" ? "offline" : this.own.status;
    const known = this.presences.get(userId)?.status;
    if (known) return known;
    for (const guild of store.world.guilds.values()) {
      const status = guild.presences.get(userId);
      if (status) return status;
    }
    return "offline";
  }

  customOf(userId: Id): CustomStatus | null {
    if (userId === store.world.self?.id) return this.own.custom;
    const known = this.presences.get(userId)?.custom;
    if (known) return known;
    for (const guild of store.world.guilds.values()) {
      const says = guild.customStatuses.get(userId);
      if (says) return says;
    }
    return null;
  }

  hear(event: WireEvent): void {
    switch (event.t) {
      case "READY":
        if (event.d.relationships) this.relationships = new Map(event.d.relationships.map((wire) => [wire.id, toRelationship(wire)]));
        this.presences = new Map((event.d.presences ?? []).map((wire) => [wire.user.id, toPresence(wire)]));
        if (event.d.user_settings) this.settingsAre(event.d.user_settings);
        return;
      case "RELATIONSHIP_ADD":
      case "RELATIONSHIP_UPDATE":
        return this.relationshipIs(event.d);
      case "RELATIONSHIP_REMOVE":
        return this.relationshipEnded(event.d.id);
      case "USER_SETTINGS_UPDATE":
        return this.settingsAre(event.d);
      case "PRESENCE_UPDATE":
        if (this.relationTo(event.d.user.id) === "friend") this.presences = new Map(this.presences).set(event.d.user.id, toPresence(event.d));
        return;
      case "USER_UPDATE": {
        const known = this.relationships.get(event.d.id);
        if (known) this.relationships = new Map(this.relationships).set(event.d.id, { ...known, user: toUser(event.d) });
        return;
      }
      default:
        return;
    }
  }

  relationshipIs(wire: WireRelationship): void {
    this.relationships = new Map(this.relationships).set(wire.id, toRelationship(wire));
  }

  relationshipEnded(userId: Id): void {
    const next = new Map(this.relationships);
    next.delete(userId);
    this.relationships = next;
  }

  settingsAre(wire: WireUserSettings): void {
    const said = wire.custom_status;
    this.own = {
      status: wire.status === "idle" || wire.status === "dnd" || wire.status === "invisible" || wire.status === "online" ? wire.status : this.own.status,
      custom: said === undefined ? this.own.custom : said && (said.text || said.emoji_name) ? { text: said.text ?? "", emoji: said.emoji_name ?? "", emojiId: said.emoji_id ?? null } : null,
      customUntil: said === undefined ? this.own.customUntil : said?.expires_at ? Date.parse(said.expires_at) : 0,
      hidesAddress: wire.hide_address ?? this.own.hidesAddress,
    };
  }
}

function toRelationship(wire: WireRelationship): Relationship {
  return { user: toUser(wire.user), relation: relations[wire.type] ?? "friend", since: wire.since ? Date.parse(wire.since) : 0 };
}
function toPresence(wire: WirePresence) {
  return { status: toStatus(wire.status), custom: toCustomStatus(wire) };
}

export const people = new People();
store.listen((event) => people.hear(event));
