/** Where one is: the address bar is the only place that knows. `/`, `/invite/CODE`, `/g/GUILD[/CHANNEL]`, `/settings/PART`. */

export type SettingsPart = "profile" | "devices" | "look" | "sessions" | "keys";
export type Route =
  | { name: "home" }
  | { name: "invite"; code: string }
  | { name: "guild"; guildId: string; channelId: string | null }
  | { name: "settings"; part: SettingsPart | null };

const parts: readonly string[] = ["profile", "devices", "look", "sessions", "keys"] satisfies SettingsPart[];

export function parseRoute(path: string): Route {
  const [, first, second, third] = path.split("/");
  if (first === "invite" && second) return { name: "invite", code: decodeURIComponent(second) };
  if (first === "g" && second) return { name: "guild", guildId: second, channelId: third || null };
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
export const settingsPath = (part: SettingsPart) => `/settings/${part}`;
