// Before the call: who you are, which room, and a look at yourself.

import { byId, setToggle } from './dom.js';
import { Tile } from './tile.js';

const REMEMBERED = 'plenum.place';

/** @typedef {{ name: string, room: string }} Place */

export class Lobby {
  /** Asked to enter; throws an Error with words for the person. @type {(place: Place) => Promise<void>} */
  onJoin = async () => {};

  #media;
  #view = byId('lobby');
  #form = /** @type {HTMLFormElement} */ (byId('join-form'));
  #name = /** @type {HTMLInputElement} */ (byId('name'));
  #room = /** @type {HTMLInputElement} */ (byId('room'));
  #join = /** @type {HTMLButtonElement} */ (byId('join'));
  #again = /** @type {HTMLButtonElement} */ (byId('try-again'));
  #devices = /** @type {HTMLButtonElement} */ (byId('devices'));
  #words = byId('lobby-words');
  #tile = new Tile('preview', { self: true });

  /** @param {import('./media.js').LocalMedia} media */
  constructor(media) {
    this.#media = media;
    byId('preview-tile').append(this.#tile.element);
    this.#fill();
    this.#name.addEventListener('input', () => this.#tile.setName(this.#name.value));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#again.addEventListener('click', () => this.#open());
    this.#devices.addEventListener('click', () => this.#open());
    this.#bindToggle('preview-microphone', 'audio');
    this.#bindToggle('preview-camera', 'video');
    media.addEventListener('change', () => this.#reflect());
    this.#reflect();
  }

  /** @param {string} [words] */
  async show(words = '') {
    this.#view.hidden = false;
    this.#words.textContent = words;
    document.title = 'Plenum';
    (this.#name.value ? (this.#room.value ? this.#join : this.#room) : this.#name).focus();
    if (!this.#media.supported || (await this.#media.permitted())) await this.#open(words);
  }

  hide() {
    this.#view.hidden = true;
  }

  /** Name and room come from the address, else from the last time. */
  #fill() {
    const address = new URLSearchParams(location.search);
    const last = remembered();
    this.#name.value = address.get('name') ?? last.name ?? '';
    this.#room.value = address.get('room') ?? last.room ?? '';
    this.#tile.setName(this.#name.value);
  }

  /** @param {string} [words]  kept if nothing worse is to be said */
  async #open(words = '') {
    if (this.#media.supported) this.#words.textContent = 'Waiting for camera and microphone: the browser may ask you to allow them.';
    this.#busy(true);
    await this.#media.open();
    this.#busy(false);
    this.#words.textContent = this.#media.problem || words;
    this.#again.hidden = !this.#media.problem || !this.#media.supported;
    this.#reflect();
  }

  async #submit() {
    const place = { name: this.#name.value.trim(), room: this.#room.value.trim() };
    if (!place.name || !place.room) {
      this.#words.textContent = 'Please give your name and a room.';
      return;
    }
    this.#join.disabled = true;
    try {
      if (!this.#media.tried) {
        await this.#open();
        // Something is missing: say so, and let the person decide. The next press joins as things are.
        if (this.#media.problem) return;
      }
      this.#words.textContent = 'Joining…';
      await this.onJoin(place);
      remember(place);
      this.#words.textContent = '';
    } catch (error) {
      this.#words.textContent = /** @type {Error} */ (error).message;
    } finally {
      this.#join.disabled = false;
    }
  }

  /** One question to the browser at a time. @param {boolean} busy */
  #busy(busy) {
    for (const button of [this.#join, this.#again, this.#devices]) button.disabled = busy;
  }

  #reflect() {
    const media = this.#media;
    this.#tile.setStream(media.stream);
    this.#tile.setPicture(media.isOn('video'));
    this.#devices.hidden = media.tried || !media.supported;
    byId('preview-bar').hidden = !media.tried || !media.supported;
    setToggle(byId('preview-microphone'), media.isOn('audio'), 'mic');
    setToggle(byId('preview-camera'), media.isOn('video'), 'camera');
    this.#tile.setMuted(media.tried && !media.isOn('audio'));
    this.#join.textContent = !media.tried || !media.silent ? 'Join' : 'Join without camera and microphone';
  }

  /**
   * @param {string} id
   * @param {'audio' | 'video'} kind
   */
  #bindToggle(id, kind) {
    byId(id).addEventListener('click', async () => {
      this.#words.textContent = await this.#media.set(kind, !this.#media.isOn(kind));
    });
  }
}

/** @returns {Partial<Place>} */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}');
  } catch {
    // No storage, or not ours: then nothing is remembered.
    return {};
  }
}

/** @param {Place} place */
function remember(place) {
  const address = new URL(location.href);
  address.searchParams.set('room', place.room);
  address.searchParams.set('name', place.name);
  history.replaceState(null, '', address);
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(place));
  } catch {
    // A browser without storage only forgets.
  }
}
