// `m.cancel()` becomes an import of that one message, so that a part of the client that is loaded later brings its own
// words: through the index module every sentence would be in the first chunk.
import { existsSync } from "node:fs";

const folder = new URL("../src/paraglide/messages/", import.meta.url).pathname;
const importing = /import\s*\{\s*m\s*\}\s*from\s*(["'])[^"']*ui\/messages\.ts\1;?|import\s*\{\s*m\s*\}\s*from\s*(["'])\.\/messages\.ts\2;?/u;

/** A plugin of Vite's, for builds. */
export function perMessage() {
  return {
    name: "per-message",
    apply: "build",
    enforce: "post",
    transform(code, id) {
      if (!/\.(?:svelte|ts)(?:\?|$)/u.test(id) || !importing.test(code)) return null;
      const used = new Set();
      let all = true;
      const next = code.replace(importing, "").replace(/(?<![\w$.])m(?:\.(\w+))?(?![\w$:])/gu, (whole, name) => {
        if (name === undefined) return whole;
        if (!existsSync(`${folder}${name}.js`)) {
          all = false;
          return whole;
        }
        used.add(name);
        return `m$${name}`;
      });
      // Through the index it would bring every sentence there is. Names with capital letters have files of other names.
      if (!all) this.error(`${id} uses a message that does not exist or has capital letters, or another m`);
      const imports = [...used].map((name) => `import { ${name} as m$${name} } from ${JSON.stringify(`${folder}${name}.js`)};`).join("");
      return { code: `${imports}${next}`, map: null };
    },
  };
}
