/** Sentences for screen readers: said once, politely, never stacked. `Announcer.svelte` holds the live region. */

class Live {
  text = $state("");
}
export const live = new Live();

export function announce(text: string): void {
  // The same sentence twice must still be a change, or it is not read.
  live.text = live.text === text ? `${text}\u00A0` : text;
}
