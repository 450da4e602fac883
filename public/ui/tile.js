// One picture on the stage: a person's camera, or initials while no picture flows, or a shared screen; with name and marks.

import { fromTemplate, part, setText } from './dom.js';
import { Picture } from './picture.js';
import { hue, initials, qualityWords } from './words.js';

/** @typedef {import('../client.js').Participant} Participant */

export class Tile {
  element = fromTemplate('tile-template');
  /** Called when the person is to be pinned, or let go. @type {() => void} */
  onPin = () => {};
  /** Called when the connection's figures are wanted. @type {() => void} */
  onDetails = () => {};

  #picture;
  #self;
  #screen;
  #name = '';

  /**
   * @param {string} id  of the participant
   * @param {{ self?: boolean, screen?: boolean }} [options]
   */
  constructor(id, { self = false, screen = false } = {}) {
    const { element } = this;
    this.#self = self;
    this.#screen = screen;
    element.dataset.participant = id;
    element.dataset.source = screen ? 'screen' : 'camera';
    element.classList.toggle('self', self);
    element.classList.toggle('screen', screen);
    this.#picture = new Picture(part(element, 'video'), { patient: screen });
    this.#picture.onShown = (shown) => element.classList.toggle('has-picture', shown);
    part(element, '.tile-pin').addEventListener('click', () => this.onPin());
    part(element, '.tile-quality').addEventListener('click', () => this.onDetails());
  }

  /** @param {string} name */
  setName(name) {
    if (name === this.#name) return;
    this.#name = name;
    const words = this.#screen
      ? (this.#self ? 'Your screen' : `${name}’s screen`)
      : this.#self ? 'You' : name;
    setText(part(this.element, '.who'), words);
    this.element.setAttribute('aria-label', this.#self && !this.#screen ? `${name} (you)` : words);
    if (!this.#screen) setText(part(this.element, '.face span'), initials(name));
    part(this.element, '.face').style.setProperty('--hue', String(hue(name)));
    part(this.element, '.tile-pin').setAttribute('aria-label', `Pin ${words === 'You' ? 'yourself' : words}`);
  }

  /** @param {MediaStreamTrack | null} track */
  setTrack(track) {
    this.#picture.attach(track);
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.element.classList.toggle('is-muted', muted && !this.#screen);
  }

  /**
   * All that is told about a person.
   * @param {Participant} participant
   */
  follow({ name, connection, hand, quality, tracks }) {
    this.setName(name);
    const microphone = tracks.get('microphone');
    this.setMuted(!microphone || microphone.muted);
    this.element.dataset.connection = connection;
    setText(part(this.element, '.tile-state'), connection === 'reconnecting' ? 'Reconnecting…' : '');
    part(this.element, '.tile-hand').hidden = !hand || this.#screen;
    const mark = part(this.element, '.tile-quality');
    mark.hidden = this.#screen;
    mark.dataset.quality = quality;
    const words = `${qualityWords(quality)} of ${this.#self ? 'yourself' : name}: details`;
    if (mark.title !== words) {
      mark.title = words;
      mark.setAttribute('aria-label', words);
    }
  }

  /** @param {boolean} speaks */
  setSpeaks(speaks) {
    this.element.classList.toggle('speaks', speaks && !this.#screen);
  }

  /** @param {boolean} pinned */
  setPinned(pinned) {
    this.element.classList.toggle('pinned', pinned);
    part(this.element, '.tile-pin').setAttribute('aria-pressed', String(pinned));
  }

  /**
   * @param {import('./grid.js').Rect} rect
   * @param {'main' | 'small' | 'grid' | 'corner'} role
   */
  place({ x, y, width, height }, role) {
    const { style, dataset, classList } = this.element;
    style.left = `${x}px`;
    style.top = `${y}px`;
    style.width = `${width}px`;
    style.height = `${height}px`;
    dataset.role = role;
    classList.toggle('tiny', width < 200);
  }

  /** Look whether frames still come in. @param {number} now */
  check(now) {
    this.#picture.check(now);
  }

  remove() {
    this.#picture.attach(null);
    this.element.remove();
  }
}
