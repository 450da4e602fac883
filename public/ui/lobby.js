// Before the call: who you are, which room, and a look at yourself.

import { claims } from '../token.js';
import { DevicePicker } from './devices.js';
import { byId, setToggle } from './dom.js';
import { recall, remember } from './remember.js';
import { Tile } from './tile.js';

/** @typedef {{ name: string, room: string, role?: 'viewer' }} Place  viewers see and hear, and publish nothing */

export class Lobby {
  /** Asked to enter; throws an Error with words for the person. @type {(place: Place) => Promise<void>} */
  onJoin = async () => {};

  /** Asked to wait no longer. @type {() => void} */
  onCancel = () => {};

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
  #picker;

  /**
   * @param {import('./media.js').LocalMedia} media
   * @param {import('./sound.js').Sound} sound
   */
  constructor(media, sound) {
    this.#media = media;
    this.#picker = new DevicePicker(byId('lobby-devices'), media, sound);
    byId('stop-waiting').addEventListener('click', () => this.onCancel());
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
    this.wait(null);
    this.#words.textContent = words;
    document.title = 'Plenum';
    (this.#name.value ? (this.#room.value ? this.#join : this.#room) : this.#name).focus();
    if (!this.#media.supported || (await this.#media.permitted())) await this.#open(words);
  }

  hide() {
    this.#view.hidden = true;
    void this.#picker.show(false);
  }

  /** A moderator has to let us in; null when that is over. @param {string | null} room */
  wait(room) {
    this.#form.hidden = room !== null;
    byId('wait').hidden = room === null;
    if (room === null) return;
    byId('wait-room').textContent = room;
    byId('wait-title').focus();
  }

  /** Name and room come from the token or the address, else from the last time. */
  #fill() {
    const address = new URLSearchParams(location.search);
    const last = recall('place', /** @type {Partial<Place>} */ ({}));
    const { name, sub, video } = claims();
    this.#name.value = name ?? sub ?? address.get('name') ?? last.name ?? '';
    this.#room.value = address.get('room') ?? video?.room ?? last.room ?? '';
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
    /** @type {Place} */
    const place = { name: this.#name.value.trim(), room: this.#room.value.trim() };
    if (new URLSearchParams(location.search).get('role') === 'viewer') place.role = 'viewer';
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
      keep(place);
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
    this.#tile.setTrack(media.tracks.video);
    const picking = media.tried && media.supported;
    byId('lobby-devices').hidden = !picking;
    void this.#picker.show(picking && !this.#view.hidden);
    this.#devices.hidden = media.tried || !media.supported;
    byId('preview-bar').hidden = !picking;
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

/** @param {Place} place */
function keep(place) {
  const address = new URL(location.href);
  address.searchParams.set('room', place.room);
  address.searchParams.set('name', place.name);
  history.replaceState(null, '', address);
  remember('place', place);
}
