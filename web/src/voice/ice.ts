// What connections are told of servers that help them through walls.

/** Servers are worth waiting for only so long: most calls need none. */
const WITHIN_MS = 1_000;

/** The servers when they are known soon, otherwise none. */
export function soon(iceServers: Promise<RTCIceServer[]>): Promise<RTCIceServer[]> {
  const late = new Promise<RTCIceServer[]>((resolve) => setTimeout(() => resolve([]), WITHIN_MS));
  return Promise.race([iceServers.catch(() => []), late]);
}

/** Only what tells us how others see our address: the relays behind the same ports answer that as well. */
export function withoutRelays(servers: readonly RTCIceServer[]): RTCIceServer[] {
  const urls = servers.flatMap(({ urls }) => urls);
  const stun = urls.flatMap((url) => {
    if (url.startsWith("stun:")) return [url];
    return url.startsWith("turn:") && !url.includes("transport=tcp") ? [url.replace(/^turn:/u, "stun:").replace(/\?.*$/u, "")] : [];
  });
  return stun.length === 0 ? [] : [{ urls: [...new Set(stun)] }];
}
