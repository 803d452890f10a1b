/** The routes of the soundboard (v10), one function each. */
import type { Http } from "../api/http.ts";
import { http } from "../state/account.svelte.ts";
import type { WireSound } from "./wire.ts";

export interface SoundPart {
  name?: string;
  volume?: number;
  emoji_id?: string | null;
  emoji_name?: string | null;
}

function soundRoutes(http: Http) {
  const sounds = (guild: string) => `/api/v10/guilds/${guild}/soundboard-sounds`;
  return {
    all: (guild: string) => http.request<{ items: WireSound[] }>("GET", sounds(guild)),
    create: (guild: string, body: SoundPart & { name: string; sound: string }) => http.request<WireSound>("POST", sounds(guild), body),
    change: (guild: string, sound: string, body: SoundPart) => http.request<WireSound>("PATCH", `${sounds(guild)}/${sound}`, body),
    remove: (guild: string, sound: string) => http.request<void>("DELETE", `${sounds(guild)}/${sound}`),
    play: (channel: string, guild: string, sound: string) => http.request<void>("POST", `/api/v10/channels/${channel}/send-soundboard-sound`, { sound_id: sound, source_guild_id: guild }),
  };
}

export const soundApi = soundRoutes(http);
