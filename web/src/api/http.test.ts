import { expect, test } from "vitest";
import { ApiError, complaints } from "./http.ts";

test("complaints about fields are found however deep they are", () => {
  const errors = { username: { _errors: [{ code: "BASE_TYPE_BAD_LENGTH", message: "…" }] }, a: { b: { _errors: [{ code: "X", message: "…" }] } } };
  expect(complaints(errors)).toEqual({ username: "BASE_TYPE_BAD_LENGTH", "a.b": "X" });
  expect(complaints(undefined)).toEqual({});
});

test("no answer, a full queue and a broken server may pass; a refusal does not", () => {
  expect([0, 429, 503].map((status) => new ApiError(status, 0, "").passing)).toEqual([true, true, true]);
  expect(new ApiError(403, 50013, "").passing).toBe(false);
});
