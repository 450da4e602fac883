// The buttons of a call, kept true to what is on.

import { byId, setIcon, setText, setToggle } from './dom.js';

/** @param {import('./media.js').LocalMedia} media */
export function reflectDevices(media) {
  setToggle(byId('microphone'), media.isOn('audio'), 'mic');
  setToggle(byId('camera'), media.isOn('video'), 'camera');
}

/**
 * A button that is on or off without being a device.
 * @param {string} id
 * @param {boolean} on
 */
export function reflectOn(id, on) {
  byId(id).setAttribute('aria-pressed', String(on));
}

/**
 * A count on a button, and in its name.
 * @param {string} id
 * @param {number} count
 * @param {string} label
 * @param {string} words
 */
export function reflectCount(id, count, label, words) {
  const mark = byId(`${id}-mark`);
  mark.hidden = count === 0;
  setText(mark, count > 99 ? '99+' : String(count));
  byId(id).setAttribute('aria-label', count ? `${label}, ${count} ${words}` : label);
}

/** @param {import('./arrange.js').Mode} mode */
export function reflectMode(mode) {
  const button = byId('layout');
  setIcon(button, mode === 'grid' ? 'speaker-view' : 'grid');
  const words = mode === 'grid' ? 'Show the speaker large' : 'Show everyone equally large';
  button.setAttribute('aria-label', words);
  button.title = `${words} (l)`;
}
