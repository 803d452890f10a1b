/** Theme, contrast and language: what this device remembers about how things look. `public/theme.js` reads the same key before the first paint. */
import { overwriteGetLocale } from "../paraglide/runtime.js";
import { keep, kept } from "./storage.ts";

export type Theme = "system" | "light" | "dark";
export type Locale = "en" | "ru";

interface Kept {
  theme?: Theme;
  contrast?: "more" | "normal";
  locale?: Locale;
}

const KEY = "voxlink.look";
const first = kept<Kept>(KEY) ?? {};

class Look {
  theme = $state<Theme>(first.theme ?? "system");
  contrast = $state<"more" | "normal" | undefined>(first.contrast);
  locale = $state<Locale>(first.locale ?? (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en"));

  setTheme(theme: Theme): void {
    this.theme = theme;
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    this.#keep();
  }

  setContrast(more: boolean): void {
    this.contrast = more ? "more" : "normal";
    document.documentElement.dataset["contrast"] = this.contrast;
    this.#keep();
  }

  setLocale(locale: Locale): void {
    this.locale = locale;
    document.documentElement.lang = locale;
    this.#keep();
  }

  #keep(): void {
    keep(KEY, { theme: this.theme, contrast: this.contrast, locale: this.locale });
  }
}

export const look = new Look();

// Messages ask for the locale while they are drawn, so a component that draws one follows the language by itself.
overwriteGetLocale(() => look.locale);
