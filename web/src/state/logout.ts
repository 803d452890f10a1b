/** Ends this login, here and on the server. */
import { forgetAll } from "../ui/storage.ts";
import { account, api } from "./account.svelte.ts";

/** The server is told first; where it cannot be reached the login is forgotten here all the same. */
export async function logOut(): Promise<void> {
  await Promise.race([api.logout().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 3000))]);
  account.forget();
  forgetTraces();
  history.replaceState(null, "", "/");
  location.reload();
}

/** Drafts and where one was are nobody else's business; how things look and sound belongs to the device. */
function forgetTraces(): void {
  for (const prefix of ["voxlink.draft.", "voxlink.outbox", "voxlink.last"]) forgetAll(prefix);
}
