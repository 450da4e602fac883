// The layout of a mix: one of those with a name, or regions of one's own.

import { byId, make } from '../ui/dom.js';
import { CUSTOM, example, LAYOUTS, nameOf, OWN, pictogram } from './layouts.js';
import { say } from './wrong.js';

/** @typedef {import('../mixes.js').Mix} Mix */

export class LayoutChoice {
  #desk;
  #list = byId('layout-choice');
  #form = /** @type {HTMLFormElement} */ (byId('regions-form'));
  #text = /** @type {HTMLTextAreaElement} */ (byId('regions'));
  #wrong = byId('regions-wrong');
  #otherwise = byId('layout-wrong');
  /** Of which mix, and as the server has them, the regions are that are shown. */
  #shown = { mix: '', regions: '' };
  /** The mix for which somebody is about to write its first regions. @type {string | null} */
  #writes = null;
  /** What is shown was sent: the server has it in other words. */
  #sent = false;

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#list.append(...[...LAYOUTS, OWN].map(({ name, label, words, boxes }) =>
      make(
        'label',
        { class: 'layout', title: words },
        make('input', { type: 'radio', name: 'layout', value: name, class: 'unseen-input' }),
        /** @type {any} */ (pictogram(boxes)),
        make('span', { text: label }),
      )));
    this.#list.addEventListener('change', ({ target }) => this.#choose(/** @type {HTMLInputElement} */ (target).value));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#use();
    });
  }

  /** @param {Mix} mix */
  render(mix) {
    if (this.#writes !== mix.name || typeof mix.layout !== 'string') this.#writes = null;
    const name = this.#writes === null ? nameOf(mix.layout) : CUSTOM;
    for (const input of this.#list.querySelectorAll('input')) input.checked = input.value === name;
    this.#form.hidden = name !== CUSTOM;
    if (this.#form.hidden) return;
    const regions = JSON.stringify(typeof mix.layout === 'string' ? example(mix) : mix.layout, null, 2);
    // What somebody writes stays until another has changed what it was.
    if (this.#shown.mix === mix.name && this.#shown.regions === regions) return;
    if (!this.#sent || this.#shown.mix !== mix.name) this.#text.value = regions;
    this.#sent = false;
    this.#shown = { mix: mix.name, regions };
  }

  /** @param {string} words  nothing is wrong if there are none */
  refuse(words) {
    const own = !this.#form.hidden;
    say(this.#otherwise, own ? '' : words);
    say(this.#wrong, own ? words : '', this.#text);
    if (!words) return;
    this.#sent = false;
    if (own) this.#text.focus();
  }

  /** @param {string} name */
  #choose(name) {
    this.refuse('');
    const { mix } = this.#desk;
    if (!mix) return;
    if (name !== CUSTOM) {
      this.#writes = null;
      return this.#desk.change({ layout: name });
    }
    this.#writes = mix.name;
    this.render(mix);
  }

  #use() {
    const { mix } = this.#desk;
    if (!mix) return;
    let layout;
    try {
      layout = JSON.parse(this.#text.value);
    } catch (error) {
      return this.refuse(`This is no JSON: ${/** @type {Error} */ (error).message}`);
    }
    this.refuse('');
    this.#sent = true;
    // Not shown before the server has said that it is a layout.
    this.#desk.change({ layout }, { early: false });
  }
}
