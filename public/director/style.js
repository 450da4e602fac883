// How a mix looks: gaps, corners, background, what is written on it. What is not offered here (logo, texts) stays as it is.

import { byId, setText } from '../ui/dom.js';
import { say } from './wrong.js';

/** @typedef {import('../mixes.js').Mix} Mix @typedef {import('../mixes.js').Style} Style */

const CLOCK = { x: 32, y: 28, size: 32 };
/** A colour to begin with. */
const COLOUR = '#16302c';

/** @template {HTMLElement} E @param {string} id */
const field = (id) => /** @type {E} */ (byId(`style-${id}`));

export class StyleForm {
  #desk;
  #wrong = field('wrong');
  #gap = /** @type {HTMLInputElement} */ (field('gap'));
  #radius = /** @type {HTMLInputElement} */ (field('radius'));
  #ground = /** @type {HTMLSelectElement} */ (field('ground'));
  #colour = /** @type {HTMLInputElement} */ (field('colour'));
  #image = /** @type {HTMLInputElement} */ (field('image'));
  #labels = /** @type {HTMLInputElement} */ (field('labels'));
  #mutes = /** @type {HTMLInputElement} */ (field('mutes'));
  #clock = /** @type {HTMLInputElement} */ (field('clock'));
  /** The mix for which a file is about to be named. @type {string | null} */
  #names = null;

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#gap.addEventListener('input', () => this.#change({ gap: Number(this.#gap.value) }));
    this.#radius.addEventListener('input', () => this.#change({ radius: Number(this.#radius.value) }));
    this.#ground.addEventListener('change', () => this.#choose(this.#ground.value));
    this.#colour.addEventListener('input', () => this.#change({ background: this.#colour.value }));
    this.#image.addEventListener('change', () => this.#image.value.trim() && this.#change({ background: this.#image.value.trim() }));
    this.#labels.addEventListener('change', () => this.#change({ labels: this.#labels.checked }));
    this.#mutes.addEventListener('change', () => this.#change({ [this.#muteKey]: this.#mutes.checked }));
    this.#clock.addEventListener('change', () => this.#change({ clock: this.#clock.checked ? CLOCK : null }));
  }

  /** @param {Mix} mix */
  render(mix) {
    const { style } = mix;
    byId('style-section').hidden = !style;
    if (!style) return;
    for (const [input, value] of /** @type {[HTMLInputElement, number][]} */ ([[this.#gap, style.gap ?? 0], [this.#radius, style.radius ?? 0]])) {
      // Programs may say more than is offered here.
      if (value > Number(input.max)) input.max = String(value);
      if (Number(input.value) !== value) input.value = String(value);
      setText(/** @type {HTMLElement} */ (input.nextElementSibling), `${value} px`);
    }
    const { background } = style;
    const is = !background ? '' : background.startsWith('#') ? 'colour' : 'image';
    if (is || this.#names !== mix.name) this.#names = null;
    const shown = this.#names === null ? is : 'image';
    this.#ground.value = shown;
    this.#colour.hidden = shown !== 'colour';
    this.#image.hidden = shown !== 'image';
    if (is === 'colour') this.#colour.value = background;
    if (document.activeElement !== this.#image) this.#image.value = is === 'image' ? background : '';
    this.#labels.checked = Boolean(style.labels);
    this.#mutes.checked = Boolean(style[this.#muteKey]);
    this.#clock.checked = Boolean(style.clock);
  }

  /** @param {string} words  nothing is wrong if there are none */
  refuse(words) {
    say(this.#wrong, words);
  }

  /** As the server spells it. */
  get #muteKey() {
    return 'mute_marks' in (this.#desk.mix?.style ?? {}) ? 'mute_marks' : 'muteMarks';
  }

  /** @param {string} what */
  #choose(what) {
    const { mix } = this.#desk;
    if (!mix) return;
    this.#names = what === 'image' ? mix.name : null;
    if (what === 'colour') return this.#change({ background: COLOUR });
    this.#change({ background: null });
    if (what === 'image') this.#image.focus();
  }

  /** @param {Style} part */
  #change(part) {
    const { mix } = this.#desk;
    if (mix?.style) this.#desk.change({ style: { ...mix.style, ...part } });
  }
}
