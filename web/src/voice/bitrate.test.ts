import { describe, expect, test } from "vitest";
import { FULL, madeUp, pace, Repeating, within, type Bounds, type Pace, type Uplink } from "./bitrate.ts";

const VOICE: Bounds = { most: 64_000, stereo: false, asked: null };
const MUSIC: Bounds = { most: 256_000, stereo: true, asked: null };
const GOOD: Uplink = { loss: 0, packets: 100, rttMs: 30, available: null };

/** A connection played look by look; what the bitrate was after each. */
class Timeline {
  now: Pace = FULL;

  look(count: number, change: Partial<Uplink> = {}, bounds = VOICE): number[] {
    return Array.from({ length: count }, () => {
      this.now = pace(this.now, { ...GOOD, ...change }, bounds);
      return this.now.bitrate;
    });
  }
}

const last = (bitrates: number[]) => bitrates.at(-1);

describe("the microphone", () => {
  test("takes all that the channel allows while nothing is wrong, and never more", () => {
    const call = new Timeline();
    expect(new Set(call.look(100))).toEqual(new Set([64_000]));
    expect(last(call.look(100, {}, { ...VOICE, most: 8_000 }))).toBe(8_000);
  });

  test("takes less of a way that is full until it fits, and all again after calm whiles", () => {
    const call = new Timeline();
    call.look(5);
    expect(call.look(3, { loss: 0.2, rttMs: 400 })).toEqual([44_800, 31_360, 21_952]);
    expect(last(call.look(20, { loss: 0.2, rttMs: 400 }))).toBe(12_000);
    const back = call.look(60);
    expect(back.slice(0, 4)).toEqual([12_000, 12_000, 12_000, 12_000]);
    expect(back.every((bitrate, index) => index === 0 || bitrate >= (back[index - 1] ?? 0))).toBe(true);
    expect(last(back)).toBe(64_000);
  });

  test("makes room for redundancy when the way loses without being full, and no more than that", () => {
    const call = new Timeline();
    call.look(5);
    expect(last(call.look(100, { loss: 0.3 }))).toBe(32_000);
    expect(last(call.look(100, { loss: 0.5 }))).toBe(12_000);
    const music = new Timeline();
    expect(last(music.look(100, { loss: 0.3 }, MUSIC))).toBe(128_000);
  });

  test("keeps what Opus needs to repeat itself where only the air loses, however narrow the browser holds it to be", () => {
    const call = new Timeline();
    call.look(5);
    expect(last(call.look(50, { loss: 0.3, available: 25_000 }))).toBe(24_000);
    expect(last(call.look(50, { loss: 0.3, available: 25_000 }, { ...VOICE, asked: 16_000 }))).toBe(16_000);
    const full = new Timeline();
    full.look(5);
    expect(last(full.look(50, { loss: 0.3, rttMs: 400, available: 25_000 }))).toBe(12_000);
  });

  test("stays where it is while a little is lost", () => {
    const call = new Timeline();
    call.look(5);
    call.look(1, { loss: 0.2, rttMs: 400 });
    expect(new Set(call.look(100, { loss: 0.05 }))).toEqual(new Set([44_800]));
  });

  test("learns nothing from the few packets of silence, good or bad", () => {
    const call = new Timeline();
    call.look(5);
    expect(new Set(call.look(100, { packets: 5, loss: 0.5, rttMs: 400 }))).toEqual(new Set([64_000]));
    call.look(1, { loss: 0.2, rttMs: 400 });
    expect(new Set(call.look(100, { packets: 5 }))).toEqual(new Set([44_800]));
  });

  test("tries more ever later when it did not last, so that it does not flap", () => {
    const call = new Timeline();
    const link = 40_000;
    call.look(5);
    let rises = 0;
    for (let look = 0; look < 300; look += 1) {
      const before = call.now.bitrate;
      const tooMuch = before > link;
      call.look(1, tooMuch ? { loss: 0.15, rttMs: 500 } : {});
      if (call.now.bitrate > before) rises += 1;
    }
    expect(rises).toBeLessThanOrEqual(14);
    expect(rises).toBeGreaterThan(2);
  });

  test("leaves half of a narrow way to the picture", () => {
    const call = new Timeline();
    expect(last(call.look(5, { available: 60_000 }))).toBe(30_000);
    expect(last(call.look(1, { available: 5_000 }))).toBe(12_000);
    expect(last(call.look(1, { available: 5_000 }, { ...MUSIC, most: 64_000 }))).toBe(16_000);
    expect(last(call.look(100, { available: 2_000_000 }))).toBe(64_000);
  });

  test("hears what those who listen can take, at once, and forgets it slowly", () => {
    const call = new Timeline();
    call.look(5);
    call.now = within(call.now, { ...VOICE, asked: 24_000 });
    expect(call.now.bitrate).toBe(24_000);
    expect(last(call.look(50, {}, { ...VOICE, asked: 24_000 }))).toBe(24_000);
    expect(call.look(1)).toEqual([36_000]);
    expect(last(call.look(50))).toBe(64_000);
    expect(within(FULL, { ...MUSIC, asked: 24_000 }).bitrate).toBe(48_000);
  });

  test("takes a longer way for a longer way, after a while", () => {
    const call = new Timeline();
    call.look(5);
    call.look(20, { loss: 0.3, rttMs: 400 });
    expect(last(call.look(30, { rttMs: 400 }))).toBe(12_000);
    expect(last(call.look(300, { rttMs: 400 }))).toBe(64_000);
  });
});

describe("what the browser is told", () => {
  /** An encoder as Chromium's: what is changed while it runs has the headers taken off, and is 6 kbit/s at least. */
  class Encoder {
    overhead = 0;
    target: number;
    #told: number;

    constructor(begun: number) {
      this.target = begun;
      this.#told = begun;
    }

    /** What it encodes at after so many looks. */
    look(count: number, wanted: number): number {
      for (let look = 0; look < count; look++) {
        this.overhead = madeUp(this.overhead, wanted, this.target);
        const told = wanted + this.overhead;
        if (told !== this.#told) this.target = Math.max(6_000, told - 19_200);
        this.#told = told;
      }
      return this.target;
    }

    /** Another codec comes first and begins with what was told last. */
    begin(): void {
      this.target = this.#told;
    }
  }

  test("is more by what it takes off, and is not where it takes off nothing", () => {
    const encoder = new Encoder(64_000);
    expect(encoder.look(10, 64_000)).toBe(64_000);
    expect(encoder.overhead).toBe(0);
    expect(encoder.look(4, 24_000)).toBe(24_000);
    expect(encoder.look(4, 64_000)).toBe(64_000);
    encoder.begin();
    expect(encoder.target).toBe(83_200);
    expect(encoder.look(4, 64_000)).toBe(64_000);
  });

  test("is what we want where the browser does not say what it does", () => {
    expect(madeUp(0, 24_000, 0)).toBe(0);
  });
});

describe("where no server says it", () => {
  test("frames go out again from three lost of a hundred on, until it has been better for a while", () => {
    const repeating = new Repeating();
    expect(repeating.look({ ...GOOD, loss: 0.02 }, 0)).toBe(false);
    expect(repeating.look({ ...GOOD, loss: 0.5, packets: 2 }, 0)).toBe(false);
    expect(repeating.look({ ...GOOD, loss: 0.03 }, 2_000)).toBe(true);
    expect(repeating.look(GOOD, 16_000)).toBe(true);
    expect(repeating.look(GOOD, 17_000)).toBe(false);
  });
});
