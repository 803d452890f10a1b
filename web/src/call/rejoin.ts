/**
 * A call survives a reload: what the page knew when it went away, the next page in the same tab takes up again within a
 * short while, muted and deafened as before. Camera and screen stay off until somebody turns them on.
 */
import { store } from "../state/store.svelte.ts";
import { call } from "./call.svelte.ts";
import { goesBack, type Left } from "./left.ts";
import { ringing } from "./ringing.svelte.ts";

const KEY = "voxlink.rejoin";
/** Another device's seat may still be named that is freed by now. */
const AGAIN_MS = 1_500;

let left = take();
/** Of this page. */
let sessionId = "";

addEventListener("pagehide", () => {
  const { guildId, channelId, muted, deafened, phase } = call.state;
  const selfId = store.world.self?.id;
  if (!call.active || channelId === null || phase === "failed" || selfId === undefined) return;
  try {
    const alone = ringing.solitude(channelId);
    sessionStorage.setItem(KEY, JSON.stringify({ selfId, guildId, channelId, muted, deafened, alone, sessionId, at: Date.now() } satisfies Left));
  } catch {
    // Not remembered: one enters by hand.
  }
});

store.listen((event) => {
  if (event.t === "READY") sessionId = event.d.session_id;
  if (left === null || (event.t !== "READY" && event.t !== "GUILD_CREATE") || store.world.awaited.size > 0) return;
  const wanted = left;
  left = null;
  if (!returns(wanted)) setTimeout(() => returns(wanted), AGAIN_MS);
});

function returns(wanted: Left): boolean {
  const selfId = store.world.self?.id ?? "";
  // The seat that the page before had is ours, whether it is freed by now or not.
  const seats = [...store.world.guilds.values(), ...store.calls.values()].map(({ voice }) => voice.get(selfId));
  const seated = seats.some((seat) => seat !== undefined && seat.sessionId !== wanted.sessionId);
  if (call.active || !goesBack(wanted, { selfId, at: Date.now(), seated, goesOn: store.calls.has(wanted.channelId) })) return false;
  void rejoin(wanted);
  return true;
}

async function rejoin({ guildId, channelId, muted, deafened, alone }: Left): Promise<void> {
  ringing.recall(channelId, alone);
  const engine = await call.engine().catch(() => null);
  if (!engine || call.active) return;
  // Whoever was deafened may have been muted as well: nobody is heard without meaning it.
  if (muted) engine.setMuted(true);
  if (deafened) engine.setDeafened(true);
  await call.join(guildId, channelId);
}

/** Read once: a tab that is copied from this one has no call of its own. */
function take(): Left | null {
  try {
    const text = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return text === null ? null : (JSON.parse(text) as Left);
  } catch {
    return null;
  }
}
