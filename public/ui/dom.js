// Small conveniences over the document.

/**
 * The element with this id; the page is broken without it.
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @returns {E}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element #${id}.`);
  return /** @type {E} */ (element);
}

/**
 * @param {Element} holder  an element with one icon in it
 * @param {string} icon
 */
export function setIcon(holder, icon) {
  holder.querySelector('use')?.setAttribute('href', `#i-${icon}`);
}

/**
 * A button that is on or off, with the icon that says so.
 * @param {HTMLElement} button
 * @param {boolean} on
 * @param {'mic' | 'camera'} icon
 */
export function setToggle(button, on, icon) {
  button.setAttribute('aria-pressed', String(on));
  setIcon(button, on ? icon : `${icon}-off`);
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {(detail: any) => void} listener
 */
export function listen(target, type, listener) {
  target.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
}
