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

/** The richest of them that can be played; null when there is none at all. `plays` knows a type with its codecs. */
export function choose(variants: readonly Variant[], plays: (type: string) => boolean): Choice | null {
  const seen = variants.find(({ sound, codecs }) => !sound && plays(`video/mp4; codecs="${codecs}"`));
  if (seen) return { url: seen.url, sound: false, unseen: false };
  const heard = variants.find(({ sound }) => sound);
  return heard ? { url: heard.url, sound: true, unseen: variants.some(({ sound }) => !sound) } : null;
}
