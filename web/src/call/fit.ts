/** How wide a tile may be so that all of them fill a stage best without losing their shape. Pure. */

/** Width over height of a tile: between a camera's 16:9 and 4:3. */
export const TILE_RATIO = 16 / 10;

/** People side by side look better than in a pile: another row must make the tiles this much larger. */
const WORTH_A_ROW = 1.12;

/** The largest width in whole pixels at which `count` tiles fit into `width` × `height` with `gap` between them. */
export function tileWidth(count: number, width: number, height: number, gap: number): number {
  let best = 0;
  for (let columns = Math.max(1, count); columns >= 1; columns--) {
    const rows = Math.ceil(count / columns);
    const byWidth = (width - gap * (columns - 1)) / columns;
    const byHeight = ((height - gap * (rows - 1)) / rows) * TILE_RATIO;
    const size = Math.min(byWidth, byHeight);
    if (size > best * WORTH_A_ROW) best = size;
  }
  return Math.max(0, Math.floor(best));
}
