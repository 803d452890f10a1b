/** What stands beside the messages: people, pinned messages or a search. People are remembered, the others come and go. */
import type { Id } from "../state/model.ts";
import { wide } from "../ui/hold.svelte.ts";
import { keep, kept } from "../ui/storage.ts";

export type PanelKind = "people" | "pins" | "search";

class Panel {
  #people = $state(kept<boolean>("voxlink.side") ?? true);
  /** Over the people, or alone in a narrow window. */
  #over = $state<PanelKind | null>(null);
  shown = $derived<PanelKind | null>(this.#over ?? (wide.matches && this.#people ? "people" : null));
  /** What a search begins with, when something asks for one. */
  query = $state("");
  channelId = $state<Id | null>(null);

  toggle(kind: PanelKind): void {
    if (kind !== "people") {
      this.#over = this.#over === kind ? null : kind;
    } else if (!wide.matches) {
      this.#over = this.#over === "people" ? null : "people";
    } else if (this.#over !== null) {
      this.#over = null;
      this.#keep(true);
    } else this.#keep(!this.#people);
  }

  open(kind: PanelKind): void {
    if (kind === "people" && wide.matches) this.#keep(true);
    else this.#over = kind;
  }

  /** Takes away what covers the people, or the messages. False: there was nothing. */
  close(): boolean {
    if (this.#over === null) return false;
    this.#over = null;
    return true;
  }

  /** A window that became wide shows people in their own place again. */
  widened(): void {
    if (this.#over === "people") this.#over = null;
  }

  #keep(shown: boolean): void {
    this.#people = shown;
    keep("voxlink.side", shown);
  }
}

export const panel = new Panel();
