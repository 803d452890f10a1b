/** Where one is: the address bar is the only place that knows. `/`, `/invite/CODE`, `/people[/PART]`, `/d[/CHANNEL[/MESSAGE]]`, `/g/GUILD[/CHANNEL[/MESSAGE]]`, `/g/GUILD/settings/PART[/ITEM]`, `/g/GUILD/CHANNEL/settings/PART`, `/g/GUILD/CHANNEL/live`, `/settings/PART`, `/bot/APPLICATION`, `/recordings/RECORDING`. */

export type SettingsPart = "profile" | "account" | "devices" | "look" | "sessions" | "applications" | "keys" | "connection";
export type GuildPart = "overview" | "roles" | "members" | "bans" | "invites" | "emoji" | "sounds" | "log" | "bots" | "recording";
export type ChannelPart = "overview" | "permissions";
export type PeoplePart = "online" | "all" | "pending" | "blocked" | "add";
export type Route =
  | { name: "home" }
  | { name: "invite"; code: string }
  | { name: "guild"; guildId: string; channelId: string | null; messageId: string | null }
  | { name: "direct"; channelId: string | null; messageId: string | null }
  | { name: "people"; part: PeoplePart }
  | { name: "guild-settings"; guildId: string; part: GuildPart | null; item: string | null }
  | { name: "channel-settings"; guildId: string; channelId: string; part: ChannelPart | null }
  | { name: "settings"; part: SettingsPart | null }
  | { name: "add-bot"; applicationId: string }
  | { name: "recording"; recordingId: string }
  | { name: "live"; guildId: string; channelId: string };

const parts: readonly string[] = ["profile", "account", "devices", "look", "sessions", "applications", "keys", "connection"] satisfies SettingsPart[];
const guildParts: readonly string[] = ["overview", "roles", "members", "bans", "invites", "emoji", "sounds", "log", "bots", "recording"] satisfies GuildPart[];
const channelParts: readonly string[] = ["overview", "permissions"] satisfies ChannelPart[];
const peopleParts: readonly string[] = ["online", "all", "pending", "blocked", "add"] satisfies PeoplePart[];

export function parseRoute(path: string): Route {
  const [, first, second, third, fourth, fifth] = path.split("/");
  if (first === "invite" && second) return { name: "invite", code: decodeURIComponent(second) };
  if (first === "bot" && second && /^\d+$/u.test(second)) return { name: "add-bot", applicationId: second };
  if (first === "recordings" && second) return { name: "recording", recordingId: second };
  if (first === "people") return { name: "people", part: second && peopleParts.includes(second) ? (second as PeoplePart) : "online" };
  if (first === "d") return { name: "direct", channelId: second || null, messageId: third || null };
  if (first === "g" && second && third === "settings") {
    return { name: "guild-settings", guildId: second, part: fourth && guildParts.includes(fourth) ? (fourth as GuildPart) : null, item: fifth || null };
  }
  if (first === "g" && second && third && fourth === "settings") {
    return { name: "channel-settings", guildId: second, channelId: third, part: fifth && channelParts.includes(fifth) ? (fifth as ChannelPart) : null };
  }
  if (first === "g" && second && third && fourth === "live") return { name: "live", guildId: second, channelId: third };
  if (first === "g" && second) return { name: "guild", guildId: second, channelId: third || null, messageId: fourth || null };
  if (first === "settings") return { name: "settings", part: second && parts.includes(second) ? (second as SettingsPart) : null };
  return { name: "home" };
}

class Router {
  path = $state(location.pathname);
  route = $derived(parseRoute(this.path));

  constructor() {
    window.addEventListener("popstate", () => {
      this.path = location.pathname;
    });
  }

  go(path: string, replace = false): void {
    if (path === location.pathname) return;
    history[replace ? "replaceState" : "pushState"](null, "", path);
    this.path = path;
  }
}

export const router = new Router();

/** For `onclick` of a link: goes there without leaving the page, unless the person asked for a new tab. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  router.go(new URL(event.currentTarget.href).pathname);
}

export const guildPath = (guildId: string) => `/g/${guildId}`;
export const channelPath = (guildId: string, channelId: string) => `/g/${guildId}/${channelId}`;
export const guildSettingsPath = (guildId: string, part: GuildPart | null = null, item: string | null = null) => `/g/${guildId}/settings${part ? `/${part}${item ? `/${item}` : ""}` : ""}`;
export const channelSettingsPath = (guildId: string, channelId: string, part: ChannelPart | null = null) => `/g/${guildId}/${channelId}/settings${part ? `/${part}` : ""}`;
export const peoplePath = (part: PeoplePart = "online") => (part === "online" ? "/people" : `/people/${part}`);
export const directPath = (channelId?: string) => (channelId === undefined ? "/d" : `/d/${channelId}`);
/** The address of a message, or of its channel; null: a direct conversation. */
export const placePath = (guildId: string | null, channelId: string, messageId?: string) =>
  `${guildId === null ? directPath(channelId) : channelPath(guildId, channelId)}${messageId === undefined ? "" : `/${messageId}`}`;
export const livePath = (guildId: string, channelId: string) => `/g/${guildId}/${channelId}/live`;
export const recordingPath = (recordingId: string) => `/recordings/${recordingId}`;
export const settingsPath = (part: SettingsPart) => `/settings/${part}`;
