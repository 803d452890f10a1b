import { expect, test } from "vitest";
import type { WireEvent, WireMessage } from "../api/wire.ts";
import { aChannel, aGuild, aMember } from "./builders.ts";
import { applyInbox, directMentions, directsInOrder, emptyInbox, guildBadge, idAt, idTime, isMuted, isUnread, mentionsIn, type Inbox } from "./inbox.ts";
import { emptyWorld, type World } from "./world.ts";

const marta = { id: "10", username: "marta" };
const ilya = { id: "11", username: "ilya", global_name: "Ilya" };
const vera = { id: "12", username: "vera" };
const guild = aGuild({ id: "1", members: [{ ...aMember("10", ["5"]), joinedAt: idTime("100") }], channels: [aChannel({ id: "2" }), aChannel({ id: "3", parentId: "9" })] });
const world: World = { ...emptyWorld, self: { id: "10", username: "marta", name: "marta", bot: false, avatar: null }, guilds: new Map([["1", guild]]) };
const ready: WireEvent = {
  t: "READY",
  d: {
    user: marta,
    session_id: "s",
    resume_gateway_url: "",
    guilds: [],
    private_channels: [
      { id: "20", type: 1, last_message_id: "200", recipients: [ilya] },
      { id: "21", type: 3, last_message_id: "300", recipients: [ilya, vera], owner_id: "11" },
    ],
    read_state: [{ channel_id: "2", last_message_id: "150", mention_count: 0 }],
    user_guild_settings: [],
  },
};
const after = (...events: WireEvent[]): Inbox => events.reduce((inbox, event) => applyInbox(inbox, event, world), emptyInbox);
const said = (id: string, part: Partial<WireMessage> = {}): WireEvent => ({
  t: "MESSAGE_CREATE",
  d: { id, channel_id: "2", guild_id: "1", author: ilya, content: "", timestamp: "2026-11-21T19:00:00Z", edited_timestamp: null, ...part },
});

test("mentions count by name, by role and as everybody, never one's own words", () => {
  const inbox = after(ready, said("160"), said("161", { mentions: [marta] }), said("162", { mention_roles: ["5"] }), said("163", { mention_everyone: true }), said("164", { mention_roles: ["6"] }));
  expect(mentionsIn(inbox, "2")).toBe(3);
  const own = applyInbox(inbox, said("165", { author: marta, mentions: [marta] }), world);
  expect(own.reads.get("2")).toEqual({ lastId: "165", mentions: 0 });
});

test("a message that was read on another device does not ring again", () => {
  const inbox = after(ready, { t: "MESSAGE_ACK", d: { channel_id: "2", last_message_id: "170", mention_count: 0 } }, said("169", { mentions: [marta] }));
  expect(mentionsIn(inbox, "2")).toBe(0);
});

test("who wants no @everyone hears none", () => {
  const wishes: WireEvent = { t: "USER_GUILD_SETTINGS_UPDATE", d: { guild_id: "1", muted: false, suppress_everyone: true, suppress_roles: true } };
  expect(mentionsIn(after(ready, wishes, said("160", { mention_everyone: true }), said("161", { mention_roles: ["5"] })), "2")).toBe(0);
});

test("a channel never opened owes nobody what was said before they came", () => {
  const inbox = after(ready);
  const joined = idTime("400000000000");
  expect(isUnread(inbox, aChannel({ id: "3", lastMessageId: idAt(joined - 1) }), joined)).toBe(false);
  expect(isUnread(inbox, aChannel({ id: "3", lastMessageId: idAt(joined + 1) }), joined)).toBe(true);
  expect(isUnread(inbox, aChannel({ id: "2", lastMessageId: "150" }), joined)).toBe(false);
  expect(isUnread(inbox, aChannel({ id: "2", lastMessageId: "151" }), joined)).toBe(true);
});

test("mutes hold for the channel, its category or the guild, and run out", () => {
  const wishes = (part: object): WireEvent => ({ t: "USER_GUILD_SETTINGS_UPDATE", d: { guild_id: "1", muted: false, ...part } });
  const [tea, wood] = [...guild.channels.values()] as [never, never];
  const muted = after(ready, wishes({ channel_overrides: [{ channel_id: "9", muted: true, mute_until: "2026-11-21T19:00:00Z" }] }));
  const until = Date.parse("2026-11-21T19:00:00Z");
  expect([isMuted(muted, "1", wood, until - 1), isMuted(muted, "1", wood, until), isMuted(muted, "1", tea, until - 1)]).toEqual([true, false, false]);
  expect(isMuted(after(ready, wishes({ muted: true })), "1", tea, 0)).toBe(true);
});

test("a guild's tile counts mentions everywhere and news only where it is not muted", () => {
  const inbox = after(ready, said("160", { mentions: [marta] }), { t: "USER_GUILD_SETTINGS_UPDATE", d: { guild_id: "1", muted: true } });
  const now = aGuild({ ...guild, members: [], roles: [], channels: [aChannel({ id: "2", lastMessageId: "160" })] });
  expect(guildBadge(inbox, now, () => true, "10", 0)).toEqual({ unread: false, mentions: 1 });
  expect(guildBadge(inbox, now, () => false, "10", 0)).toEqual({ unread: false, mentions: 0 });
});

test("conversations stand in the order of their last words, and a group goes by who is in it", () => {
  const inbox = after(ready, said("400", { channel_id: "20", guild_id: undefined as never }));
  expect(directsInOrder(inbox).map((direct) => direct.name)).toEqual(["Ilya", "Ilya, vera"]);
  expect(directMentions(inbox, 0)).toBe(1);
  const left = applyInbox(inbox, { t: "CHANNEL_RECIPIENT_REMOVE", d: { channel_id: "21", user: vera } }, world);
  expect(left.directs.get("21")!.name).toBe("Ilya");
  const named = applyInbox(left, { t: "CHANNEL_UPDATE", d: { id: "21", type: 3, name: "Night watch", recipients: [ilya] } }, world);
  expect(named.directs.get("21")).toMatchObject({ name: "Night watch", lastMessageId: "300" });
  expect(applyInbox(named, { t: "CHANNEL_DELETE", d: { id: "21", type: 3 } }, world).directs.has("21")).toBe(false);
});
