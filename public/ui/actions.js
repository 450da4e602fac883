// Everything that can be done in a call by a button, a menu or a key: one list for all three, and for the help sheet.

/**
 * @typedef {object} Action
 * @property {string} id     also that of its button, where it has one
 * @property {string} icon
 * @property {string} label  a name that does not change
 * @property {() => string} [words]  what pressing does now, for the menu
 * @property {string} [key]  the shortcut
 * @property {boolean} [inMenu]  has no button of its own, or may lack it on small screens
 * @property {() => boolean} [offered]  whether it makes sense here and now
 * @property {() => unknown} run
 */

export class Actions {
  /** @type {Map<string, Action>} */
  #actions = new Map();

  /** @param {Action[]} actions */
  constructor(actions) {
    for (const action of actions) {
      this.#actions.set(action.id, action);
      const button = document.getElementById(action.id);
      if (!button) continue;
      button.addEventListener('click', () => action.run());
      const words = action.key ? `${action.label} (${action.key})` : action.label;
      button.title = words;
      if (action.key) button.setAttribute('aria-keyshortcuts', action.key);
    }
    this.refresh();
  }

  get all() {
    return [...this.#actions.values()];
  }

  /** Hide the buttons of what cannot be done here. */
  refresh() {
    for (const { id, offered } of this.#actions.values()) {
      const button = document.getElementById(id);
      if (button) button.hidden = offered ? !offered() : false;
    }
  }

  /**
   * What the menu holds: all that has no button in sight.
   * @returns {import('./menu.js').Item[]}
   */
  menuItems() {
    return this.all
      .filter(({ id, offered, inMenu }) => inMenu && (offered?.() ?? true) && !document.getElementById(id)?.offsetParent)
      .map(({ label, words, icon, key, run }) => ({ label: words?.() ?? label, icon, key, run }));
  }

  /** @param {string} key */
  byKey(key) {
    return this.all.find((action) => action.key === key && (action.offered?.() ?? true));
  }
}
