import { afterEach, expect, test, vi } from "vitest";
import { onOtherNetwork } from "./network.ts";

afterEach(() => vi.unstubAllGlobals());

test("a guess at how fast the network is makes it no other one", () => {
  const page = new EventTarget();
  const connection = Object.assign(new EventTarget(), { type: "wifi" });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("navigator", { connection });
  const changed = vi.fn();
  onOtherNetwork(changed);
  const become = (type: string) => {
    connection.type = type;
    connection.dispatchEvent(new Event("change"));
  };
  become("wifi");
  expect(changed).toHaveBeenCalledTimes(0);
  become("none");
  expect(changed).toHaveBeenCalledTimes(0);
  become("cellular");
  expect(changed).toHaveBeenCalledTimes(1);
  page.dispatchEvent(new Event("online"));
  expect(changed).toHaveBeenCalledTimes(2);
});

test("a browser that tells nothing of the network still says when it is back", () => {
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("navigator", {});
  const changed = vi.fn();
  onOtherNetwork(changed);
  page.dispatchEvent(new Event("online"));
  expect(changed).toHaveBeenCalledTimes(1);
});
