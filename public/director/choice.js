// The mixes of the room: which one is directed, a new one, and none of one.

import { byId, make, part, setText } from '../ui/dom.js';
import { say } from './wrong.js';

/** @typedef {import('../mixes.js').Mix} Mix */

export class MixChoice {
  #desk;
  #list = byId('mix-choice');
  #form = /** @type {HTMLFormElement} */ (byId('mix-form'));
  #name = /** @type {HTMLInputElement} */ (byId('mix-name'));
  #size = /** @type {HTMLSelectElement} */ (byId('mix-size'));
  #wrong = byId('mix-form-wrong');
  #deletion = byId('mix-deletion');
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    byId('mix-new').addEventListener('click', () => this.#show(this.#form.hidden ? 'form' : null));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#make();
    });
    this.#form.addEventListener('reset', () => this.#leave('mix-new'));
    byId('mix-delete').addEventListener('click', () => this.#show('deletion'));
    byId('mix-delete-no').addEventListener('click', () => this.#leave('mix-delete'));
    byId('mix-delete-yes').addEventListener('click', () => this.#delete());
    this.#list.addEventListener('change', ({ target }) => {
      this.#show(null);
      desk.choose(/** @type {HTMLInputElement} */ (target).value);
    });
  }

  /** As it is at first. */
  reset() {
    this.#form.reset();
    this.#show(null);
  }

  /** @param {Mix[]} mixes @param {Mix} chosen @param {boolean} lasts  whether it cannot be deleted */
  render(mixes, chosen, lasts) {
    const names = new Set(mixes.map(({ name }) => name));
    for (const [name, item] of this.#items) {
      if (names.has(name)) continue;
      item.remove();
      this.#items.delete(name);
    }
    for (const [index, { name, running }] of mixes.entries()) {
      const item = this.#items.get(name) ?? this.#open(name);
      const input = /** @type {HTMLInputElement} */ (part(item, 'input'));
      input.checked = name === chosen.name;
      item.classList.toggle('running', running);
      setText(part(item, '.unseen'), running ? ', runs' : '');
      if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    }
    byId('mix-delete').hidden = lasts;
    if (lasts) this.#deletion.hidden = true;
    setText(byId('mix-deletion-words'), `Delete the mix ${chosen.name}? How it is arranged is forgotten.`);
  }

  /** @param {string} name */
  #open(name) {
    const item = make(
      'label',
      { class: 'chip' },
      make('input', { type: 'radio', name: 'mix', value: name, class: 'unseen-input' }),
      make('i', { class: 'chip-dot', 'aria-hidden': 'true' }),
      make('span', { text: name }),
      make('span', { class: 'unseen' }),
    );
    this.#items.set(name, item);
    return item;
  }

  /** @param {'form' | 'deletion' | null} what */
  #show(what) {
    say(this.#wrong, '', this.#name);
    this.#form.hidden = what !== 'form';
    this.#deletion.hidden = what !== 'deletion';
    byId('mix-new').setAttribute('aria-expanded', String(what === 'form'));
    if (what === 'form') this.#name.focus();
    if (what === 'deletion') byId('mix-delete-no').focus();
  }

  /** Closes what was opened, and gives the focus back to what opened it. @param {string} opener */
  #leave(opener) {
    const had = this.#form.contains(document.activeElement) || this.#deletion.contains(document.activeElement);
    this.#show(null);
    if (had) byId(opener).focus();
  }

  async #make() {
    const [width, height] = this.#size.value.split('×').map(Number);
    const size = height ? { width, height } : {};
    try {
      await this.#desk.make({ name: this.#name.value.trim(), ...size });
      this.#form.reset();
      this.#items.get(this.#desk.mix?.name ?? '')?.querySelector('input')?.focus();
    } catch (error) {
      say(this.#wrong, /** @type {Error} */ (error).message, this.#name);
      this.#name.focus();
    }
  }

  async #delete() {
    const name = this.#desk.mix?.name ?? '';
    try {
      await this.#desk.remove(name);
      this.#show(null);
      this.#list.querySelector('input')?.focus();
    } catch (error) {
      setText(byId('mix-deletion-words'), /** @type {Error} */ (error).message);
    }
  }
}
