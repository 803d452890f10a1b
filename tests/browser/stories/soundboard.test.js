// A community brings sounds; one plays them in a call, the other hears them, as loud as they like.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { ADA_HZ, BEN_HZ, scene, withTwoPeople } from "../lib/stage.js";
import { steadyWav } from "../lib/tone.js";

/** Neither of the voices, nor close to their overtones. */
const HORN_HZ = 1_150;
const OUT = new URL("../out/", import.meta.url).pathname;
const SHOTS = process.env.SHOTS === "1";

async function picture(person, name) {
  if (!SHOTS) return;
  await mkdir(OUT, { recursive: true });
  for (const [width, height] of [[390, 844], [1024, 768], [1600, 1000]]) {
    await person.page.setViewportSize({ width, height });
    for (const theme of ["light", "dark"]) {
      await person.page.emulateMedia({ colorScheme: theme });
      await person.page.waitForTimeout(250);
      await person.page.screenshot({ path: `${OUT}soundboard-${name}-${width}-${theme}.png` });
    }
  }
  await person.page.setViewportSize({ width: 1280, height: 800 });
  await person.page.emulateMedia({ colorScheme: "light" });
}

for (const [locale, words] of [
  ["en-US", { empty: "No sounds yet", wrong: "This file does not work" }],
  ["ru-RU", { empty: "Звуков пока нет", wrong: "Этот файл не подойдёт" }],
]) {
  test(`sounds are brought, played and turned down (${locale})`, { timeout: 180_000 }, async () => {
    await withTwoPeople(
      async ({ ada, ben }) => {
        await scene("a sound is added in the settings, and what is none is refused", async () => {
          await ada.page.goto(`${new URL(ada.page.url()).origin}/g/${ada.guildId}/settings/sounds`);
          await ada.page.getByText(words.empty).waitFor();
          await picture(ada, `empty-${locale}`);
          const file = (name, buffer) => ada.at("sound-file").setInputFiles({ name, mimeType: "audio/wav", buffer });
          await file("broken.wav", Buffer.from("RIFF, and nothing else"));
          await ada.at("sound-problem").filter({ hasText: words.wrong }).waitFor();
          await file("fog_horn.wav", steadyWav(HORN_HZ, 4));
          await ada.at("sound-row-fog horn").waitFor();
          await file("gong.wav", steadyWav(700, 1));
          await ada.at("sound-row-gong").waitFor();
          const field = ada.at("sound-row-gong").getByRole("textbox");
          await field.fill("Bell");
          await field.press("Enter");
          await ada.at("sound-row-Bell").waitFor();
          await picture(ada, `settings-${locale}`);
          await ada.at("sound-row-fog horn").getByRole("button").nth(1).click();
          await ada.hearsFile([HORN_HZ], [ADA_HZ, BEN_HZ]);
        });

        await scene("one plays it: both hear it, and see who did", async () => {
          await ada.page.goBack().catch(() => undefined);
          await ada.page.goto(`${new URL(ada.page.url()).origin}/g/${ben.guildId}`);
          await Promise.all([ada.joinRoom(), ben.joinRoom()]);
          await ada.at("dock-mute").click();
          await ben.at("dock-mute").click();
          await ben.hearsNo(ADA_HZ);
          await ada.at("call-board").click();
          await ada.at("sound-fog horn").waitFor();
          await picture(ada, `board-${locale}`);
          await ada.at("sound-fog horn").click();
          await Promise.all([ada, ben].map((person) => person.page.getByTestId(`tile-${ada.id}`).getByTestId("reaction").filter({ hasText: "fog horn" }).waitFor()));
          await Promise.all([ben.hears(HORN_HZ, BEN_HZ), ada.hears(HORN_HZ, ADA_HZ)]);
          await picture(ben, `played-${locale}`);
          await ben.hearsNo(HORN_HZ);
        });

        await scene("who turns the soundboard off hears nothing of it, and the other does", async () => {
          await ben.at("call-board").click();
          await ben.at("sound-volume").fill("0");
          await ben.page.keyboard.press("Escape");
          await ada.at("sound-fog horn").click();
          await ada.hears(HORN_HZ, ADA_HZ);
          assert.ok((await ben.listen([HORN_HZ], 1_000))[HORN_HZ] < 0.002);
          await ben.at("call-board").click();
          await ben.at("sound-volume").fill("100");
          await ben.page.keyboard.press("Escape");
          await ada.hearsNo(HORN_HZ);
        });

        await scene("what is deleted can be played no more", async () => {
          const [sound] = (await ada.page.evaluate(
            async ([guild, token]) => (await (await fetch(`/api/v10/guilds/${guild}/soundboard-sounds`, { headers: { authorization: token } })).json()).items,
            [ben.guildId, ada.token],
          )).filter(({ name }) => name === "Bell");
          await ada.at("sound-Bell").waitFor();
          await ada.page.evaluate(
            ([guild, id, token]) => fetch(`/api/v10/guilds/${guild}/soundboard-sounds/${id}`, { method: "DELETE", headers: { authorization: token } }),
            [ben.guildId, sound.sound_id, ada.token],
          );
          await ada.at("sound-Bell").waitFor({ state: "detached" });
        });
        for (const person of [ada, ben]) assert.deepEqual(person.page.problems, []);
      },
      { ada: { locale }, ben: { locale } },
    );
  });
}
