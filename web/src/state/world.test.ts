import { expect, test } from "vitest";
import type { WireEvent, WireGuild } from "../api/wire.ts";
import { applyEvent, channelsOf, emptyWorld, type World } from "./world.ts";

const user = { id: "10", username: "marta" };
const harbour: WireGuild = {
  id: "1",
  name: "Harbour",
  owner_id: "10",
  channels: [
    { id: "2", type: 0, name: "tea", position: 1 },
    { id: "3", type: 2, name: "bench", position: 0 },
    { id: "4", type: 0, name: "wood", position: 0 },
  ],
  roles: [{ id: "1", name: "@everyone", permissions: "1024", position: 0 }],
  members: [{ user, roles: [] }],
  member_count: 1,
};
const ready: WireEvent = { t: "READY", d: { user, session_id: "s", resume_gateway_url: "", guilds: [{ ...harbour, unavailable: true }] } };

function after(...events: WireEvent[]): World {
  return events.reduce(applyEvent, emptyWorld);
}

test("a guild is awaited from READY until its GUILD_CREATE", () => {
  expect(after(ready).awaited.has("1")).toBe(true);
  const world = after(ready, { t: "GUILD_CREATE", d: harbour });
  expect(world.awaited.size).toBe(0);
  expect(channelsOf(world.guilds.get("1")!, "text").map((c) => c.name)).toEqual(["wood", "tea"]);
});

test("after a new READY a guild that is no longer ours is gone", () => {
  const world = after(ready, { t: "GUILD_CREATE", d: harbour }, { ...ready, d: { ...ready.d, guilds: [] } } as WireEvent);
  expect(world.guilds.size).toBe(0);
});

test("people come into a room, mute themselves and leave", () => {
  const state = { guild_id: "1", user_id: "10", session_id: "x", self_mute: false, self_deaf: false };
  const start = after(ready, { t: "GUILD_CREATE", d: harbour });
  const inside = applyEvent(start, { t: "VOICE_STATE_UPDATE", d: { ...state, channel_id: "3" } });
  expect(inside.guilds.get("1")!.voice.get("10")).toMatchObject({ channelId: "3", muted: false });
  const muted = applyEvent(inside, { t: "VOICE_STATE_UPDATE", d: { ...state, channel_id: "3", self_mute: true } });
  expect(muted.guilds.get("1")!.voice.get("10")!.muted).toBe(true);
  const outside = applyEvent(muted, { t: "VOICE_STATE_UPDATE", d: { ...state, channel_id: null } });
  expect(outside.guilds.get("1")!.voice.size).toBe(0);
});

test("deleting a room empties it", () => {
  const state = { guild_id: "1", user_id: "10", session_id: "x", self_mute: false, self_deaf: false, channel_id: "3" };
  const world = after(ready, { t: "GUILD_CREATE", d: harbour }, { t: "VOICE_STATE_UPDATE", d: state }, { t: "CHANNEL_DELETE", d: { id: "3", type: 2, guild_id: "1" } });
  expect(world.guilds.get("1")!.voice.size).toBe(0);
});

test("the newest message of a channel is remembered, an older one does not undo it", () => {
  const message = (id: string): WireEvent => ({
    t: "MESSAGE_CREATE",
    d: { id, channel_id: "2", guild_id: "1", author: user, content: "", timestamp: "2026-11-21T19:00:00Z", edited_timestamp: null },
  });
  const world = after(ready, { t: "GUILD_CREATE", d: harbour }, message("1000"), message("999"));
  expect(world.guilds.get("1")!.channels.get("2")!.lastMessageId).toBe("1000");
});

test("a changed name shows in every guild", () => {
  const world = after(ready, { t: "GUILD_CREATE", d: harbour }, { t: "USER_UPDATE", d: { ...user, global_name: "Marta Ozola" } });
  expect(world.self!.name).toBe("Marta Ozola");
  expect(world.guilds.get("1")!.members.get("10")!.user.name).toBe("Marta Ozola");
});

test("an event about a guild we do not know changes nothing", () => {
  const world = after(ready);
  expect(applyEvent(world, { t: "GUILD_MEMBER_REMOVE", d: { guild_id: "77", user } })).toBe(world);
});
