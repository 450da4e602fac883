// Where tiles go: pure geometry, in CSS pixels.

/**
 * @typedef {{ width: number, height: number }} Box
 * @typedef {{ x: number, y: number, width: number, height: number }} Rect
 */

/** Between tiles. */
export const GAP = 8;
/** Nobody is shown wider than a camera picture. */
const WIDEST = 16 / 9;
/** In an upright window tiles may grow taller and crop the sides; in a wide one nobody is cropped. */
const TALLEST_UPRIGHT = 3 / 4;
/** One person alone may fill a phone held upright. */
const TALLEST_ALONE = 9 / 16;
/** Below this width the page is on a phone. */
const PHONE = 600;
/** A tile narrower than this shows nobody. */
const NARROWEST = 104;

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

/**
 * How many tiles a grid may have here.
 * @param {Box} box
 */
export function gridCapacity({ width, height }) {
  let most = width < PHONE || height < PHONE / 2 ? 6 : 16;
  while (most > 2 && bestGrid(most, width, height, GAP).width < NARROWEST) most -= 1;
  return most;
}

/**
 * A grid in the middle of its box, the last row centred.
 * @param {number} count
 * @param {Box} box
 * @returns {Rect[]}
 */
export function gridPlaces(count, box) {
  const { columns, width, height } = bestGrid(count, box.width, box.height, GAP);
  const rows = Math.ceil(count / columns);
  const top = Math.floor((box.height - rows * height - (rows - 1) * GAP) / 2);
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = Math.floor((box.width - inRow * width - (inRow - 1) * GAP) / 2);
    return { x: left + (index % columns) * (width + GAP), y: top + row * (height + GAP), width, height };
  });
}

/**
 * The small tiles beside a large one: a column at the right in a wide box, rows below in an upright one. Tiles shrink
 * a little before anybody is left out.
 * @param {Box} box
 * @param {number} count
 */
function strip(box, count) {
  const wide = box.width > box.height * 1.1;
  if (wide) {
    const widest = Math.min(240, Math.max(132, box.width * 0.19));
    const share = (box.height - GAP * (count - 1)) / Math.max(1, count);
    const width = Math.round(Math.max(Math.min(150, widest), Math.min(widest, share * WIDEST)));
    const height = Math.floor(width / WIDEST);
    const rows = Math.max(1, Math.floor((box.height + GAP) / (height + GAP)));
    return { wide, columns: 1, rows, width, height };
  }
  const columns = Math.max(2, Math.round(box.width / 120));
  const width = Math.floor((box.width - GAP * (columns - 1)) / columns);
  return { wide, columns, rows: box.height > 420 ? 2 : 1, width, height: Math.round(Math.min(width * 0.9, box.height * 0.24)) };
}

/**
 * How many small tiles fit beside a large one.
 * @param {number} count  how many there are
 * @param {Box} box
 */
export function besideCapacity(count, box) {
  const { columns, rows } = strip(box, count);
  return columns * rows;
}

/**
 * One large tile and `count` small ones.
 * @param {number} count
 * @param {Box} box
 * @returns {{ main: Rect, rest: Rect[] }}
 */
export function besidePlaces(count, box) {
  if (count === 0) return { main: { x: 0, y: 0, ...box }, rest: [] };
  const { wide, columns, width, height } = strip(box, count);
  const rows = Math.ceil(count / columns);
  if (wide) {
    const x = box.width - width;
    const top = Math.floor((box.height - rows * height - (rows - 1) * GAP) / 2);
    const rest = Array.from({ length: count }, (_, index) => ({ x, y: top + index * (height + GAP), width, height }));
    return { main: { x: 0, y: 0, width: x - GAP, height: box.height }, rest };
  }
  const tall = rows * (height + GAP);
  const rest = Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = Math.floor((box.width - inRow * width - (inRow - 1) * GAP) / 2);
    return { x: left + (index % columns) * (width + GAP), y: box.height - tall + GAP + row * (height + GAP), width, height };
  });
  return { main: { x: 0, y: 0, width: box.width, height: Math.max(0, box.height - tall) }, rest };
}

/**
 * Oneself, small, in the corner of the one other person.
 * @param {Rect} other
 * @returns {Rect}
 */
export function cornerPlace(other) {
  const width = Math.round(Math.min(240, Math.max(108, other.width * 0.2)));
  const height = Math.round(other.width < other.height ? width * 1.25 : width / WIDEST);
  return { x: other.x + other.width - width - 12, y: other.y + other.height - height - 12, width, height };
}
