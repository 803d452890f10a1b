/** Opens the conversation with a person, or begins one. */
import { api } from "../state/account.svelte.ts";
import type { Id } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { directPath, router } from "../ui/router.svelte.ts";

export async function openDirect(userIds: readonly Id[]): Promise<void> {
  const known = userIds.length === 1 ? [...store.inbox.directs.values()].find((direct) => direct.kind === "direct" && direct.recipients[0]?.id === userIds[0]) : undefined;
  if (known) return router.go(directPath(known.id));
  const channel = await api.openDirect(userIds);
  store.apply({ t: "CHANNEL_CREATE", d: channel });
  router.go(directPath(channel.id));
}
