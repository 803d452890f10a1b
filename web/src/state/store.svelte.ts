/**
 * The one place where state is held. Events come from the gateway, pure functions say what they change, components
 * read what is here. Nothing but this file assigns it.
 */
import { ApiError } from "../api/http.ts";
import { wireEvent, type WireEvent, type WireMessage, type WireUser } from "../api/wire.ts";
import { LONG_PAGE, PAGE } from "../api/routes.ts";
import { openGateway, type Gateway } from "../gateway/socket.ts";
import type { Session } from "../gateway/session.ts";
import { account, api } from "./account.svelte.ts";
import { applyCalls, noCalls, type Calls } from "./calls.ts";
import { applyInbox, emptyInbox, type Inbox } from "./inbox.ts";
import { compareIds, toMessage, toReactionEmoji, type Id } from "./model.ts";
import { applyTimeline, emptyTimeline, trimmed, type Timeline, type TimelineEvent } from "./timeline.ts";
import { applyEvent, emptyWorld, type World } from "./world.ts";

/** A hole larger than this many pages is not filled: the channel is loaded anew from its end. */
const GAP_PAGES = 10;
/** How long a TYPING_START counts, v10: ten seconds, told again every eight. */
const TYPING_MS = 10_000;

/** Between tries to fill a hole. */
const GAP_WAIT_MS = 3000;

type Listener = (event: WireEvent) => void;

class Store {
  world = $state.raw<World>(emptyWorld);
  inbox = $state.raw<Inbox>(emptyInbox);
  calls = $state.raw<Calls>(noCalls);
  timelines = $state.raw<ReadonlyMap<Id, Timeline>>(new Map());
  connection = $state<Session["phase"]>("idle");
  /** Whether READY came at least once: until then there is nothing to draw. */
  arrived = $state(false);
  /** By channel: who is writing, and until when (milliseconds since 1970). */
  typing = $state.raw<ReadonlyMap<Id, ReadonlyMap<Id, number>>>(new Map());
  openChannel: Id | null = null;
  gateway: Gateway | null = null;
  #listeners = new Set<Listener>();
  #loading = new Map<string, Promise<void>>();
  /** By channel: how often a reader asked for another place in it. The last one counts, whichever answer comes first. */
  #seeks = new Map<Id, number>();
  /** Counts sessions that began anew: a page that was asked for before says nothing about what came in between. */
  #sessions = 0;
  /** Answers to our own posts while there was no session: the hole before them must be known first. */
  #late: [WireMessage, Id | undefined][] = [];

  async start(): Promise<void> {
    if (this.gateway || account.token === null) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.gateway = openGateway(`${scheme}//${location.host}/gateway`, account.token, {
      dispatch: (name, data) => this.#dispatch(name, data),
      phase: (phase) => this.#connectionIs(phase),
      signedOut: () => account.forget(),
    });
  }

  stop(): void {
    this.gateway?.stop();
    this.gateway = null;
    this.world = emptyWorld;
    this.inbox = emptyInbox;
    this.calls = noCalls;
    this.timelines = new Map();
    this.typing = new Map();
    this.arrived = false;
    this.connection = "idle";
    this.openChannel = null;
    this.#late = [];
  }

  /** Hears every known dispatch after it was applied. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  timeline(channelId: Id): Timeline {
    return this.timelines.get(channelId) ?? emptyTimeline;
  }

  changeTimeline(channelId: Id, event: TimelineEvent): void {
    this.timelines = new Map(this.timelines).set(channelId, applyTimeline(this.timeline(channelId), event));
  }

  /** The channel that is on the stage now: its timeline is kept whole, the one before is trimmed. */
  open(channelId: Id | null): void {
    const before = this.openChannel;
    this.openChannel = channelId;
    if (before && before !== channelId) {
      const line = this.timelines.get(before);
      if (line) this.timelines = new Map(this.timelines).set(before, trimmed(line));
    }
  }

  /** The end of a channel, unless its reader asked for another place meanwhile. */
  async loadLatest(channelId: Id): Promise<void> {
    await this.#once(`${channelId} latest`, async () => {
      const [session, seek] = [this.#sessions, this.#seek(channelId)];
      const page = await api.latest(channelId);
      if (seek !== this.#seeks.get(channelId)) return;
      this.changeTimeline(channelId, { type: "latest", messages: page.map(toMessage), complete: page.length < PAGE });
      if (session === this.#sessions) return;
      this.changeTimeline(channelId, { type: "gap" });
      void this.fillGap(channelId);
    });
  }

  /** A place in the past, with what stands around it. False: its reader asked for another place meanwhile. */
  async loadAround(channelId: Id, messageId: Id): Promise<boolean> {
    const seek = this.#seek(channelId);
    const page = (await api.around(channelId, messageId)).map(toMessage);
    if (seek !== this.#seeks.get(channelId)) return false;
    const after = page.filter((message) => compareIds(message.id, messageId) > 0).length;
    const before = page.length - after;
    // A half that is not full reaches the edge.
    this.changeTimeline(channelId, { type: "around", messages: page, start: before < PAGE / 2, end: false });
    if (after < PAGE / 2 - 1) await this.loadNewer(channelId);
    return seek === this.#seeks.get(channelId);
  }

  async loadNewer(channelId: Id): Promise<void> {
    const { messages, reachedEnd, run } = this.timeline(channelId);
    const last = messages.at(-1);
    if (!last || reachedEnd) return;
    await this.#once(`${channelId} page ${run}`, async () => {
      const session = this.#sessions;
      const page = await api.after(channelId, last.id);
      this.changeTimeline(channelId, { type: "newer", run, messages: page.map(toMessage), complete: page.length < LONG_PAGE && session === this.#sessions });
    });
  }

  async loadOlder(channelId: Id): Promise<void> {
    const { messages, reachedStart, run } = this.timeline(channelId);
    const [first] = messages;
    if (!first || reachedStart) return;
    await this.#once(`${channelId} page ${run}`, async () => {
      const page = await api.before(channelId, first.id);
      this.changeTimeline(channelId, { type: "older", run, messages: page.map(toMessage), complete: page.length < PAGE });
    });
  }

  /** A message of our own, as the answer to its POST; the gateway will say the same. */
  received(wire: WireMessage, guildId: Id | undefined): void {
    if (this.connection !== "ready") {
      this.#late.push([wire, guildId]);
      return;
    }
    this.#apply({ t: "MESSAGE_CREATE", d: guildId ? { ...wire, guild_id: guildId } : wire });
  }

  /** What one did here counts at once; the server will say the same. */
  apply(event: WireEvent): void {
    this.#apply(event);
  }

  /** A guild that we left or deleted: gone at once, whenever its event comes. */
  leftGuild(guildId: Id): void {
    this.#apply({ t: "GUILD_DELETE", d: { id: guildId } });
  }

  /** The answer to a change of one's own name. */
  renamedSelf(user: WireUser): void {
    this.#apply({ t: "USER_UPDATE", d: user });
  }

  /** Someone writes there. */
  addTyping(channelId: Id, userId: Id): void {
    const people = new Map(this.typing.get(channelId)).set(userId, Date.now() + TYPING_MS);
    this.typing = new Map(this.typing).set(channelId, people);
  }

  removeTyping(channelId: Id, userId: Id): void {
    const people = this.typing.get(channelId);
    if (!people?.has(userId)) return;
    const next = new Map(people);
    next.delete(userId);
    this.typing = new Map(this.typing).set(channelId, next);
  }

  #connectionIs(phase: Session["phase"]): void {
    this.connection = phase;
    // After the frame that made it so was applied whole.
    if (phase === "ready") queueMicrotask(() => this.#late.splice(0).forEach(([wire, guildId]) => this.received(wire, guildId)));
  }

  #dispatch(name: string, data: unknown): void {
    const event = wireEvent(name, data);
    if (event) this.#apply(event);
  }

  #apply(event: WireEvent): void {
    const again = event.t === "READY" && this.arrived;
    this.world = applyEvent(this.world, event);
    if (event.t === "READY") this.arrived = true;
    this.inbox = applyInbox(this.inbox, event, this.world);
    this.calls = applyCalls(this.calls, event);
    if (again) this.#repair();
    this.#applyToTimeline(event);
    for (const listener of this.#listeners) listener(event);
  }

  #applyToTimeline(event: WireEvent): void {
    switch (event.t) {
      case "MESSAGE_CREATE":
        this.#inTimeline(event.d.channel_id, { type: "created", message: toMessage(event.d) });
        this.removeTyping(event.d.channel_id, event.d.author.id);
        return;
      case "MESSAGE_UPDATE":
        return this.#inTimeline(event.d.channel_id, { type: "updated", id: event.d.id, wire: event.d });
      case "MESSAGE_DELETE":
        return this.#inTimeline(event.d.channel_id, { type: "deleted", ids: [event.d.id] });
      case "MESSAGE_DELETE_BULK":
        return this.#inTimeline(event.d.channel_id, { type: "deleted", ids: event.d.ids });
      case "MESSAGE_REACTION_ADD":
      case "MESSAGE_REACTION_REMOVE":
        return this.#inTimeline(event.d.channel_id, {
          type: "reacted",
          id: event.d.message_id,
          emoji: toReactionEmoji(event.d.emoji),
          self: event.d.user_id === this.world.self?.id,
          added: event.t === "MESSAGE_REACTION_ADD",
        });
      case "MESSAGE_REACTION_REMOVE_ALL":
        return this.#inTimeline(event.d.channel_id, { type: "reactions-cleared", id: event.d.message_id, emoji: null });
      case "MESSAGE_REACTION_REMOVE_EMOJI":
        return this.#inTimeline(event.d.channel_id, { type: "reactions-cleared", id: event.d.message_id, emoji: toReactionEmoji(event.d.emoji) });
      case "TYPING_START": {
        if (event.d.user_id === this.world.self?.id) return;
        this.addTyping(event.d.channel_id, event.d.user_id);
        return;
      }
      default:
        return;
    }
  }

  #inTimeline(channelId: Id, event: TimelineEvent): void {
    if (this.timelines.has(channelId)) this.changeTimeline(channelId, event);
  }

  /** The session was lost and with it events: what is open is repaired from history, what is not is forgotten. */
  #repair(): void {
    this.#sessions++;
    const kept = new Map<Id, Timeline>();
    for (const [id, line] of this.timelines) {
      if (id === this.openChannel) kept.set(id, applyTimeline(line, { type: "gap" }));
      else if (line.pending.length > 0) kept.set(id, { ...emptyTimeline, pending: line.pending });
    }
    this.timelines = kept;
    if (this.openChannel !== null) void this.fillGap(this.openChannel);
  }

  /** Fetches what came while there was no session. May be called again after a failure: the hole remembers where it starts. */
  async fillGap(channelId: Id): Promise<void> {
    for (let page = 0; page < GAP_PAGES; page++) {
      const { gapAfter: from, run } = this.timeline(channelId);
      if (from === null) return;
      const session = this.#sessions;
      let messages;
      try {
        messages = await api.after(channelId, from);
      } catch (error) {
        if (!(error instanceof ApiError) || error.passing) setTimeout(() => void this.fillGap(channelId), GAP_WAIT_MS);
        return;
      }
      this.changeTimeline(channelId, { type: "gap-page", run, messages: messages.map(toMessage), complete: messages.length < LONG_PAGE && session === this.#sessions });
    }
    if (this.timeline(channelId).gapAfter !== null) await this.loadLatest(channelId).catch(() => {});
  }

  /** Notes that a reader asked for a place, and says the how manieth time it is. */
  #seek(channelId: Id): number {
    const seek = (this.#seeks.get(channelId) ?? 0) + 1;
    this.#seeks.set(channelId, seek);
    return seek;
  }

  /** What is on its way already is awaited, not asked for twice. */
  #once(key: string, work: () => Promise<void>): Promise<void> {
    const running = this.#loading.get(key) ?? work().finally(() => this.#loading.delete(key));
    this.#loading.set(key, running);
    return running;
  }
}

export const store = new Store();
