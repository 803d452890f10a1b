/** A refused request in one or two sentences: what happened, whether anything was lost, what to do. */
import { m } from "../ui/messages.ts";
import { ApiError } from "./http.ts";

export function sentence(error: unknown): string {
  if (!(error instanceof ApiError)) return m.error_unknown();
  if (error.status === 0) return m.error_no_answer();
  if (error.status === 429 && error.code !== 20016) return m.error_too_fast();
  if (error.status >= 500) return m.error_server();
  switch (error.code) {
    case 10003:
      return m.error_no_channel();
    case 10004:
      return m.error_no_guild();
    case 10006:
      return m.error_no_invite();
    case 10008:
      return m.error_no_message();
    case 10002:
      return m.error_no_application();
    case 10011:
      return m.error_no_role();
    case 10013:
      return m.error_no_user();
    case 10014:
      return m.error_no_emoji();
    case 10026:
      return m.error_no_ban();
    case 30002:
      return m.error_too_many_friends();
    case 30005:
      return m.error_too_many_roles();
    case 30008:
      return m.error_too_many_emoji();
    case 60003:
      return m.error_totp_needed();
    case 60008:
      return m.error_totp_wrong();
    case 80001:
      return m.error_friend_refused();
    case 80003:
      return m.error_friend_self();
    case 80004:
      return m.error_no_user();
    case 150_006:
      return m.error_owns_guilds();
    case 150_008:
      return m.error_bad_image();
    case 20016:
      return m.error_slow_mode();
    case 30003:
      return m.error_too_many_pins();
    case 30004:
      return m.error_group_full();
    case 30010:
      return m.error_too_many_reactions();
    case 40005:
      return m.error_file_too_large();
    case 40_186:
      return m.rec_take_out_busy();
    case 50007:
      return m.error_cannot_message();
    case 50034:
      return m.error_too_old();
    case 90001:
      return m.error_reaction_blocked();
    case 150_001:
    case 150_002:
      return m.error_storage();
    case 150_007:
      return m.error_quota();
    case 50001:
    case 50013:
      return m.error_not_allowed();
    case 50035:
      return m.error_field();
    default:
      return error.status === 404 ? m.error_not_found() : m.error_unknown();
  }
}

/** The small print under a sentence. */
export function fineprint(error: unknown): string {
  return error instanceof ApiError ? `HTTP-${error.status || "0"}${error.code ? `-${error.code}` : ""}` : "CLIENT";
}
