import { describe, expect, test } from "vitest";
import { addSender, SENT, withWanted, type Sent } from "./encodings.ts";
import type { Slot } from "./frames.ts";
import { said, Tiles, unsaid, wants } from "./wants.ts";

/** TypeScript does not know the member yet. */
type Layered = RTCRtpEncodingParameters & { scalabilityMode?: string };

const slot = (mid: string, userId: string | null, source: Slot["source"]): Slot => ({ mid, userId, source, playable: true });

describe("tiles", () => {
  test("the largest that can be seen counts, and none means that nothing need come", () => {
    let changes = 0;
    const tiles = new Tiles(() => (changes += 1));
    const slots = [slot("5", "8", "camera"), slot("6", "8", "screen"), slot("7", "8", "microphone"), slot("9", null, null)];
    const small = tiles.open("8", "camera");
    const large = tiles.open("8", "camera");
    small.seen({ width: 300, height: 170 });
    large.seen({ width: 1_000, height: 600 });
    expect(wants(slots, (userId, source) => tiles.size(userId, source))).toEqual([
      { mid: "5", width: 1_024, height: 608, priority: 1 },
      { mid: "6", width: 0, height: 0, priority: 2 },
    ]);
    large.seen(null);
    expect(tiles.size("8", "camera")).toEqual({ width: 300, height: 170 });
    large.gone();
    small.gone();
    expect(tiles.size("8", "camera")).toBeNull();
    expect(changes).toBe(5);
  });

  test("the server hears only what it does not know; another person in the slot is news", () => {
    const size = () => ({ width: 320, height: 180 });
    const before = [slot("5", "8", "camera"), slot("6", "9", "camera")];
    const heard = said(before, wants(before, size));
    expect(unsaid(before, wants(before, size), new Map())).toHaveLength(2);
    expect(unsaid(before, wants(before, size), heard)).toEqual([]);
    const after = [slot("5", "7", "camera"), slot("6", "9", "camera")];
    expect(unsaid(after, wants(after, size), heard).map(({ mid }) => mid)).toEqual(["5"]);
    // A window that is dragged by a few pixels is the same size.
    expect(unsaid(before, wants(before, () => ({ width: 310, height: 170 })), heard)).toEqual([]);
  });
});

describe("encodings", () => {
  test("those that nobody watches are stopped, and started again", () => {
    const now = [{ rid: "q" }, { rid: "h", active: true }, { rid: "f", active: false }];
    const changed = withWanted(now, [
      { rid: "h", wanted: false },
      { rid: "f", wanted: true },
    ]);
    expect(changed).toEqual([{ rid: "q" }, { rid: "h", active: false }, { rid: "f", active: true }]);
    expect(withWanted(now, [{ rid: "q", wanted: true }])).toBeNull();
    expect(withWanted([{ maxBitrate: 1 }], [{ rid: null, wanted: false }])).toEqual([{ maxBitrate: 1, active: false }]);
  });

  test("a browser that refuses temporal layers still sends every size", () => {
    const camera = SENT.find(({ source }) => source === "camera") as Sent;
    const tried: Layered[][] = [];
    const connection = {
      addTransceiver: (_kind: string, init: { sendEncodings: Layered[] }) => {
        tried.push(init.sendEncodings);
        if (tried.length === 1) throw new DOMException("L1T3", "OperationError");
        return { setCodecPreferences: () => undefined };
      },
    } as unknown as RTCPeerConnection;
    Object.assign(globalThis, { RTCRtpSender: { getCapabilities: () => null } });
    addSender(connection, camera);
    expect(tried.map((encodings) => encodings.map(({ rid, scalabilityMode }) => [rid, scalabilityMode]))).toEqual([
      [["q", "L1T3"], ["h", "L1T3"], ["f", "L1T3"]],
      [["q", undefined], ["h", undefined], ["f", undefined]],
    ]);
  });
});
