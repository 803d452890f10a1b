/** Who is signed in on this device: the login token and the requests made with it. */
import { Http } from "../api/http.ts";
import { adminRoutes } from "../api/adminRoutes.ts";
import { routes } from "../api/routes.ts";
import { broadcastRoutes } from "../broadcast/routes.ts";
import { recordingRoutes } from "../recording/routes.ts";
import type { WireUser } from "../api/wire.ts";

const KEY = "voxlink.token";

class Account {
  token = $state<string | null>(read());

  enter(entry: { token: string; user: WireUser }): void {
    write(entry.token);
    this.token = entry.token;
  }

  /** Forgets the login here; the server is told by whoever asks for a real log-out. */
  forget(): void {
    write(null);
    this.token = null;
  }
}

export const account = new Account();
/** For routes of parts that the first screen does without. */
export const http = new Http(
  () => account.token,
  () => account.forget(),
);
export const api = routes(http);
/** What pages of settings ask for: guilds, people, one's own account. */
export const adminApi = adminRoutes(http);
export const recordingApi = recordingRoutes(http);
export const broadcastApi = broadcastRoutes(http);

function read(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
function write(token: string | null): void {
  try {
    if (token === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, token);
  } catch {
    // Signed in until the page is closed.
  }
}
