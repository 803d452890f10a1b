/** What floats above: one dialog and one menu at a time. Asked for here, drawn by `Overlays.svelte`, which is loaded on first use. */
import type { Component } from "svelte";
import type { Id } from "../state/model.ts";
import type { AdminDialogSpec } from "./adminDialogs.ts";
import type { ChatDialogSpec, PickerSpec } from "./chatDialogs.ts";

export type DialogSpec =
  | AdminDialogSpec
  | ChatDialogSpec
  | { name: "add-guild" }
  | { name: "invite"; guildId: Id }
  | { name: "leave-guild"; guildId: Id }
  | { name: "create-channel"; guildId: Id; kind: "text" | "voice" | "category"; parentId?: Id | null }
  | { name: "delete-channel"; guildId: Id; channelId: Id }
  | { name: "delete-message"; channelId: Id; messageId: Id }
  | { name: "person"; guildId: Id | null; userId: Id }
  | { name: "call-quality"; guildId: Id | null; channelId: Id }
  | { name: "recordings"; channelId: Id; channelName: string }
  | { name: "lossless"; recordingId: Id }
  | { name: "goto" }
  | { name: "keys" };

export interface MenuItem {
  label: string;
  icon?: Component<{ class?: string }>;
  danger?: boolean;
  /** One of several that exclude each other: whether it is the one. */
  checked?: boolean;
  /** A few words under the label. */
  hint?: string;
  /** A line above it. */
  apart?: boolean;
  action: () => void;
  testid?: string;
}
export interface MenuSpec {
  label: string;
  items: MenuItem[];
  /** Beside an element, or at a point of the window. */
  at: HTMLElement | { x: number; y: number };
  /** Where the focus goes afterwards. */
  opener: HTMLElement | null;
}

class Overlays {
  dialog = $state.raw<DialogSpec | null>(null);
  menu = $state.raw<MenuSpec | null>(null);
  picker = $state.raw<PickerSpec | null>(null);
  #opener: HTMLElement | null = null;
  #chosen: (() => void) | null = null;

  show(dialog: DialogSpec): void {
    if (!this.dialog) this.#opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    this.dialog = dialog;
  }

  close(): void {
    this.dialog = null;
    const opener = this.#opener;
    this.#opener = null;
    // Focus returns where it came from, once the dialog is gone.
    requestAnimationFrame(() => opener?.isConnected && opener.focus());
  }

  showMenu(spec: MenuSpec): void {
    this.menu = spec;
  }

  showPicker(spec: PickerSpec): void {
    this.picker = this.picker?.at === spec.at ? null : spec;
  }

  closePicker(): void {
    const opener = this.picker?.at;
    this.picker = null;
    requestAnimationFrame(() => {
      if (opener?.isConnected && (document.activeElement === document.body || !document.activeElement)) opener.focus();
    });
  }

  /** What was chosen from the menu is done once it is gone: until then the focus is caught in it. */
  choose(action: () => void): void {
    this.#chosen = action;
    this.closeMenu();
  }

  closeMenu(): void {
    const opener = this.menu?.opener;
    this.menu = null;
    requestAnimationFrame(() => {
      if (!this.dialog && opener?.isConnected && (document.activeElement === document.body || !document.activeElement)) opener.focus();
      const action = this.#chosen;
      this.#chosen = null;
      action?.();
    });
  }
}

export const overlays = new Overlays();
