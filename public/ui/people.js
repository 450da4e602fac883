// The list of everyone in the room, who waits to be let in, and what a moderator can do about it.

import { byId, fromTemplate, make, part, setIcon, setText } from './dom.js';
import { menu } from './menu.js';
import { hue, initials, qualityWords } from './words.js';

/**
 * @typedef {import('../client.js').Client} Client
 * @typedef {import('../client.js').Participant} Participant
 */

export class People {
  #client;
  #stage;
  #notices;
  #details;
  #list = byId('people-list');
  #waiting = byId('waiting-list');
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #pending = false;
  /** Requests that are not answered yet. */
  #asking = 0;

  /**
   * @param {Client} client
   * @param {import('./stage.js').Stage} stage
   * @param {import('./notices.js').Notices} notices
   * @param {(id: string) => void} details
   */
  constructor(client, stage, notices, details) {
    this.#client = client;
    this.#stage = stage;
    this.#notices = notices;
    this.#details = details;
    for (const type of ['participant-joined', 'participant-changed', 'participant-left', 'room', 'lobby', 'state']) {
      client.addEventListener(type, () => this.#soon());
    }
    const room = () => client.room;
    byId('lock').addEventListener('change', () => this.moderate({ action: 'lock', locked: !room()?.locked }));
    byId('lobby-switch').addEventListener('change', () => this.moderate({ action: 'lobby', enabled: !room()?.lobby }));
  }

  get shown() {
    return byId('people-panel').offsetParent !== null;
  }

  get moderates() {
    return this.#client.self?.role === 'moderator';
  }

  /** @param {Record<string, unknown> & { action: string }} request */
  async moderate(request) {
    this.#asking += 1;
    try {
      await this.#client.moderate(request);
    } catch (error) {
      this.#notices.show(`That was not done: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.#asking -= 1;
    }
    this.render();
  }

  #soon() {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.render();
    });
  }

  render() {
    const { self, participants, room, waiting } = this.#client;
    if (!self) return;
    const people = [self, ...participants.values()];
    const present = new Set(people.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (present.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    // Raised hands first: somebody waits for their turn.
    people.sort((a, b) => Number(b.hand) - Number(a.hand));
    for (const [index, person] of people.entries()) {
      const row = this.#rows.get(person.id) ?? this.#open(person);
      this.#follow(row, person);
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    }
    setText(byId('people-count'), String(people.length));
    byId('room-controls').hidden = !this.moderates;
    // A switch that was just pressed must not jump back before the server has answered.
    if (this.#asking === 0) {
      /** @type {HTMLInputElement} */ (byId('lock')).checked = Boolean(room?.locked);
      /** @type {HTMLInputElement} */ (byId('lobby-switch')).checked = Boolean(room?.lobby);
    }
    this.#renderWaiting(this.moderates ? waiting : []);
  }

  /** @param {{ id: string, name: string }[]} waiting */
  #renderWaiting(waiting) {
    byId('waiting').hidden = waiting.length === 0;
    // Drawn anew only when it differs, for a button in it may have the focus.
    const key = waiting.map(({ id }) => id).join();
    if (this.#waiting.dataset.key === key) return;
    this.#waiting.dataset.key = key;
    this.#waiting.replaceChildren(...waiting.map(({ id, name }) => {
      const admit = make('button', { type: 'button', class: 'button small primary', text: 'Admit', 'aria-label': `Admit ${name}` });
      const deny = make('button', { type: 'button', class: 'button small', text: 'Deny', 'aria-label': `Deny ${name}` });
      admit.addEventListener('click', () => this.moderate({ action: 'admit', participant: id }));
      deny.addEventListener('click', () => this.moderate({ action: 'deny', participant: id }));
      return make('li', { class: 'person' }, face(name), make('span', { class: 'person-name' }, make('span', { class: 'name', text: name })), admit, deny);
    }));
  }

  /** @param {Participant} person */
  #open({ id, name, self }) {
    const row = fromTemplate('person-template');
    row.dataset.participant = id;
    row.prepend(face(name));
    setText(part(row, '.name'), self ? `${name} (you)` : name);
    const button = part(row, '.person-menu');
    button.setAttribute('aria-label', `What to do about ${self ? 'yourself' : name}`);
    button.addEventListener('click', () => {
      const person = self ? this.#client.self : this.#client.participants.get(id);
      if (person) menu.toggle(button, person.name, this.#items(person));
    });
    this.#rows.set(id, row);
    return row;
  }

  /**
   * @param {HTMLElement} row
   * @param {Participant} person
   */
  #follow(row, { role, hand, tracks, connection, quality }) {
    const roles = { moderator: 'Moderator', viewer: 'Viewer' };
    const words = [roles[/** @type {keyof typeof roles} */ (role)], connection === 'reconnecting' ? 'Reconnecting…' : quality === 'good' ? '' : qualityWords(quality)];
    setText(part(row, '.role'), words.filter(Boolean).join(' · '));
    part(row, '.hand').toggleAttribute('hidden', !hand);
    for (const [source, name, words] of /** @type {const} */ ([['microphone', 'mic', 'Microphone'], ['camera', 'camera', 'Camera']])) {
      const track = tracks.get(source);
      const on = Boolean(track && !track.muted);
      const mark = part(row, `.${source}`);
      mark.setAttribute('aria-label', `${words} ${on ? 'on' : 'off'}`);
      mark.classList.toggle('off', !on);
      setIcon(mark, on ? name : `${name}-off`);
    }
  }

  /**
   * @param {Participant} person
   * @returns {import('./menu.js').Item[]}
   */
  #items({ id, name, self, hand, role, tracks }) {
    const microphone = tracks.get('microphone');
    const camera = tracks.get('camera');
    /** @type {import('./menu.js').Item[]} */
    const items = [
      { label: this.#stage.isPinned(id) ? 'Unpin' : 'Pin to the stage', icon: 'pin', run: () => this.#stage.pin(`${id}/camera`) },
      { label: 'Connection details', icon: 'quality', run: () => this.#details(id) },
    ];
    if (!this.moderates || self) return items;
    if (microphone && !microphone.muted) items.push({ label: 'Mute microphone', icon: 'mic-off', run: () => this.moderate({ action: 'mute', participant: id, source: 'microphone' }) });
    if (camera && !camera.muted) items.push({ label: 'Turn off camera', icon: 'camera-off', run: () => this.moderate({ action: 'mute', participant: id, source: 'camera' }) });
    if (hand) items.push({ label: 'Lower hand', icon: 'hand', run: () => this.moderate({ action: 'lowerHand', participant: id }) });
    if (role !== 'moderator') items.push({ label: 'Make moderator', icon: 'star', run: () => this.moderate({ action: 'role', participant: id, role: 'moderator' }) });
    items.push({ label: `Remove ${name}`, icon: 'leave', danger: true, run: () => this.moderate({ action: 'remove', participant: id }) });
    return items;
  }
}

/** @param {string} name */
function face(name) {
  const element = make('span', { class: 'mini-face', 'aria-hidden': 'true', text: initials(name) });
  element.style.setProperty('--hue', String(hue(name)));
  return element;
}
