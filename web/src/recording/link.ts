import type { Id } from "../state/model.ts";

/** The recording that a link leads to, if it leads to one. A server without an address of its own leaves the host out. */
export function recordingIn(url: string | undefined): Id | null {
  return /^(?:https?:\/\/[^/]+)?\/recordings\/(\w+)\/?$/u.exec(url ?? "")?.[1] ?? null;
}
