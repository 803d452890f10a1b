import { expect, test } from "vitest";
import { matching } from "./matching.ts";

const targets = ["Boat electrics", "Tea table", "Woodwork", "Вечерний верстак", "Kovalčík's room"].map((name) => ({ name }));
const names = (query: string) => matching(targets, query, 10).map((target) => target.name);

test("a beginning comes before a word inside, and that before letters here and there", () => {
  expect(names("t")).toEqual(["Tea table", "Boat electrics"]);
  expect(names("elec")).toEqual(["Boat electrics"]);
  expect(names("wdk")).toEqual(["Woodwork"]);
});

test("accents and letter case do not matter, in any script", () => {
  expect(names("kovalcik")).toEqual(["Kovalčík's room"]);
  expect(names("ВЕРСТ")).toEqual(["Вечерний верстак"]);
});

test("nothing typed shows the first ones", () => {
  expect(matching(targets, " ", 2)).toHaveLength(2);
});
