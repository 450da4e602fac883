// Where tiles go: pure geometry.

/** Nobody is shown wider than a camera picture. */
const WIDEST = 16 / 9;
/** In an upright window tiles may grow taller and crop the sides; in a wide one nobody is cropped. */
const TALLEST_UPRIGHT = 3 / 4;
/** One person alone may fill a phone held upright. */
const TALLEST_ALONE = 9 / 16;

/**
 * The grid whose tiles are largest, for `count` tiles in a box.
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap
 * @returns {{ columns: number, width: number, height: number }} tile size in whole pixels
 */
export function bestGrid(count, width, height, gap) {
  const upright = count === 1 ? TALLEST_ALONE : TALLEST_UPRIGHT;
  const tallest = width < height ? upright : WIDEST;
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const ratio = Math.min(WIDEST, Math.max(tallest, cellWidth / cellHeight));
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * ratio));
    const tileHeight = Math.floor(Math.min(cellHeight, cellWidth / ratio));
    if (tileWidth * tileHeight > best.width * best.height) best = { columns, width: tileWidth, height: tileHeight };
  }
  return best;
}
