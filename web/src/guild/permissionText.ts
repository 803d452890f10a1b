/** Permissions in plain words, grouped as people think of them. */
import { Permission, type PermissionName } from "../permissions.ts";
import { m } from "../ui/messages.ts";

export type PermissionGroup = "keep" | "people" | "text" | "voice" | "all";

interface Entry {
  name: PermissionName;
  title: () => string;
  text: () => string;
  group: PermissionGroup;
  /** Kinds of channels where an entry of the channel's own makes sense. */
  channels: readonly ("text" | "voice")[];
}

const both = ["text", "voice"] as const;
const entries: readonly Entry[] = [
  { name: "viewChannel", title: m.perm_view_channel, text: m.perm_view_channel_text, group: "keep", channels: both },
  { name: "manageChannels", title: m.perm_manage_channels, text: m.perm_manage_channels_text, group: "keep", channels: both },
  { name: "manageRoles", title: m.perm_manage_roles, text: m.perm_manage_roles_text, group: "keep", channels: both },
  { name: "manageGuild", title: m.perm_manage_guild, text: m.perm_manage_guild_text, group: "keep", channels: [] },
  { name: "manageExpressions", title: m.perm_manage_expressions, text: m.perm_manage_expressions_text, group: "keep", channels: [] },
  { name: "viewAuditLog", title: m.perm_view_audit_log, text: m.perm_view_audit_log_text, group: "keep", channels: [] },
  { name: "manageWebhooks", title: m.perm_manage_webhooks, text: m.perm_manage_webhooks_text, group: "keep", channels: both },
  { name: "createInvite", title: m.perm_create_invite, text: m.perm_create_invite_text, group: "people", channels: both },
  { name: "changeNickname", title: m.perm_change_nickname, text: m.perm_change_nickname_text, group: "people", channels: [] },
  { name: "manageNicknames", title: m.perm_manage_nicknames, text: m.perm_manage_nicknames_text, group: "people", channels: [] },
  { name: "moderateMembers", title: m.perm_moderate_members, text: m.perm_moderate_members_text, group: "people", channels: [] },
  { name: "kickMembers", title: m.perm_kick_members, text: m.perm_kick_members_text, group: "people", channels: [] },
  { name: "banMembers", title: m.perm_ban_members, text: m.perm_ban_members_text, group: "people", channels: [] },
  { name: "sendMessages", title: m.perm_send_messages, text: m.perm_send_messages_text, group: "text", channels: both },
  { name: "readHistory", title: m.perm_read_history, text: m.perm_read_history_text, group: "text", channels: both },
  { name: "attachFiles", title: m.perm_attach_files, text: m.perm_attach_files_text, group: "text", channels: both },
  { name: "embedLinks", title: m.perm_embed_links, text: m.perm_embed_links_text, group: "text", channels: both },
  { name: "addReactions", title: m.perm_add_reactions, text: m.perm_add_reactions_text, group: "text", channels: both },
  { name: "useExternalEmojis", title: m.perm_use_external_emojis, text: m.perm_use_external_emojis_text, group: "text", channels: both },
  { name: "mentionEveryone", title: m.perm_mention_everyone, text: m.perm_mention_everyone_text, group: "text", channels: both },
  { name: "pinMessages", title: m.perm_pin_messages, text: m.perm_pin_messages_text, group: "text", channels: both },
  { name: "manageMessages", title: m.perm_manage_messages, text: m.perm_manage_messages_text, group: "text", channels: both },
  { name: "bypassSlowMode", title: m.perm_bypass_slow_mode, text: m.perm_bypass_slow_mode_text, group: "text", channels: both },
  { name: "useCommands", title: m.perm_use_commands, text: m.perm_use_commands_text, group: "text", channels: both },
  { name: "connect", title: m.perm_connect, text: m.perm_connect_text, group: "voice", channels: ["voice"] },
  { name: "speak", title: m.perm_speak, text: m.perm_speak_text, group: "voice", channels: ["voice"] },
  { name: "stream", title: m.perm_stream, text: m.perm_stream_text, group: "voice", channels: ["voice"] },
  { name: "useSoundboard", title: m.perm_use_soundboard, text: m.perm_use_soundboard_text, group: "voice", channels: ["voice"] },
  { name: "useExternalSounds", title: m.perm_use_external_sounds, text: m.perm_use_external_sounds_text, group: "voice", channels: ["voice"] },
  { name: "recordCalls", title: m.perm_record_calls, text: m.perm_record_calls_text, group: "voice", channels: ["voice"] },
  { name: "muteMembers", title: m.perm_mute_members, text: m.perm_mute_members_text, group: "voice", channels: ["voice"] },
  { name: "deafenMembers", title: m.perm_deafen_members, text: m.perm_deafen_members_text, group: "voice", channels: ["voice"] },
  { name: "moveMembers", title: m.perm_move_members, text: m.perm_move_members_text, group: "voice", channels: ["voice"] },
  { name: "administrator", title: m.perm_administrator, text: m.perm_administrator_text, group: "all", channels: [] },
];

export interface PermissionLine {
  name: PermissionName;
  bit: bigint;
  title: string;
  text: string;
}
export interface PermissionSection {
  group: PermissionGroup;
  title: string;
  lines: PermissionLine[];
}

/** All of them, or those that a channel of one kind (a category: both) may set for itself; `query` narrows. Read while drawing: follows the language. */
export function permissionSections(scope: "guild" | "text" | "voice" | "category", query = ""): PermissionSection[] {
  const wanted = query.trim().toLowerCase();
  const fits = (entry: Entry) => scope === "guild" || (scope === "category" ? entry.channels.length > 0 : entry.channels.includes(scope));
  const lines = entries.filter(fits).map((entry) => ({ group: entry.group, name: entry.name, bit: Permission[entry.name], title: entry.title(), text: entry.text() }));
  const found = lines.filter((line) => wanted === "" || line.title.toLowerCase().includes(wanted) || line.text.toLowerCase().includes(wanted));
  return (["keep", "people", "text", "voice", "all"] as const)
    .map((group) => ({ group, title: groupTitle(group), lines: found.filter((line) => line.group === group) }))
    .filter((section) => section.lines.length > 0);
}

/** The names of all bits that are set, for sentences. */
export function permissionNames(bits: bigint): string[] {
  return entries.filter((entry) => (bits & Permission[entry.name]) !== 0n).map((entry) => entry.title());
}

function groupTitle(group: PermissionGroup): string {
  switch (group) {
    case "keep":
      return m.perm_group_keep();
    case "people":
      return m.perm_group_people();
    case "text":
      return m.perm_group_text();
    case "voice":
      return m.perm_group_voice();
    case "all":
      return m.perm_group_all();
  }
}
