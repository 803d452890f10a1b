/** Every sentence the client says, typed; the texts are in messages/en.json and messages/ru.json. */
export * as m from "../paraglide/messages/_index.js";
