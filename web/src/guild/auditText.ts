/** The log in words: what was done, to what, and what changed. */
import type { WireAuditChange, WireAuditEntry } from "../api/adminRoutes.ts";
import type { Guild, Id, User } from "../state/model.ts";
import { count, percent, shortDate } from "../ui/format.ts";
import { m } from "../ui/messages.ts";
import { css } from "../ui/pictures.ts";
import { permissionNames } from "./permissionText.ts";

/** What one can narrow the log to, by v10 action. */
export function actionFilters(): { action: number; label: string }[] {
  return [
    { action: 1, label: m.lf_community() },
    { action: 10, label: m.lf_channel_create() },
    { action: 11, label: m.lf_channel_update() },
    { action: 12, label: m.lf_channel_delete() },
    { action: 13, label: m.lf_overwrite_create() },
    { action: 14, label: m.lf_overwrite_update() },
    { action: 15, label: m.lf_overwrite_delete() },
    { action: 20, label: m.lf_kick() },
    { action: 22, label: m.lf_ban() },
    { action: 23, label: m.lf_unban() },
    { action: 24, label: m.lf_member() },
    { action: 25, label: m.lf_member_roles() },
    { action: 28, label: m.lf_bot() },
    { action: 30, label: m.lf_role_create() },
    { action: 31, label: m.lf_role_update() },
    { action: 32, label: m.lf_role_delete() },
    { action: 40, label: m.lf_invite_create() },
    { action: 42, label: m.lf_invite_delete() },
    { action: 60, label: m.lf_emoji_create() },
    { action: 61, label: m.lf_emoji_update() },
    { action: 62, label: m.lf_emoji_delete() },
    { action: 72, label: m.lf_message_delete() },
    { action: 73, label: m.lf_message_bulk() },
    { action: 74, label: m.lf_pin() },
    { action: 75, label: m.lf_unpin() },
    { action: 130, label: m.lf_sound_create() },
    { action: 131, label: m.lf_sound_update() },
    { action: 132, label: m.lf_sound_delete() },
    { action: 1000, label: m.lf_record() },
    { action: 1001, label: m.lf_record_stop() },
    { action: 1002, label: m.lf_record_delete() },
    { action: 1003, label: m.lf_record_rule() },
    { action: 1004, label: m.lf_broadcast() },
    { action: 1005, label: m.lf_broadcast_stop() },
    { action: 1006, label: m.lf_record_take_out() },
  ];
}

export function actionText(entry: WireAuditEntry, guild: Guild, users: ReadonlyMap<Id, User>): string {
  const target = targetName(entry, guild, users);
  switch (entry.action_type) {
    case 1:
      return m.la_1();
    case 10:
      return m.la_10({ target });
    case 11:
      return m.la_11({ target });
    case 12:
      return m.la_12({ target });
    case 13:
      return m.la_13({ target });
    case 14:
      return m.la_14({ target });
    case 15:
      return m.la_15({ target });
    case 20:
      return m.la_20({ target });
    case 22:
      return m.la_22({ target });
    case 23:
      return m.la_23({ target });
    case 24:
      return m.la_24({ target });
    case 25:
      return m.la_25({ target });
    case 26:
      return m.la_26();
    case 27:
      return m.la_27();
    case 28:
      return m.la_28({ target });
    case 30:
      return m.la_30({ target });
    case 31:
      return m.la_31({ target });
    case 32:
      return m.la_32({ target });
    case 40:
      return m.la_40();
    case 41:
      return m.la_41();
    case 42:
      return m.la_42();
    case 60:
      return m.la_60({ target });
    case 61:
      return m.la_61({ target });
    case 62:
      return m.la_62({ target });
    case 72:
      return m.la_72({ target });
    case 73:
      return m.la_73({ target });
    case 74:
      return m.la_74({ target });
    case 75:
      return m.la_75({ target });
    case 130:
      return m.la_130({ target });
    case 131:
      return m.la_131({ target });
    case 132:
      return m.la_132({ target });
    case 1000:
      return m.la_1000({ target });
    case 1001:
      return m.la_1001({ target });
    case 1002:
      return m.la_1002({ target });
    case 1003:
      return m.la_1003();
    case 1004:
      return m.la_1004({ target });
    case 1005:
      return m.la_1005({ target });
    case 1006:
      return m.la_1006({ target });
    default:
      return m.la_other({ number: entry.action_type });
  }
}

/** The name of what it was done to: as it is called now, or as the entry remembers it. */
function targetName(entry: WireAuditEntry, guild: Guild, users: ReadonlyMap<Id, User>): string {
  const id = entry.target_id ?? "";
  const remembered = entry.changes?.find((change) => change.key === "name");
  const name = remembered?.new_value ?? remembered?.old_value;
  return guild.channels.get(id)?.name ?? (id === guild.id && entry.action_type >= 30 && entry.action_type < 40 ? m.role_everyone() : guild.roles.get(id)?.name) ?? guild.members.get(id)?.user.name ?? users.get(id)?.name ?? (typeof name === "string" ? name : id);
}

/** Each change as a line. */
export function changeLines(entry: WireAuditEntry, guild: Guild, users: ReadonlyMap<Id, User>): string[] {
  const lines = (entry.changes ?? []).flatMap((change) => line(entry, change, guild, users));
  const seconds = Number(entry.options?.["delete_message_seconds"] ?? 0);
  if (seconds > 0) lines.push(m.log_deleted_days({ time: seconds >= 86_400 ? m.days_for({ count: Math.round(seconds / 86_400) }) : m.hours_for({ count: Math.round(seconds / 3600) }) }));
  const messages = entry.options?.["count"];
  if (messages !== undefined && messages !== null) lines.push(m.log_count({ count: String(messages) }));
  return lines;
}

function line(entry: WireAuditEntry, change: WireAuditChange, guild: Guild, users: ReadonlyMap<Id, User>): string[] {
  const key = keyName(change.key);
  // What was just made has its name in the sentence already, and says nothing with what is not so.
  const made = change.old_value === undefined || change.old_value === null;
  if (key === null || (made && (change.new_value === false || change.new_value === 0 || change.key === "position" || (change.key === "name" && entry.action_type !== 1)))) return [];
  if (change.key === "$add" || change.key === "$remove") {
    const roles = Array.isArray(change.new_value) ? (change.new_value as { id: string; name?: string }[]) : [];
    return [m.log_set({ key, fresh: roles.map((role) => guild.roles.get(role.id)?.name ?? role.name ?? role.id).join(", ") })];
  }
  if (change.key === "permissions" || change.key === "allow" || change.key === "deny") return bits(key, change);
  const old = value(change.key, change.old_value, guild, users);
  const fresh = value(change.key, change.new_value, guild, users);
  if (change.old_value === undefined || change.old_value === null || change.old_value === "") return change.new_value === undefined || change.new_value === null ? [] : [m.log_set({ key, fresh })];
  if (change.new_value === undefined || change.new_value === null || change.new_value === "") return [m.log_cleared({ key, old })];
  return [m.log_from_to({ key, old, fresh })];
}

/** Bit sets by what came and what went: + and − before the names. */
function bits(key: string, change: WireAuditChange): string[] {
  const old = big(change.old_value);
  const fresh = big(change.new_value);
  const parts = [...permissionNames(fresh & ~old).map((name) => `+ ${name}`), ...permissionNames(old & ~fresh).map((name) => `− ${name}`)];
  return parts.length === 0 ? [] : [m.log_set({ key, fresh: parts.join(", ") })];
}

function big(raw: unknown): bigint {
  return typeof raw === "number" || (typeof raw === "string" && /^\d+$/u.test(raw)) ? BigInt(raw) : 0n;
}

function value(key: string, raw: unknown, guild: Guild, users: ReadonlyMap<Id, User>): string {
  if (raw === undefined || raw === null || raw === "") return m.log_nothing();
  if (typeof raw === "boolean") return raw ? m.log_yes() : m.log_no();
  if (key === "recording_policy") return raw === "off" ? m.rec_rule_off() : raw === "ask" ? m.rec_rule_ask() : m.rec_rule_announce();
  if (key === "color") return css(Number(raw)) ?? m.log_nothing();
  if (key === "owner_id") return users.get(String(raw))?.name ?? guild.members.get(String(raw))?.user.name ?? String(raw);
  if (key === "parent_id") return guild.channels.get(String(raw))?.name ?? String(raw);
  if (key === "communication_disabled_until") return shortDate(Date.parse(String(raw)));
  if (key === "volume" && typeof raw === "number") return percent(raw);
  if (key === "icon_hash" || key === "icon") return m.log_yes();
  return typeof raw === "number" ? count(raw) : typeof raw === "object" ? JSON.stringify(raw) : String(raw as string | bigint);
}

/** Null for keys that say nothing to a person. */
function keyName(key: string): string | null {
  switch (key) {
    case "name":
      return m.lk_name();
    case "nick":
      return m.lk_nick();
    case "volume":
      return m.lk_volume();
    case "emoji_name":
      return m.lk_emoji();
    case "topic":
      return m.lk_topic();
    case "permissions":
      return m.lk_permissions();
    case "allow":
      return m.lk_allow();
    case "deny":
      return m.lk_deny();
    case "color":
      return m.lk_color();
    case "hoist":
      return m.lk_hoist();
    case "mentionable":
      return m.lk_mentionable();
    case "position":
      return m.lk_position();
    case "icon_hash":
    case "icon":
      return m.lk_icon();
    case "owner_id":
      return m.lk_owner();
    case "description":
      return m.lk_description();
    case "rate_limit_per_user":
      return m.lk_slow();
    case "nsfw":
      return m.lk_age();
    case "parent_id":
      return m.lk_parent();
    case "bitrate":
      return m.lk_bitrate();
    case "user_limit":
      return m.lk_limit();
    case "$add":
      return m.lk_roles_given();
    case "$remove":
      return m.lk_roles_taken();
    case "communication_disabled_until":
      return m.lk_timeout();
    case "code":
      return m.lk_code();
    case "recording_policy":
      return m.lk_record_policy();
    case "recording_keep_days":
      return m.lk_record_days();
    default:
      return null;
  }
}
