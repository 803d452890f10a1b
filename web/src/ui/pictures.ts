/** Where pictures live on the server. A hash that starts with `a_` moves. */
const kind = (hash: string) => (hash.startsWith("a_") ? "gif" : "webp");

export const avatarUrl = (userId: string, hash: string, size: number) => `/cdn/avatars/${userId}/${hash}.${kind(hash)}?size=${size}`;
export const bannerUrl = (userId: string, hash: string) => `/cdn/banners/${userId}/${hash}.webp`;
export const iconUrl = (guildId: string, hash: string) => `/cdn/icons/${guildId}/${hash}.webp`;
export const emojiUrl = (emojiId: string, animated: boolean) => `/cdn/emojis/${emojiId}.${animated ? "gif" : "webp"}`;

/** RGB as it goes into a style; null for no colour. */
export function css(color: number): string | null {
  return color === 0 ? null : `#${color.toString(16).padStart(6, "0")}`;
}
