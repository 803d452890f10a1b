// The voice part of the client, apart from any framework and loaded only when a call begins.

export { createCall } from "./call.ts";
export type * from "./types.ts";
