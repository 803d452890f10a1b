// How a call is: everyone's connection in plain words, and the operator's numbers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { accessible } from "../lib/axe.js";
import { scene, TWO_LANGUAGES, withTwoPeople } from "../lib/stage.js";

test("everyone in a call sees who hears and is heard how well", { timeout: 180_000 }, () =>
  withTwoPeople(async ({ server, ada, ben }) => {
    await ada.joinRoom();
    await ben.joinRoom();

    await scene("both find themselves and the other in the list, in their own language", async () => {
      for (const [person, fine] of [[ada, "Hears and is heard well"], [ben, "Слышит и слышно хорошо"]]) {
        await person.at("call-phase").first().click();
        await person.at("quality-open").click();
        await person.at("call-quality").waitFor();
        await person.until("words about both", async () => (await person.at("call-quality").getByText(fine).count()) === 2, 40_000);
        assert.equal(await person.at(`quality-${ada.id}`).count(), 1);
        assert.equal(await person.at(`quality-${ben.id}`).count(), 1);
        await accessible(person, "everyone's connection");
        await person.page.keyboard.press("Escape");
        await person.at("call-quality").waitFor({ state: "detached" });
      }
    });

    await scene("the timeline tells how large a picture goes each way, and what is held to be right", async () => {
      await ada.at("dock-camera").click();
      await ben.seesMoving(`tile-${ada.id}`);
      const channel = /\/g\/\d+\/(\d+)/u.exec(ada.page.url())[1];
      const last = async () => {
        const { participants } = await server.api("GET", `/api/v1/channels/${channel}/quality`, { token: ada.token });
        return Object.fromEntries(participants.map((one) => [one.user_id, one.samples.at(-1)]));
      };
      let samples = {};
      await ada.until("Ada's camera both ways", async () => {
        samples = await last();
        const [up, down] = [samples[ada.id].up, samples[ben.id].down];
        return up.target_kbps === 64 && up.picture?.source === "camera" && up.picture.width > 0 && down.picture?.user_id === ada.id && down.picture.rid !== null && down.target_kbps > 0;
      }, 30_000, () => JSON.stringify(samples));
      assert.equal(samples[ada.id].down.picture, null);
      await ben.at("call-phase").first().click();
      await ben.at("quality-open").click();
      await ben.at(`quality-${ada.id}`).getByText(/Камера отправляется в \d+ × \d+/u).waitFor();
      await accessible(ben, "everyone's connection with a picture");
      await ben.page.keyboard.press("Escape");
      await ada.at("dock-camera").click();
    });

    await scene("the timeline is for those who may be in the call", async () => {
      const channel = /\/g\/\d+\/(\d+)/u.exec(ada.page.url())[1];
      const path = `/api/v1/channels/${channel}/quality`;
      const last = (timeline) => timeline.participants.map((one) => one.samples.at(-1));
      let timeline;
      await ada.until("numbers of both ways, and what both clients say", async () => {
        timeline = await server.api("GET", path, { token: ada.token });
        return last(timeline).every((sample) => sample && sample.up.kbps > 5 && sample.down.kbps > 5 && sample.up.loss !== null && sample.down.loss !== null && sample.concealed !== null);
      }, 30_000, () => JSON.stringify(last(timeline)));
      assert.equal(timeline.interval, 2000);
      assert.deepEqual(timeline.participants.map((one) => one.user_id).sort(), [ada.id, ben.id].sort());
      const stranger = await (await fetch(`${server.url}/api/v1/auth/register`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username: "eve", password: "correct horse battery" }) })).json();
      const answer = await fetch(`${server.url}${path}`, { headers: { Authorization: `Bearer ${stranger.token}` } });
      assert.equal(answer.status, 404);
    });

    await scene("the operator's numbers name nobody, and are for this machine alone", async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      assert.match(text, /^voxlink_calls 1$/mu);
      assert.match(text, /^voxlink_call_members 2$/mu);
      assert.match(text, /^voxlink_media_packets_sent_total [1-9]/mu);
      assert.doesNotMatch(text, /ada|ben/u);
      assert.equal((await fetch(`${server.url}/metrics`, { headers: { "X-Forwarded-For": "192.0.2.1" } })).status, 404);
    });
    assert.deepEqual(ada.page.problems, []);
    assert.deepEqual(ben.page.problems, []);
  }, TWO_LANGUAGES),
);
