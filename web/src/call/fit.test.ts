import { expect, test } from "vitest";
import { tileWidth } from "./fit.ts";

test("one tile takes what its shape allows", () => {
  expect(tileWidth(1, 1600, 1000, 8)).toBe(1600);
  expect(tileWidth(1, 390, 700, 8)).toBe(390);
});

test("a wide stage gets columns, a tall one rows", () => {
  expect(tileWidth(2, 1600, 500, 0)).toBe(800);
  expect(tileWidth(2, 400, 700, 0)).toBe(400);
});

test("no tile is ever wider than its share", () => {
  for (let count = 1; count <= 50; count++) {
    const width = tileWidth(count, 1240, 850, 8);
    const columns = Math.floor((1240 + 8) / (width + 8));
    expect(Math.ceil(count / columns) * (width / 1.6 + 8) - 8).toBeLessThanOrEqual(851);
  }
});
