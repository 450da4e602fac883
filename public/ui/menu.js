// One menu for all buttons that open one: arrow keys, Escape, focus back to where it came from.

import { icon, make } from './dom.js';

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} [icon]
 * @property {string} [key]  the shortcut, to be shown
 * @property {boolean} [danger]
 * @property {() => unknown} run
 */

const EDGE = 8;

class Menu {
  #element = make('div', { class: 'menu', role: 'menu', hidden: '' });
  /** @type {HTMLElement | null} */
  #opener = null;

  constructor() {
    this.#element.addEventListener('keydown', (event) => this.#key(event));
    document.addEventListener('pointerdown', ({ target }) => {
      if (this.#opener && target instanceof Node && !this.#element.contains(target) && !this.#opener.contains(target)) this.close(false);
    });
    this.#element.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.#element.contains(relatedTarget)) this.close(false);
    });
    addEventListener('resize', () => this.close(false));
  }

  /**
   * Open at a button, or close if it is open there.
   * @param {HTMLElement} opener
   * @param {string} label
   * @param {Item[]} items
   */
  toggle(opener, label, items) {
    if (this.#opener === opener) return this.close();
    this.close(false);
    this.#opener = opener;
    opener.setAttribute('aria-expanded', 'true');
    this.#element.setAttribute('aria-label', label);
    this.#element.replaceChildren(...items.map((item) => this.#button(item)));
    // Beside the opener in the document, so that a dialog's menu is in the dialog.
    (opener.closest('dialog') ?? document.body).append(this.#element);
    this.#element.hidden = false;
    this.#place(opener);
    this.#focus(0);
  }

  /** @param {boolean} [back]  whether the focus returns to the button */
  close(back = true) {
    const opener = this.#opener;
    if (!opener) return;
    this.#opener = null;
    opener.setAttribute('aria-expanded', 'false');
    if (back) opener.focus();
    this.#element.hidden = true;
  }

  /** @param {Item} item */
  #button({ label, icon: name, key, danger, run }) {
    const button = make('button', { type: 'button', role: 'menuitem', tabindex: '-1', class: danger ? 'danger' : '' });
    if (name) button.append(icon(name));
    button.append(make('span', { text: label }));
    if (key) button.append(make('kbd', { text: key, 'aria-hidden': 'true' }));
    button.addEventListener('click', () => {
      this.close();
      run();
    });
    return button;
  }

  /** @param {HTMLElement} opener */
  #place(opener) {
    const at = opener.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#element;
    const left = Math.min(Math.max(EDGE, at.right - width), innerWidth - width - EDGE);
    const below = at.bottom + EDGE + height < innerHeight;
    this.#element.style.left = `${Math.max(EDGE, left)}px`;
    this.#element.style.top = `${below ? at.bottom + 4 : Math.max(EDGE, at.top - height - 4)}px`;
  }

  /** @param {number} index */
  #focus(index) {
    const buttons = /** @type {HTMLElement[]} */ ([...this.#element.children]);
    buttons[(index + buttons.length) % buttons.length]?.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const at = [...this.#element.children].indexOf(/** @type {Element} */ (document.activeElement));
    const moves = /** @type {Record<string, number>} */ ({ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 });
    if (event.key in moves) this.#focus(moves[event.key]);
    else if (event.key === 'Escape') this.close();
    else if (event.key === 'Tab') return this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export const menu = new Menu();
