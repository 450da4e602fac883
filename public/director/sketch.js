// The arrangement of a mix, drawn from its placements: names in boxes. While it does not run, its layout stands for it.

import { byId, fromTemplate, part, setText } from '../ui/dom.js';
import { hue, initials } from '../ui/words.js';
import { LAYOUTS } from './layouts.js';
import { labelOf, mark } from './whom.js';

/**
 * @typedef {import('../mixes.js').Mix} Mix
 * @typedef {import('./whom.js').Person} Person
 * @typedef {{ key: string, x: number, y: number, width: number, height: number, name: string, face: string, pinned: boolean }} Drawn  in shares of the canvas
 */

const SCREEN = '-screen';
const IDLE = 'This mix does not run now. It starts when you preview it, record it, or let it go out.';

export class Sketch {
  #frame = byId('frame');
  #list = byId('sketch');
  #words = byId('sketch-words');
  /** @type {Map<string, HTMLElement>} */
  #boxes = new Map();

  /**
   * @param {Mix} mix
   * @param {Person[]} people
   */
  render(mix, people) {
    this.#frame.style.setProperty('--ratio', String(mix.width / mix.height));
    const { background, radius = 0 } = mix.style ?? {};
    this.#frame.style.setProperty('--ground-of-mix', typeof background === 'string' && background.startsWith('#') ? background : '');
    this.#frame.style.setProperty('--corner', String(radius / mix.height));
    this.#frame.classList.toggle('idle', !mix.running);
    const drawn = mix.running ? placed(mix, people) : planned(mix);
    const keys = new Set(drawn.map(({ key }) => key));
    for (const [key, box] of this.#boxes) {
      if (keys.has(key)) continue;
      box.remove();
      this.#boxes.delete(key);
    }
    for (const [index, each] of drawn.entries()) {
      const box = this.#boxes.get(each.key) ?? this.#open(each.key);
      follow(box, each);
      if (this.#list.children[index] !== box) this.#list.insertBefore(box, this.#list.children[index] ?? null);
    }
    setText(this.#words, mix.running ? (drawn.length === 0 ? 'Nobody is seen in this mix.' : '') : IDLE);
  }

  /** @param {string} key */
  #open(key) {
    const box = fromTemplate('sketch-template');
    box.dataset.placed = key;
    this.#boxes.set(key, box);
    return box;
  }
}

/** @param {HTMLElement} box @param {Drawn} drawn */
function follow(box, { x, y, width, height, name, face, pinned }) {
  for (const [property, share] of Object.entries({ left: x, top: y, width, height })) box.style.setProperty(property, `${(share * 100).toFixed(3)}%`);
  box.style.setProperty('--hue', String(hue(face)));
  setText(part(box, '.sketch-face'), initials(face));
  setText(part(box, '.sketch-name'), name);
  part(box, 'svg').toggleAttribute('hidden', !pinned);
}

/**
 * Who is where.
 * @param {Mix} mix
 * @param {Person[]} people
 * @returns {Drawn[]}
 */
function placed(mix, people) {
  return mix.placements.map(({ participant, x, y, width, height }) => {
    const shared = participant.endsWith(SCREEN);
    const id = shared ? participant.slice(0, -SCREEN.length) : participant;
    const person = people.find((each) => each.id === id);
    const shown = person ? (labelOf(mix.labels, person) ?? person.name) : 'Somebody';
    const { named, by } = person ? mark(mix.pins, person) : { named: false, by: null };
    return {
      key: participant,
      x: x / mix.width,
      y: y / mix.height,
      width: width / mix.width,
      height: height / mix.height,
      name: shared ? `${shown}’s screen` : shown,
      face: shared ? '' : shown,
      pinned: named || by !== null,
    };
  });
}

/**
 * What a layout is like, without anybody in it.
 * @param {Mix} mix
 * @returns {Drawn[]}
 */
function planned({ layout, width, height }) {
  if (typeof layout === 'string') {
    const boxes = LAYOUTS.find(({ name }) => name === layout)?.boxes ?? [];
    // The portrait's canvas is upright itself.
    const [from, wide] = layout === 'portrait' ? [10, 12] : [0, 32];
    return boxes.map(([x, y, w, h], index) => ({ key: `box ${index}`, x: (x - from) / wide, y: y / 18, width: w / wide, height: h / 18, name: '', face: '', pinned: false }));
  }
  return Object.entries(layout.regions).map(([name, { x = 0, y = 0, width: w = width - x, height: h = height - y }]) => ({
    key: `region ${name}`,
    x: x / width,
    y: y / height,
    width: w / width,
    height: h / height,
    name,
    face: '',
    pinned: false,
  }));
}
