// People: friends and blocks, how one is seen, and an account that is well locked. In both languages.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { openPage } from "../lib/browser.js";
import { LANGUAGES, save, withCommunity } from "../lib/community.js";
import { Person } from "../lib/person.js";
import { scene } from "../lib/stage.js";

/** What an authenticator app shows for a secret: RFC 6238, SHA-1, six digits, thirty seconds. */
function totp(secret, steps = 0) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/[\s=]/gu, "")].map((char) => alphabet.indexOf(char).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/gu) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", key).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

for (const locale of LANGUAGES) {
  test(`people know each other, and their accounts are their own: ${locale}`, { timeout: 180_000 }, async () => {
    await withCommunity(locale, ["ada", "ben"], async ({ server, browser, ada, ben }) => {
      await scene("a request is asked by name, seen at once, and accepted", async () => {
        await ada.page.goto(`${server.url}/people/add`);
        await ada.at("friend-name").fill("nobody.at.all");
        await ada.at("friend-ask").click();
        await ada.page.locator('#friend-name[aria-invalid="true"]').waitFor();
        await ada.at("friend-name").fill("ben");
        await ada.at("friend-ask").click();
        await ada.at("relation-ben").waitFor();
        await ben.at("people").locator(".badge, .count").waitFor();
        await ben.page.goto(`${server.url}/people/pending`);
        await ben.at("friend-accept").click();
        await ben.at("people-all").click();
        await ben.at("relation-ada").waitFor();
        await ada.at("people-all").click();
        await ada.until("a friend", async () => (await ada.at("relation-ben").getAttribute("data-relation")) === "friend");
      });

      await scene("what one is up to and how one is shows to the other", async () => {
        await ada.at("user-menu").click();
        await ada.at("status-custom").click();
        await ada.at("status-emoji").fill("🔭");
        await ada.at("status-text").fill("At the eyepiece");
        await ada.at("status-save").click();
        await ben.at("relation-ada").getByText("At the eyepiece").waitFor();
        await ada.at("user-menu").click();
        await ada.at("status-dnd").click();
        await ben.at("relation-ada").locator(".is.busy").waitFor();
        await ada.at("user-menu").click();
        await ada.at("status-invisible").click();
        await ben.until("ada to be away", async () => (await ben.at("relation-ada").locator(".is").count()) === 0);
        await ada.at("user-menu").click();
        await ada.at("status-online").click();
        await ben.at("relation-ada").locator(".is").waitFor();
      });

      await scene("a profile says what one wants, and a note is one's own", async () => {
        await ada.page.goto(`${server.url}/settings/profile`);
        await ada.at("display-name").fill("Ada of the Dome");
        await ada.at("bio").fill("Grinds mirrors.");
        await save(ada);
        await ben.at("relation-ada").locator("button.who").click();
        await ben.at("person-card").getByText("Grinds mirrors.").waitFor();
        await ben.at("person-card").getByText("Ada of the Dome").first().waitFor();
        await ben.at("card-note").fill("Owes me a lens");
        await ben.page.keyboard.press("Escape");
        await ben.page.reload();
        await ben.at("people-all").click();
        await ben.at("relation-ada").locator("button.who").click();
        await ben.until("the note", async () => (await ben.at("card-note").inputValue()) === "Owes me a lens");
      });

      await scene("who is blocked is no friend any more, until it is taken back", async () => {
        await ben.at("card-more").click();
        await ben.at("card-block").click();
        await ben.at("confirm").click();
        await ben.at("people-blocked").click();
        await ben.at("friend-unblock").waitFor();
        await ada.page.goto(`${server.url}/people/all`);
        await ada.at("people-all").waitFor();
        await ada.until("no friend", async () => (await ada.at("relation-ben").count()) === 0);
        await ben.at("friend-unblock").click();
        await ben.at("friend-unblock").waitFor({ state: "detached" });
      });

      let secret;
      let codes;
      await scene("a second factor is set up with a code drawn on the page", async () => {
        await ada.page.goto(`${server.url}/settings/account`);
        await ada.at("totp-start").click();
        await ada.at("totp-password").fill("correct horse battery");
        await ada.at("totp-next").click();
        await ada.page.locator("svg.qr").waitFor();
        secret = (await ada.at("totp-secret").textContent()).trim();
        await ada.at("totp-code").fill("000000");
        await ada.at("totp-enable").click();
        await ada.page.locator('#totp-code[aria-invalid="true"]').waitFor();
        await ada.at("totp-code").fill(totp(secret));
        await ada.at("totp-enable").click();
        await ada.at("recovery-codes").waitFor();
        codes = await ada.at("recovery-codes").locator("code").allTextContents();
        assert.equal(codes.length, 10);
        await ada.at("recovery-done").click();
        await ada.until("it to be on", async () => (await ada.at("two-factor").getAttribute("data-on")) === "true");
      });

      await scene("signing in takes the code, or a recovery code once", async () => {
        const other = new Person(await openPage(browser, { locale }), "ada");
        await other.page.goto(server.url);
        await other.at("door-username").fill("ada");
        await other.at("door-password").fill("correct horse battery");
        await other.at("door-submit").click();
        await other.at("door-totp").fill("123");
        await other.at("door-submit").click();
        await other.page.locator('#totp[aria-invalid="true"]').waitFor();
        await other.at("door-totp").fill(codes[0]);
        await other.at("door-submit").click();
        await other.at("guild-add").waitFor();

        await ada.at("password-old").fill("correct horse battery");
        await ada.at("password-new").fill("another horse battery");
        await ada.at("password-code").fill(codes[1]);
        await ada.at("password-save").click();
        await other.at("door-password").waitFor();
        await other.page.context().close();
      });

      await scene("an account ends when its password says so", async () => {
        await ben.page.goto(`${server.url}/settings/account`);
        await ben.at("account-delete").click();
        await ben.at("account-delete-password").fill("wrong");
        await ben.at("account-delete-submit").click();
        await ben.page.locator('[role="alert"]').waitFor();
        await ben.at("account-delete-password").fill("correct horse battery");
        await ben.at("account-delete-submit").click();
        await ben.at("door-password").waitFor();
      });

      assert.deepEqual([...ada.page.problems, ...ben.page.problems], []);
    });
  });
}
