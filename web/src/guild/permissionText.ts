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
  { name: "viewChannel", title: m.perm_viewChannel, text: m.perm_viewChannel_text, group: "keep", channels: both },
  { name: "manageChannels", title: m.perm_manageChannels, text: m.perm_manageChannels_text, group: "keep", channels: both },
  { name: "manageRoles", title: m.perm_manageRoles, text: m.perm_manageRoles_text, group: "keep", channels: both },
  { name: "manageGuild", title: m.perm_manageGuild, text: m.perm_manageGuild_text, group: "keep", channels: [] },
  { name: "manageExpressions", title: m.perm_manageExpressions, text: m.perm_manageExpressions_text, group: "keep", channels: [] },
  { name: "viewAuditLog", title: m.perm_viewAuditLog, text: m.perm_viewAuditLog_text, group: "keep", channels: [] },
  { name: "manageWebhooks", title: m.perm_manageWebhooks, text: m.perm_manageWebhooks_text, group: "keep", channels: both },
  { name: "createInvite", title: m.perm_createInvite, text: m.perm_createInvite_text, group: "people", channels: both },
  { name: "changeNickname", title: m.perm_changeNickname, text: m.perm_changeNickname_text, group: "people", channels: [] },
  { name: "manageNicknames", title: m.perm_manageNicknames, text: m.perm_manageNicknames_text, group: "people", channels: [] },
  { name: "moderateMembers", title: m.perm_moderateMembers, text: m.perm_moderateMembers_text, group: "people", channels: [] },
  { name: "kickMembers", title: m.perm_kickMembers, text: m.perm_kickMembers_text, group: "people", channels: [] },
  { name: "banMembers", title: m.perm_banMembers, text: m.perm_banMembers_text, group: "people", channels: [] },
  { name: "sendMessages", title: m.perm_sendMessages, text: m.perm_sendMessages_text, group: "text", channels: both },
  { name: "readHistory", title: m.perm_readHistory, text: m.perm_readHistory_text, group: "text", channels: both },
  { name: "attachFiles", title: m.perm_attachFiles, text: m.perm_attachFiles_text, group: "text", channels: both },
  { name: "embedLinks", title: m.perm_embedLinks, text: m.perm_embedLinks_text, group: "text", channels: both },
  { name: "addReactions", title: m.perm_addReactions, text: m.perm_addReactions_text, group: "text", channels: both },
  { name: "useExternalEmojis", title: m.perm_useExternalEmojis, text: m.perm_useExternalEmojis_text, group: "text", channels: both },
  { name: "mentionEveryone", title: m.perm_mentionEveryone, text: m.perm_mentionEveryone_text, group: "text", channels: both },
  { name: "pinMessages", title: m.perm_pinMessages, text: m.perm_pinMessages_text, group: "text", channels: both },
  { name: "manageMessages", title: m.perm_manageMessages, text: m.perm_manageMessages_text, group: "text", channels: both },
  { name: "bypassSlowMode", title: m.perm_bypassSlowMode, text: m.perm_bypassSlowMode_text, group: "text", channels: both },
  { name: "useCommands", title: m.perm_useCommands, text: m.perm_useCommands_text, group: "text", channels: both },
  { name: "connect", title: m.perm_connect, text: m.perm_connect_text, group: "voice", channels: ["voice"] },
  { name: "speak", title: m.perm_speak, text: m.perm_speak_text, group: "voice", channels: ["voice"] },
  { name: "stream", title: m.perm_stream, text: m.perm_stream_text, group: "voice", channels: ["voice"] },
  { name: "useSoundboard", title: m.perm_useSoundboard, text: m.perm_useSoundboard_text, group: "voice", channels: ["voice"] },
  { name: "useExternalSounds", title: m.perm_useExternalSounds, text: m.perm_useExternalSounds_text, group: "voice", channels: ["voice"] },
  { name: "recordCalls", title: m.perm_recordCalls, text: m.perm_recordCalls_text, group: "voice", channels: ["voice"] },
  { name: "muteMembers", title: m.perm_muteMembers, text: m.perm_muteMembers_text, group: "voice", channels: ["voice"] },
  { name: "deafenMembers", title: m.perm_deafenMembers, text: m.perm_deafenMembers_text, group: "voice", channels: ["voice"] },
  { name: "moveMembers", title: m.perm_moveMembers, text: m.perm_moveMembers_text, group: "voice", channels: ["voice"] },
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
