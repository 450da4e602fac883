// The panel beside the stage: chat or people, one at a time. Focus goes in, and back to the button when it closes.

import { byId } from './dom.js';

/** @typedef {'chat' | 'people'} Name */

/** Events: `change` when a panel was opened or closed. */
export class Panels extends EventTarget {
  /** @type {Name | null} */
  open = null;

  #holder = byId('panels');
  /** @type {HTMLElement | null} */
  #opener = null;

  constructor() {
    super();
    for (const button of this.#holder.querySelectorAll('.panel-close')) button.addEventListener('click', () => this.close());
    this.#holder.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented) this.close();
    });
  }

  /** @param {Name} name */
  toggle(name) {
    if (this.open === name) return this.close();
    if (!this.open) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#show(name);
    const focus = byId(`${name}-panel`).querySelector('[data-focus]');
    if (focus instanceof HTMLElement) focus.focus({ preventScroll: true });
  }

  /** @param {boolean} [back]  whether the focus returns to where it was */
  close(back = true) {
    const was = this.open;
    if (!was) return;
    this.#show(null);
    // On a phone the button that opened the panel may be in a menu that is gone.
    const button = this.#opener?.isConnected && this.#opener !== document.body ? this.#opener : byId(was);
    if (back) (button.offsetParent ? button : byId('more')).focus();
    this.#opener = null;
  }

  /** @param {Name | null} name */
  #show(name) {
    this.open = name;
    this.#holder.hidden = !name;
    for (const each of /** @type {const} */ (['chat', 'people'])) byId(`${each}-panel`).hidden = each !== name;
    this.dispatchEvent(new Event('change'));
  }
}
