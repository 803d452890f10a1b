import { expect, test } from "vitest";
import { emojis, findEmojis, inTone } from "./emoji.ts";

const first = async (locale: "en" | "ru", query: string) => findEmojis(await emojis(locale), query, 5).map((emoji) => emoji.char);

test("emojis are found by what they show, in both languages, and by the codes people type", async () => {
  expect((await first("en", "fox"))[0]).toBe("🦊");
  expect((await first("ru", "лиса"))[0]).toBe("🦊");
  expect(await first("ru", "+1")).toContain("👍");
  expect(await first("en", "red heart")).toContain("❤️");
  expect(await first("en", "zzzz")).toEqual([]);
});

test("hands come in the colour that one chose", async () => {
  const [thumb] = findEmojis(await emojis("en"), "+1", 1);
  expect(inTone(thumb!, 3)).toBe("👍🏽");
  expect(inTone(thumb!, 0)).toBe(thumb!.char);
});
