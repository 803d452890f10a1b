/** One sentence above the place to write: what just did not work. It goes by itself, or when it is pressed. */
import { announce } from "../ui/announce.svelte.ts";

const STAYS_MS = 8000;

class Notice {
  text = $state<string | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    clearTimeout(this.#timer);
    this.text = text;
    announce(text);
    this.#timer = setTimeout(() => this.clear(), STAYS_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.text = null;
  }
}

export const notice = new Notice();
