// The layouts there are, drawn small. In a room's proportions of 32 to 18; the server arranges them (docs/layouts.md).

/**
 * @typedef {[x: number, y: number, width: number, height: number]} Box
 * @typedef {{ name: string, label: string, words: string, boxes: Box[] }} Named
 */

/** What stands for regions of one's own among the names. */
export const CUSTOM = 'custom';

/** @type {Named[]} */
export const LAYOUTS = [
  { name: 'grid', label: 'Grid', words: 'Everybody and every shared screen equally large', boxes: [[2, 1, 13, 7.3], [17, 1, 13, 7.3], [2, 9.7, 13, 7.3], [17, 9.7, 13, 7.3]] },
  { name: 'speaker', label: 'Speaker', words: 'Who spoke last large, all others below', boxes: [[4, 1, 24, 11], [4, 13.2, 7, 3.8], [12.5, 13.2, 7, 3.8], [21, 13.2, 7, 3.8]] },
  { name: 'presentation', label: 'Presentation', words: 'The shared screen large, all others beside it', boxes: [[2, 1, 20.5, 16], [24, 1, 6, 4.4], [24, 6.8, 6, 4.4], [24, 12.6, 6, 4.4]] },
  { name: 'pip', label: 'Picture in picture', words: 'The shared screen or who spoke last everywhere, another in the corner', boxes: [[2, 1, 28, 16], [20.5, 10.5, 8, 5]] },
  { name: 'side-by-side', label: 'Side by side', words: 'Half each: the shared screen and who spoke last, or the first two', boxes: [[2, 3.5, 13.3, 11], [16.7, 3.5, 13.3, 11]] },
  { name: 'single', label: 'Single', words: 'The shared screen, or who spoke last, alone', boxes: [[2, 1, 28, 16]] },
  { name: 'portrait', label: 'Portrait', words: 'Upright: a shared screen above, everybody below', boxes: [[11, 1, 10, 6.5], [11, 8.5, 4.5, 3.7], [16.5, 8.5, 4.5, 3.7], [11, 13.3, 4.5, 3.7], [16.5, 13.3, 4.5, 3.7]] },
];

/** @type {Named} */
export const OWN = { name: CUSTOM, label: 'Regions', words: 'Regions of your own, as JSON', boxes: [[2, 1, 17, 11], [20.5, 1, 9.5, 6.5], [20.5, 8.7, 9.5, 8.3], [2, 13.2, 17, 3.8]] };

/** What a layout is called here. @param {import('../mixes.js').Mix['layout']} layout */
export const nameOf = (layout) => (typeof layout === 'string' ? layout : CUSTOM);

/** Whether a mix is there only because something asked for its layout: it cannot be changed. @param {string} mix */
export const isImplied = (mix) => mix.startsWith('regions-') || LAYOUTS.some(({ name }) => name === mix);

/** @param {Box[]} boxes */
export function pictogram(boxes) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 32 18');
  svg.setAttribute('aria-hidden', 'true');
  for (const [index, [x, y, width, height]] of boxes.entries()) {
    const rect = document.createElementNS(space, 'rect');
    const attributes = { x, y, width, height, rx: 1.2, class: index > 0 && x > boxes[0][0] && y > boxes[0][1] && x + width < boxes[0][0] + boxes[0][2] ? 'over' : '' };
    for (const [key, value] of Object.entries(attributes)) if (value !== '') rect.setAttribute(key, String(value));
    svg.append(rect);
  }
  return svg;
}

/**
 * Something to begin with.
 * @param {{ width: number, height: number }} canvas
 */
export function example({ width, height }) {
  const side = Math.round(width / 8) * 2;
  return { regions: { main: { width: width - side, height, include: ['screen'] }, people: { x: width - side, max_columns: 1 } } };
}
