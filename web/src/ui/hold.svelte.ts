/** Values that follow time: a clock for durations, a wait before showing something, the width of the window. */

/** The time, renewed every second while somebody looks at it. */
export function ticking(): { readonly now: number } {
  let now = $state(Date.now());
  $effect(() => {
    const timer = setInterval(() => (now = Date.now()), 1000);
    return () => clearInterval(timer);
  });
  return {
    get now() {
      return now;
    },
  };
}

/** True once `condition` has held for `ms`: what passes sooner is never shown. */
export function lasting(condition: () => boolean, ms: number): { readonly value: boolean } {
  let value = $state(false);
  // Only the answer counts: what it is computed from may change as often as it likes without starting the wait anew.
  const holds = $derived(condition());
  $effect(() => {
    if (!holds) {
      value = false;
      return;
    }
    const timer = setTimeout(() => (value = true), ms);
    return () => clearTimeout(timer);
  });
  return {
    get value() {
      return value;
    },
  };
}

/** A media query as a value. */
class Media {
  #query: MediaQueryList;
  matches = $state(false);
  constructor(query: string) {
    this.#query = matchMedia(query);
    this.matches = this.#query.matches;
    this.#query.addEventListener("change", ({ matches }) => (this.matches = matches));
  }
}
/** One column at a time. The same number as in the style sheets: media queries cannot read tokens. */
export const phone = new Media("(max-width: 719px)");
export const wide = new Media("(min-width: 1200px)");
