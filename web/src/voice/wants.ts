// How large everything is drawn, told to the server so that it sends no more than that (op 22). Pure, but for the
// register of tiles.

import type { Slot, SlotWant } from "./frames.ts";
import type { TileReport, TileSize, TileSource } from "./types.ts";

/** Sizes are rounded up to this, so that a window being dragged is not a hundred wishes. */
const STEP_PX = 32;
/** A screen is looked at before faces are. */
const PRIORITY: Record<TileSource, number> = { screen: 2, camera: 1 };
const MOST_PX = 8_192;

/** Everything that is drawn of others. Several tiles of one picture count as the largest. */
export class Tiles {
  readonly #sizes = new Map<string, Map<symbol, TileSize | null>>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  open(userId: string, source: TileSource): TileReport {
    const name = `${userId}/${source}`;
    const tile = Symbol(name);
    return {
      seen: (size) => {
        const tiles = this.#sizes.get(name) ?? new Map<symbol, TileSize | null>();
        this.#sizes.set(name, tiles.set(tile, size));
        this.#changed();
      },
      gone: () => {
        this.#sizes.get(name)?.delete(tile);
        this.#changed();
      },
    };
  }

  /** The size of the largest tile; `null` when it is not seen at all. */
  size(userId: string, source: TileSource): TileSize | null {
    const sizes = [...(this.#sizes.get(`${userId}/${source}`)?.values() ?? [])].filter((size) => size !== null);
    return sizes.sort((a, b) => b.width * b.height - a.width * a.height)[0] ?? null;
  }
}

/** What each filled video slot should be sent at, by its m-line. */
export function wants(slots: readonly Slot[], size: (userId: string, source: TileSource) => TileSize | null): SlotWant[] {
  return slots.flatMap(({ mid, userId, source }): SlotWant[] => {
    if (userId === null || (source !== "camera" && source !== "screen")) return [];
    const { width, height } = size(userId, source) ?? { width: 0, height: 0 };
    return [{ mid, width: rounded(width), height: rounded(height), priority: PRIORITY[source] }];
  });
}

/** What has been said of each slot and its content: one that changes hands starts anew at the server. */
export function said(slots: readonly Slot[], all: readonly SlotWant[]): Map<string, string> {
  return new Map(all.map((want) => [want.mid, `${contentOf(slots, want)} ${want.width}x${want.height}`]));
}

/** Those that the server has not heard yet. */
export function unsaid(slots: readonly Slot[], all: readonly SlotWant[], before: ReadonlyMap<string, string>): SlotWant[] {
  const now = said(slots, all);
  return all.filter((want) => before.get(want.mid) !== now.get(want.mid));
}

function contentOf(slots: readonly Slot[], want: SlotWant): string {
  const slot = slots.find(({ mid }) => mid === want.mid);
  return `${slot?.userId}/${slot?.source}`;
}

function rounded(pixels: number): number {
  return pixels <= 0 ? 0 : Math.min(MOST_PX, Math.ceil(pixels / STEP_PX) * STEP_PX);
}
