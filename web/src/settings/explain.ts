/** Refusals that forms with a password get, in words that fit them. */
import { ApiError } from "../api/http.ts";
import { m } from "../ui/messages.ts";

/** Null: the common sentences know it. */
export function explainProof(error: unknown): string | null {
  if (!(error instanceof ApiError)) return null;
  const fresh = error.fields["new_password"];
  if (fresh) return fresh === "PASSWORD_TOO_COMMON" ? m.door_password_common() : m.door_password_short();
  const name = error.fields["username"];
  if (name) return name.includes("TAKEN") || name.includes("ALREADY") ? m.door_name_taken() : m.door_name_bad();
  return error.fields["password"] ? m.error_password() : null;
}

/** Whether the server wants the second factor with it. */
export function wantsCode(error: unknown): boolean {
  return error instanceof ApiError && error.code === 60003;
}
