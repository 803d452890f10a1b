/** What went wrong with a sound, in a sentence or two. */
import { sentence } from "../api/errors.ts";
import { ApiError } from "../api/http.ts";
import { m } from "../ui/messages.ts";

export function soundProblem(error: unknown): string {
  if (!(error instanceof ApiError)) return sentence(error);
  if (error.status === 429) return m.gs_sound_wait();
  switch (error.code) {
    case 10097:
      return m.gs_sound_gone();
    case 30045:
      return m.gs_sound_full();
    case 40032:
      return m.gs_sound_outside();
    case 50045:
    case 50046:
      return m.gs_sound_bad();
    default:
      return sentence(error);
  }
}
