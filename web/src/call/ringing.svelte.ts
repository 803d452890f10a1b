/**
 * Telephones of conversations: who calls us, whom we call, and how that is heard. What rings is the server's to say
 * (`../state/calls.ts`); here is what a person does about it.
 */
import { api } from "../state/account.svelte.ts";
import { callsFor, solitude, type Solitude } from "../state/calls.ts";
import type { Id } from "../state/model.ts";
import { people } from "../state/people.svelte.ts";
import { reading } from "../state/reading.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { directPath, router } from "../ui/router.svelte.ts";
import { keep, kept } from "../ui/storage.ts";
import { call } from "./call.svelte.ts";
import { incomingText } from "./company.ts";
import { quiet, sound } from "./telephone.ts";

const KEY = "voxlink.ring";

class Ringing {
  /** Whether calls are heard. */
  aloud = $state(kept<boolean>(KEY) !== false);
  /** Conversations that call us, the one that began first in front. */
  incoming = $derived(callsFor(store.calls, store.world.self?.id ?? ""));
  /** Conversations whose people we let ring, and those in which somebody else has been. */
  #rang = $state.raw<ReadonlySet<Id>>(new Set());
  #company = $state.raw<ReadonlySet<Id>>(new Set());
  #toRing: Id | null = null;

  constructor() {
    store.listen((event) => {
      const self = store.world.self?.id;
      if (event.t === "VOICE_STATE_UPDATE" && event.d.user_id === self && this.#toRing !== null) {
        // Only who has a seat may let others ring.
        const channelId = this.#toRing;
        if (event.d.channel_id === channelId || event.d.refused) this.#toRing = null;
        if (event.d.channel_id === channelId) void this.ring(channelId);
      }
      if (event.t === "VOICE_STATE_UPDATE" || event.t === "CALL_CREATE" || event.t === "CALL_DELETE") this.#note(self);
    });
    $effect.root(() => {
      $effect(() => {
        const [first] = this.incoming;
        if (first !== undefined) announce(incomingText(first));
      });
      $effect(() => this.#sound());
      $effect(() => this.#notify());
    });
  }

  /** Begins a call and lets everybody ring, or joins the one that goes on. */
  async start(channelId: Id): Promise<void> {
    if (!store.calls.has(channelId)) {
      this.#toRing = channelId;
      this.#company = without(this.#company, channelId);
    }
    await call.join(null, channelId);
    if (call.state.phase === "failed" && this.#toRing === channelId) this.#toRing = null;
  }

  /** Lets everybody ring who is not in the call. */
  async ring(channelId: Id): Promise<void> {
    this.#rang = new Set(this.#rang).add(channelId);
    await api.ring(channelId).catch(() => {});
  }

  /** Takes the call: its conversation is shown. Whatever other call one is in is left. */
  async answer(channelId: Id, withCamera: boolean): Promise<void> {
    router.go(directPath(channelId));
    await call.join(null, channelId);
    if (withCamera && call.state.channelId === channelId && !call.state.camera) call.toggleCamera();
  }

  /** Not now: no device of ours rings any more. */
  async decline(channelId: Id): Promise<void> {
    const ringing = [...(store.calls.get(channelId)?.ringing ?? [])].filter((userId) => userId !== store.world.self?.id);
    store.apply({ t: "CALL_UPDATE", d: { channel_id: channelId, ringing } });
    await api.stopRinging(channelId).catch(() => {});
  }

  /** How it is in a call while nobody else is there. */
  solitude(channelId: Id): Solitude {
    return solitude(store.calls.get(channelId), store.world.self?.id ?? "", this.#company.has(channelId), this.#rang.has(channelId));
  }

  /** As the page before knew it: the server tells of nobody who is not there any more. */
  recall(channelId: Id, alone: Solitude): void {
    if (alone === "left") this.#company = new Set(this.#company).add(channelId);
    else if (alone !== null) this.#rang = new Set(this.#rang).add(channelId);
  }

  setAloud(aloud: boolean): void {
    this.aloud = aloud;
    keep(KEY, aloud ? null : false);
  }

  #note(self: Id | undefined): void {
    let rang = this.#rang;
    let company = this.#company;
    // Whoever reloaded their page knows by this that somebody was called.
    for (const [id, { voice, ringing }] of store.calls) if (self !== undefined && voice.has(self) && ringing.size > 0 && !rang.has(id)) rang = new Set(rang).add(id);
    for (const [id, { voice }] of store.calls) if ([...voice.keys()].some((userId) => userId !== self)) company = company.has(id) ? company : new Set(company).add(id);
    for (const id of [...rang, ...company]) {
      if (store.calls.has(id)) continue;
      rang = without(rang, id);
      company = without(company, id);
    }
    this.#rang = rang;
    this.#company = company;
  }

  /** One sound at a time: a call for us before one of ours. */
  #sound(): void {
    const self = store.world.self?.id ?? "";
    const mayDisturb = people.own.status !== "dnd";
    const wanted = this.incoming.filter((id) => {
      const direct = store.inbox.directs.get(id);
      return direct === undefined || !reading.muted(direct, undefined);
    });
    const waits = call.active && call.state.guildId === null && this.solitude(call.state.channelId ?? "") === "calling";
    if (this.aloud && mayDisturb && wanted.length > 0) sound(call.active ? "knock" : "ring", self);
    else if (this.aloud && waits) sound("wait", self);
    else quiet();
  }

  /** A page that nobody looks at says it through the system, where it was allowed to. */
  #notify(): void {
    const wanted = people.own.status === "dnd" ? [] : this.incoming;
    for (const [id, shown] of notices) {
      if (wanted.includes(id)) continue;
      shown.close();
      notices.delete(id);
    }
    if (!("Notification" in window) || Notification.permission !== "granted" || !document.hidden) return;
    for (const id of wanted) {
      if (notices.has(id)) continue;
      try {
        const shown = new Notification(incomingText(id), { body: m.ring_notice(), tag: `call-${id}`, requireInteraction: true, silent: true });
        shown.addEventListener("click", () => {
          window.focus();
          router.go(directPath(id));
          shown.close();
        });
        notices.set(id, shown);
      } catch {
        // Some phones let only a service worker say it: the page rings all the same.
      }
    }
  }
}

const notices = new Map<Id, Notification>();

function without(set: ReadonlySet<Id>, id: Id): ReadonlySet<Id> {
  return set.has(id) ? new Set([...set].filter((entry) => entry !== id)) : set;
}

export const ringing = new Ringing();
