/**
 * A part of the client that is loaded when it is needed. A network that changes just then ends what loads (Chromium's
 * ERR_NETWORK_CHANGED, and a phone that joins a Wi-Fi changes it), and a browser remembers of a module that it did not
 * come: only a page that is loaded anew asks again. So it is, a few times.
 */

/** theme.js has the same for the page's first script. */
const KEY = "voxlink.reloads";
const MOST = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 500;

/** Something goes on in this page that a reload would end: asked before one. */
let isBusy = () => false;
export function reloadsUnless(busy: () => boolean): void {
  isBusy = busy;
}

/** What `load` imports. When that does not come the page is loaded anew; rejects if that was in vain, or would disturb. */
export async function part<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (isBusy() || !mayReload()) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    location.reload();
    return new Promise<never>(() => {});
  }
}

/** Counts one more time, unless there were enough. */
function mayReload(): boolean {
  try {
    const now = Date.now();
    const times = (JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as number[]).filter((time) => now - time < WITHIN_MS);
    if (times.length >= MOST) return false;
    sessionStorage.setItem(KEY, JSON.stringify([...times, now]));
    return true;
  } catch {
    // Without a memory there is no counting, and a page that loads itself for ever helps nobody.
    return false;
  }
}
