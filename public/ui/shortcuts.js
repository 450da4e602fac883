// Single keys do what buttons do; never while somebody types or a dialog is open, and not at all for those who switch
// them off (screen readers and speech input use single keys for themselves).

import { byId, make } from './dom.js';
import { recall, remember } from './remember.js';

export class Shortcuts {
  #actions;
  #active;
  #switch = /** @type {HTMLInputElement} */ (byId('shortcuts-switch'));

  /**
   * @param {import('./actions.js').Actions} actions
   * @param {() => boolean} active  whether there is a call
   */
  constructor(actions, active) {
    this.#actions = actions;
    this.#active = active;
    this.#switch.checked = recall('shortcuts', true);
    this.#switch.addEventListener('change', () => remember('shortcuts', this.#switch.checked));
    document.addEventListener('keydown', (event) => this.#press(event));
    const rows = actions.all.filter(({ key }) => key).map(({ key, label }) => make('div', {}, make('dt', {}, make('kbd', { text: key })), make('dd', { text: label })));
    byId('help-keys').replaceChildren(...rows);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (!this.#switch.checked || !this.#active() || event.defaultPrevented || event.repeat) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
    const action = this.#actions.byKey(event.key.toLowerCase());
    if (!action) return;
    event.preventDefault();
    action.run();
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest('select, textarea, [role="menu"]')) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type);
}
