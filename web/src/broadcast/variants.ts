/** What a master playlist offers (RFC 8216 §4.3.4.2). Pure. */

export interface Variant {
  url: string;
  /** As `CODECS` names them. */
  codecs: string;
  sound: boolean;
}

export function variantsOf(playlist: string): Variant[] {
  const lines = playlist.split("\n").map((line) => line.trim());
  const found: Variant[] = [];
  for (const [at, line] of lines.entries()) {
    const url = lines[at + 1];
    if (!line.startsWith("#EXT-X-STREAM-INF:") || !url || url.startsWith("#")) continue;
    const codecs = /CODECS="([^"]*)"/u.exec(line)?.[1] ?? "";
    found.push({ url, codecs, sound: codecs.split(",").length === 1 });
  }
  return found;
}

export interface Choice {
  url: string;
  sound: boolean;
  /** There is something to see, but not in this browser. */
  unseen: boolean;
}

/**
 * The richest of them that can be played; null when there is none. `plays` knows a type with its codecs. Opus is what was
 * mixed, and AAC is made of it only where somebody cannot do without.
 */
export function choose(variants: readonly Variant[], plays: (type: string) => boolean): Choice | null {
  const best = (sound: boolean) => {
    const type = sound ? "audio/mp4" : "video/mp4";
    const known = variants.filter((one) => one.sound === sound && plays(`${type}; codecs="${one.codecs}"`));
    return known.find(({ codecs }) => codecs.endsWith("opus")) ?? known[0];
  };
  const seen = best(false);
  if (seen) return { url: seen.url, sound: false, unseen: false };
  const heard = best(true);
  return heard ? { url: heard.url, sound: true, unseen: variants.some(({ sound }) => !sound) } : null;
}
