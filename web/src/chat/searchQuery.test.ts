import { expect, test } from "vitest";
import { idAt } from "../state/inbox.ts";
import { byChannel, toDay, toQuery, typedFilter, withFilter, type Filter } from "./searchQuery.ts";

test("a condition is seen while it is typed, in either language", () => {
  expect(typedFilter("gunwale from:mar")).toEqual({ kind: "from", query: "mar", from: 8 });
  expect(typedFilter("от:")).toEqual({ kind: "from", query: "", from: 0 });
  expect(typedFilter("has:im")).toMatchObject({ kind: "has", query: "im" });
  expect([typedFilter("https://a"), typedFilter("at 10:30"), typedFilter("from:mar x")]).toEqual([null, null, null]);
});

test("days are read as people write them", () => {
  const now = new Date(2026, 10, 26);
  expect(["2026-11-21", "21.11.2026", "21.11", "5/1/2025"].map((text) => toDay(text, now))).toEqual(["2026-11-21", "2026-11-21", "2026-11-21", "2025-01-05"]);
  expect(["31.02", "soon", ""].map((text) => toDay(text, now))).toEqual([null, null, null]);
});

test("chips of a kind add up, a second day replaces the first", () => {
  const day = (value: string): Filter => ({ kind: "before", value, label: "" });
  const from = (value: string): Filter => ({ kind: "from", value, label: "" });
  expect(withFilter(withFilter([from("1")], from("2")), from("1"))).toEqual([from("2"), from("1")]);
  expect(withFilter([day("2026-11-21")], day("2026-11-22"))).toEqual([day("2026-11-22")]);
});

test("a request names all of it", () => {
  const filters: Filter[] = [
    { kind: "from", value: "10", label: "" },
    { kind: "has", value: "image", label: "" },
    { kind: "in", value: "2", label: "" },
    { kind: "after", value: "2026-11-21", label: "" },
    { kind: "pinned", value: "true", label: "" },
  ];
  const after = idAt(new Date(2026, 10, 22).getTime());
  expect(toQuery(" fuse ", filters, 25)).toBe(`content=fuse&author_id=10&has=image&channel_id=2&min_id=${after}&pinned=true&limit=25&offset=25`);
});

test("what was found stands under its channel", () => {
  const at = (channelId: string, id: string) => ({ channelId, id });
  expect(byChannel([at("2", "9"), at("2", "8"), at("3", "7"), at("2", "6")]).map((part) => [part.channelId, part.items.length])).toEqual([["2", 2], ["3", 1], ["2", 1]]);
});
