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
 * A fresh copy of a template's only element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (/** @type {HTMLElement} */ (byId(id)));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
}

/**
 * A part of an element that must be there.
 * @template {HTMLElement} [E=HTMLElement]
 * @param {Element} holder
 * @param {string} selector
 * @returns {E}
 */
export function part(holder, selector) {
  const found = holder.querySelector(selector);
  if (!found) throw new Error(`A template lacks ${selector}.`);
  return /** @type {E} */ (/** @type {unknown} */ (found));
}

/**
 * @param {string} name  of the tag
 * @param {{ class?: string, text?: string, [attribute: string]: string | undefined }} [attributes]
 * @param {...Node} children
 * @returns {HTMLElement}
 */
export function make(name, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** @param {string} name */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {Element} holder  an element with one icon in it
 * @param {string} name
 */
export function setIcon(holder, name) {
  const use = holder.querySelector('use');
  if (use?.getAttribute('href') !== `#i-${name}`) use?.setAttribute('href', `#i-${name}`);
}

/**
 * Text that is set only when it differs: live regions speak of every change.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A button that is on or off, with the icon that says so.
 * @param {HTMLElement} button
 * @param {boolean} on
 * @param {'mic' | 'camera'} name
 */
export function setToggle(button, on, name) {
  button.setAttribute('aria-pressed', String(on));
  setIcon(button, on ? name : `${name}-off`);
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {(detail: any) => void} listener
 */
export function listen(target, type, listener) {
  target.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
}
