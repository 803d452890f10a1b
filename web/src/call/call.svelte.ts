/**
 * The call as components see it. The engine in `../voice` is loaded when it is first needed; until then the call is idle.
 */
import type { Call, CallError, CallGesture, CallState, TileSource, VoiceGateway, VoiceGatewayEvent } from "../voice/types.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import type { WireVoiceEffect } from "../soundboard/wire.ts";
import type { Id } from "../state/model.ts";
import { api } from "../state/account.svelte.ts";
import { people } from "../state/people.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { nameAt, seatedIn } from "./company.ts";
import { watchSize } from "./tile-size.ts";
import { part, reloadsUnless } from "../ui/part.ts";

export const idleCall: CallState = {
  phase: "idle",
  guildId: null,
  channelId: null,
  since: null,
  muted: false,
  deafened: false,
  camera: false,
  screen: false,
  members: new Map(),
  quality: null,
  direct: false,
  mixed: false,
  mixRefused: false,
  error: null,
};

/** An emoji that somebody shows. */
export interface Reaction {
  id: number;
  userId: Id;
  emoji: string;
  /** What a sound is called that they play. */
  label?: string;
}

/** How long one is seen, as long as it flies (call.css). */
const REACTION_MS = 3_500;
const MOST_REACTIONS = 40;

class CallStore {
  state = $state.raw<CallState>(idleCall);
  /** Whether a room holds us: from pressing Join until leaving. */
  active = $derived(this.state.phase !== "idle" && this.state.channelId !== null);
  #engine: Promise<Call> | null = null;
  #ready: Call | null = null;
  /** What people show at this moment, oldest first. */
  reactions = $state.raw<readonly Reaction[]>([]);
  #reactions = 0;

  /** The engine, loaded now if it was not. Rejects when it cannot be fetched; asking again tries again. */
  engine(): Promise<Call> {
    this.#engine ??= part(() => import("../voice/index.ts")).then(
      ({ createCall }) => {
        const call = createCall(voiceGateway);
        this.state = call.state;
        call.subscribe((state) => this.#change(state));
        call.onGesture((gesture) => this.#onGesture(gesture));
        this.#ready = call;
        return call;
      },
      (error: unknown) => {
        this.#engine = null;
        throw error;
      },
    );
    return this.#engine;
  }

  async join(guildId: Id | null, channelId: Id): Promise<void> {
    const call = await this.engine().catch(() => null);
    if (!call) {
      this.state = { ...idleCall, phase: "failed", guildId, channelId, error: "server-unreachable" };
      return;
    }
    await call.join(guildId, channelId).catch(() => {});
  }

  leave(): void {
    if (!this.#engine) this.state = idleCall;
    else void this.engine().then((call) => call.leave());
  }
  toggleMuted(): void {
    // Unmuting also hears again: the engine sees to it.
    this.#with((call) => call.setMuted(!call.state.muted));
  }
  toggleDeafened(): void {
    this.#with((call) => call.setDeafened(!call.state.deafened));
  }
  toggleCamera(): void {
    this.#with((call) => void call.setCamera(!call.state.camera).catch(() => {}));
  }
  toggleScreen(): void {
    this.#with((call) => void call.setScreen(!call.state.screen).catch(() => {}));
  }

  react(emoji: string): void {
    this.#with((call) => void call.react(emoji));
  }

  /** Whether the only other one in this conversation's call was told directly that one writes. */
  tellTyping(channelId: Id): boolean {
    return this.state.guildId === null && this.state.channelId === channelId && (this.#ready?.tellTyping() ?? false);
  }

  #onGesture(gesture: CallGesture): void {
    const { guildId, channelId } = this.state;
    if (channelId === null) return;
    const { userId } = gesture;
    if (gesture.kind === "typing") return store.addTyping(channelId, userId);
    if (!this.#shows({ userId, emoji: gesture.emoji })) return;
    if (userId !== store.world.self?.id) announce(m.say_reaction({ name: nameAt(guildId, channelId, userId), emoji: gesture.emoji }));
  }

  /** Somebody played a sound in the call that one is in: its emoji flies, with its name. */
  played({ channel_id, user_id, emoji, sound_name }: WireVoiceEffect): void {
    const { guildId, channelId } = this.state;
    if (channel_id !== channelId) return;
    const label = sound_name ?? "";
    const shown = this.#shows({ userId: user_id, emoji: (emoji?.id == null && emoji?.name) || "🔊", label });
    if (shown && user_id !== store.world.self?.id) announce(m.say_played({ name: nameAt(guildId, channelId, user_id), sound: label }));
  }

  /** For as long as it flies; false when there are too many: what comes directly no server has counted. */
  #shows(what: Omit<Reaction, "id">): boolean {
    if (this.reactions.length >= MOST_REACTIONS) return false;
    const reaction = { ...what, id: ++this.#reactions };
    this.reactions = [...this.reactions, reaction];
    setTimeout(() => (this.reactions = this.reactions.filter((one) => one !== reaction)), REACTION_MS);
    return true;
  }

  /** Tells the engine how large an element draws someone's picture, until the returned function is called. */
  watchTile(element: HTMLElement, userId: Id, source: TileSource): () => void {
    let over = false;
    let stop = () => {};
    this.#with((call) => {
      if (!over) stop = watchSize(element, call.tile(userId, source));
    });
    return () => {
      over = true;
      stop();
    };
  }

  #with(work: (call: Call) => void): void {
    if (this.active) void this.engine().then(work);
  }

  #change(state: CallState): void {
    const before = this.state;
    this.state = state;
    if (state.muted !== before.muted && state.phase !== "idle") announce(state.muted ? m.say_muted() : m.say_unmuted());
    if (state.phase !== before.phase) {
      if (state.phase === "connected") company = others();
      if (state.phase === "connected") announce(before.phase === "reconnecting" ? m.say_reconnected() : m.say_joined());
      else if (state.phase === "reconnecting") announce(m.phase_reconnecting());
      else if (state.phase === "idle") announce(m.say_left());
    }
    if (state.error && state.error !== before.error) announce(callErrorText(state.error));
  }
}

export const call = new CallStore();
reloadsUnless(() => call.active);

/** What went wrong with the call, in a sentence or two. */
export function callErrorText(error: CallError): string {
  switch (error) {
    case "microphone-denied":
      return m.call_microphone_denied();
    case "microphone-missing":
      return m.call_microphone_missing();
    case "camera-denied":
      return m.call_camera_denied();
    case "camera-missing":
      return m.call_camera_missing();
    case "screen-denied":
      return m.call_screen_denied();
    case "server-unreachable":
      return m.call_unreachable();
    case "room-full":
      return m.call_full();
    case "not-allowed":
      return m.call_not_allowed();
    case "room-gone":
      return m.call_gone();
    case "pass-refused":
      return m.call_pass_refused();
    case "kicked":
      return m.call_kicked();
    case "joined-elsewhere":
      return m.call_elsewhere();
  }
}

/** Who of the others is in our room, as far as it was announced. */
let company = new Set<Id>();

function others(): Set<Id> {
  const { guildId, channelId } = call.state;
  return new Set(seatedIn(guildId, channelId).map((state) => state.userId).filter((userId) => userId !== store.world.self?.id));
}

store.listen((event) => {
  if (event.t === "VOICE_CHANNEL_EFFECT_SEND") return call.played(event.d);
  if (event.t !== "VOICE_STATE_UPDATE" || call.state.phase !== "connected") return;
  const now = others();
  const nameOf = (id: Id) => nameAt(call.state.guildId, call.state.channelId, id);
  for (const id of now) if (!company.has(id)) announce(m.say_came({ name: nameOf(id) }));
  for (const id of company) if (!now.has(id)) announce(m.say_went({ name: nameOf(id) }));
  company = now;
});

const voiceGateway: VoiceGateway = {
  sendVoiceState: (state) => store.gateway?.send(4, state),
  selfId: () => store.world.self?.id ?? "",
  bitrate: (guildId, channelId) => store.world.guilds.get(guildId ?? "")?.channels.get(channelId)?.bitrate ?? 0,
  hidesAddress: () => people.own.hidesAddress,
  iceServers: async () => (await api.iceServers()).ice_servers,
  subscribe: (listener) =>
    store.listen((event) => {
      const heard = toVoiceEvent(event) ?? addressEvent();
      if (heard) listener(heard);
    }),
};

/** What the call knows of it. */
let addressHidden: boolean | null = null;

/** Other choices of the person are none of the call's business. */
function addressEvent(): VoiceGatewayEvent | null {
  const hidden = people.own.hidesAddress;
  const isNews = addressHidden !== null && addressHidden !== hidden;
  addressHidden = hidden;
  return isNews ? { type: "address", hidden } : null;
}

type Heard = Parameters<Parameters<typeof store.listen>[0]>[0];

function toVoiceEvent(event: Heard): VoiceGatewayEvent | null {
  switch (event.t) {
    case "VOICE_STATE_UPDATE":
      if (event.d.user_id !== store.world.self?.id) return null;
      return { type: "voice_state", channel_id: event.d.channel_id, session_id: event.d.session_id, guild_id: event.d.guild_id ?? null, ...(event.d.refused && { refused: event.d.refused }) };
    case "VOICE_SERVER_UPDATE":
      return event.d.endpoint === null ? null : { type: "voice_server", guild_id: event.d.guild_id, channel_id: event.d.channel_id ?? null, endpoint: event.d.endpoint, token: event.d.token };
    case "READY":
      return { type: "session_new" };
    default:
      return null;
  }
}
