/**
 * A part of the client that is loaded when it is needed. One try is not enough: a network that changes just then ends
 * what loads (Chromium's ERR_NETWORK_CHANGED), and a phone that joins a Wi-Fi does that.
 */

const PAUSES_MS = [300, 1_000, 3_000, 8_000];

/** What `load` imports; tried again after a while, or as soon as there is a network. Rejects when the last try fails. */
export async function part<T>(load: () => Promise<T>): Promise<T> {
  for (const ms of PAUSES_MS) {
    try {
      return await load();
    } catch {
      await pause(ms);
    }
  }
  return load();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
  });
}
