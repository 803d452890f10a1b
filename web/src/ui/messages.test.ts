import { expect, test } from "vitest";
import en from "../../messages/en.json";
import ru from "../../messages/ru.json";

type Texts = Record<string, unknown>;
const placeholders = (text: unknown) => [...new Set(JSON.stringify(text).match(/\{\w+\}/gu))].sort();

test("both languages say the same things with the same words filled in", () => {
  expect(Object.keys(ru)).toEqual(Object.keys(en));
  for (const [key, text] of Object.entries(en as Texts)) expect([key, placeholders((ru as Texts)[key])]).toEqual([key, placeholders(text)]);
});

test("Russian plurals have all their forms", () => {
  for (const [key, text] of Object.entries(ru as Texts)) {
    if (typeof text === "string") continue;
    const forms = Object.keys((text as { match: object }[])[0]!.match);
    expect([key, forms]).toEqual([key, ["one", "few", "many", "other"].map((form) => `countPlural=${form}`)]);
  }
});
