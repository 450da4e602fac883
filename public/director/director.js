// The director's panel: joins what is known of the room's mixes to the parts of the dialog that show and change it.

import { byId, listen, setText } from '../ui/dom.js';
import { Cast } from './cast.js';
import { MixChoice } from './choice.js';
import { Desk } from './desk.js';
import { LayoutChoice } from './layout.js';
import { isImplied } from './layouts.js';
import { OutputList } from './outputs.js';
import { Preview } from './preview.js';
import { Sketch } from './sketch.js';
import { StyleForm } from './style.js';
import { say } from './wrong.js';

/** @typedef {import('../client.js').Client} Client */

const DEFAULT = 'default';

export class Director {
  #client;
  #desk = new Desk();
  #dialog = /** @type {HTMLDialogElement} */ (byId('director-dialog'));
  #trouble = byId('director-trouble');
  #settings = /** @type {HTMLFieldSetElement} */ (byId('mix-settings'));
  #choice = new MixChoice(this.#desk);
  #sketch = new Sketch();
  #layout = new LayoutChoice(this.#desk);
  #style = new StyleForm(this.#desk);
  #outputs = new OutputList(this.#desk);
  #preview = new Preview(this.#desk);
  #cast;

  /** @param {Client} client */
  constructor(client) {
    this.#client = client;
    this.#cast = new Cast(this.#desk, () => this.#people);
    listen(this.#desk, 'change', () => this.#render());
    listen(this.#desk, 'accepted', ({ change }) => this.#accept(change));
    listen(this.#desk, 'refused', ({ error, change }) => this.#refuse(error, change));
    listen(this.#desk, 'trouble', ({ message }) => say(this.#trouble, message));
    for (const event of ['participant-joined', 'participant-left']) listen(client, event, () => this.#render());
    listen(client, 'participant-changed', ({ participant }) => participant.self && !this.allowed && this.#dialog.close());
    this.#dialog.addEventListener('close', () => {
      this.#preview.stop();
      this.#desk.close();
      this.#outputs.reset();
    });
    addEventListener('pagehide', () => this.#preview.stop());
  }

  /** Whether we may direct. */
  get allowed() {
    return this.#client.self?.role === 'moderator';
  }

  open() {
    const { place } = this.#client;
    if (!place || this.#dialog.open) return;
    say(this.#trouble, '');
    for (const section of [this.#layout, this.#style, this.#cast]) section.refuse('');
    this.#choice.reset();
    this.#desk.open(place.room);
    this.#render();
    this.#dialog.showModal();
  }

  get #people() {
    const { self, participants } = this.#client;
    return self ? [self, ...participants.values()] : [];
  }

  #render() {
    const { mix, mixes } = this.#desk;
    this.#dialog.classList.toggle('empty', !mix);
    if (!mix || !this.#dialog.open) return;
    const implied = isImplied(mix.name);
    this.#choice.render(mixes, mix, implied || mix.name === DEFAULT);
    this.#settings.disabled = implied;
    byId('mix-implied').hidden = !implied;
    this.#sketch.render(mix, this.#people);
    setText(byId('mix-facts'), `${mix.width} × ${mix.height}, ${mix.fps} pictures a second, ${mix.videoKbps} kbit/s`);
    this.#layout.render(mix);
    this.#cast.render(mix);
    this.#style.render(mix);
    this.#outputs.render();
    this.#preview.follow();
  }

  /**
   * A change was not to be: says so where it was made.
   * @param {Error & { field?: string }} error
   * @param {import('../mixes.js').Change} change
   */
  #refuse(error, change) {
    const about = error.field?.split(/[.[]/u)[0] || Object.keys(change)[0] || '';
    this.#section(about).refuse(error.message);
  }

  /** What was wrong is so no more. @param {import('../mixes.js').Change} change */
  #accept(change) {
    for (const about of Object.keys(change)) this.#section(about).refuse('');
  }

  /** @param {string} field */
  #section(field) {
    return field === 'layout' ? this.#layout : field === 'style' ? this.#style : this.#cast;
  }
}
