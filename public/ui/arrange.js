// Who is shown, and how large: pure decisions over what there is to look at.

import { besideCapacity, besidePlaces, cornerPlace, gridCapacity, gridPlaces } from './grid.js';

/**
 * @typedef {import('./grid.js').Box} Box
 * @typedef {import('./grid.js').Rect} Rect
 * @typedef {'grid' | 'speaker'} Mode
 *
 * @typedef {object} Look  one picture that could be shown
 * @property {string} key
 * @property {boolean} self
 * @property {boolean} screen
 * @property {number} spoke  when they last spoke; 0 for never
 *
 * @typedef {object} Scene
 * @property {{ key: string, rect: Rect, role: 'main' | 'small' | 'grid' | 'corner' }[]} places  in reading order
 * @property {{ rect: Rect, hidden: string[] } | null} more  the tile that stands for those who do not fit
 */

/**
 * @param {object} wish
 * @param {Look[]} wish.looks  in the order in which people came
 * @param {Mode} wish.mode
 * @param {string | null} wish.pinned
 * @param {string[]} wish.before  what was shown last, in order
 * @param {string | null} wish.large  what was large last
 * @param {Box} box
 * @returns {Scene}
 */
export function arrange({ looks, mode, pinned, before, large }, box) {
  const main = chooseMain(looks, mode, pinned, large);
  if (main) {
    const { shown, hidden } = fit(looks.filter((look) => look !== main), before, besideCapacity(looks.length - 1, box));
    const { main: rect, rest } = besidePlaces(shown.length + (hidden.length ? 1 : 0), box);
    return scene([{ key: main.key, rect, role: 'main' }], shown, hidden, rest, 'small');
  }
  const own = looks.find(({ self, screen }) => self && !screen);
  if (looks.length === 2 && own) {
    // With one other person, the other fills the stage and we are a small picture in its corner.
    const other = /** @type {Look} */ (looks.find((look) => look !== own));
    const [rect] = gridPlaces(1, box);
    return { places: [{ key: other.key, rect, role: 'grid' }, { key: own.key, rect: cornerPlace(rect), role: 'corner' }], more: null };
  }
  const { shown, hidden } = fit(looks, before, gridCapacity(box));
  return scene([], shown, hidden, gridPlaces(shown.length + (hidden.length ? 1 : 0), box), 'grid');
}

/**
 * What is shown large: what was pinned, else a shared screen, else (in speaker mode) who spoke last.
 * @param {Look[]} looks
 * @param {Mode} mode
 * @param {string | null} pinned
 * @param {string | null} large
 */
function chooseMain(looks, mode, pinned, large) {
  const wanted = looks.find(({ key }) => key === pinned);
  if (wanted) return wanted;
  const screens = looks.filter(({ screen, self }) => screen && !self);
  // The screen that was large stays so until it ends: a second one must not take the stage by itself.
  if (screens.length) return screens.find(({ key }) => key === large) ?? screens[screens.length - 1];
  const others = looks.filter(({ self, screen }) => !self && !screen);
  if (mode !== 'speaker' || others.length === 0) return null;
  const last = others.reduce((best, look) => (look.spoke > best.spoke ? look : best));
  return last.spoke > 0 ? last : (others.find(({ key }) => key === large) ?? others[0]);
}

/**
 * Who is shown if not all fit. Whoever is shown keeps the place until somebody hidden has spoken more recently.
 * @param {Look[]} looks
 * @param {string[]} before
 * @param {number} most
 * @returns {{ shown: Look[], hidden: Look[] }}
 */
export function fit(looks, before, most) {
  if (looks.length <= most) return { shown: looks, hidden: [] };
  // One place is for the tile that tells how many more there are.
  const places = Math.max(0, most - 1);
  const value = (/** @type {Look} */ look) => (look.self ? Infinity : look.screen ? Number.MAX_VALUE : look.spoke);
  const ranked = looks
    .map((look, index) => ({ look, index, known: before.includes(look.key) }))
    .sort((a, b) => value(b.look) - value(a.look) || Number(b.known) - Number(a.known) || a.index - b.index);
  const chosen = new Set(ranked.slice(0, places).map(({ look }) => look));
  const shown = before.flatMap((key) => [...chosen].filter((look) => look.key === key));
  const leavers = before.map((key, index) => (shown.some((look) => look.key === key) ? -1 : index)).filter((index) => index >= 0);
  for (const look of chosen) {
    if (shown.includes(look)) continue;
    // Who comes in takes the place of who goes out, so that nobody else moves.
    const place = leavers.shift();
    if (look.self) shown.unshift(look);
    else shown.splice(place ?? shown.length, 0, look);
  }
  return { shown, hidden: looks.filter((look) => !chosen.has(look)) };
}

/**
 * @param {Scene['places']} first
 * @param {Look[]} shown
 * @param {Look[]} hidden
 * @param {Rect[]} rects
 * @param {'small' | 'grid'} role
 * @returns {Scene}
 */
function scene(first, shown, hidden, rects, role) {
  const places = [...first, ...shown.map(({ key }, index) => ({ key, rect: rects[index], role }))];
  return { places, more: hidden.length ? { rect: rects[shown.length], hidden: hidden.map(({ key }) => key) } : null };
}

/**
 * The picture height in physical pixels that fills a tile, for a picture that covers it (cameras) or fits into it (screens).
 * @param {Rect} rect
 * @param {boolean} contain
 * @param {number} density  devicePixelRatio
 */
export function heightFor({ width, height }, contain, density) {
  const byWidth = (width * 9) / 16;
  return Math.round((contain ? height : Math.max(height, byWidth)) * density);
}

