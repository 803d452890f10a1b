// When the browser is on another network.

/** What some browsers tell of it; `type` is that of the radio or cable, where the system says so. */
interface Network extends EventTarget {
  type?: string;
}

/** Calls back when the network is there again, and when it is another one. */
export function onOtherNetwork(changed: () => void): void {
  addEventListener("online", changed);
  const { connection }: { connection?: Network } = navigator as Navigator & { connection?: Network };
  let type = connection?.type;
  connection?.addEventListener("change", () => {
    // Most of these events only tell of another guess at how fast it is.
    if (connection.type === type) return;
    type = connection.type;
    if (type !== undefined && type !== "none") changed();
  });
}
