// What went wrong, said where it did.

import { setText } from '../ui/dom.js';

/**
 * @param {HTMLElement} element
 * @param {string} words  nothing is wrong if there are none
 * @param {HTMLElement} [field]  that it is about
 */
export function say(element, words, field) {
  setText(element, words);
  element.hidden = !words;
  if (!field) return;
  if (words) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
}
