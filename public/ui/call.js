// What happens in the call, told: banners for what lasts, notices for what passes.

import { byId, listen, make } from './dom.js';
import { reflectCount } from './controls.js';

/**
 * @typedef {import('../client.js').Client} Client
 * @typedef {import('./notices.js').Notices} Notices
 */

const DEVICE = { microphone: 'microphone', camera: 'camera', screen: 'screen', screenAudio: 'screen’s sound' };

export class CallWords {
  #client;
  #notices;
  #banner = byId('banner');
  /** Hands that are up, to tell a new one from an old one. @type {Set<string>} */
  #hands = new Set();
  /** Those who wait, likewise. @type {Set<string>} */
  #waiting = new Set();

  /**
   * @param {Client} client
   * @param {Notices} notices
   * @param {import('./people.js').People} people
   */
  constructor(client, notices, people) {
    this.#client = client;
    this.#notices = notices;
    listen(client, 'participant-joined', ({ participant }) => {
      this.#count();
      // Those who were here before us are no news.
      if (this.#inCall) notices.show(`${participant.name} joined.`);
    });
    listen(client, 'participant-left', ({ participant }) => {
      this.#hands.delete(participant.id);
      this.#count();
      if (client.state === 'joined') notices.show(`${participant.name} left.`);
    });
    listen(client, 'participant-changed', ({ participant }) => this.#hand(participant));
    listen(client, 'muted', ({ source, by }) => {
      const name = client.participants.get(by)?.name ?? 'A moderator';
      notices.show(`${name} muted your ${DEVICE[/** @type {keyof typeof DEVICE} */ (source)] ?? source}.`);
    });
    listen(client, 'room', () => this.#room());
    listen(client, 'lobby', ({ waiting }) => this.#lobby(waiting, people));
    listen(client, 'error', (error) => this.#error(error));
  }

  get #inCall() {
    return !byId('call').hidden && this.#client.state === 'joined';
  }

  /** A lasting condition, in words; none when empty. @param {string} words @param {...HTMLElement} extra */
  say(words, ...extra) {
    this.#banner.hidden = !words;
    this.#banner.replaceChildren(words, ...extra);
  }

  /** What is so when we come in. */
  enter() {
    this.#count();
    this.#room();
    this.#hands = new Set([...this.#client.participants.values()].filter(({ hand }) => hand).map(({ id }) => id));
  }

  clear() {
    this.#hands.clear();
    this.#waiting.clear();
    reflectCount('people', 0, 'People', '');
    this.say('');
  }

  #count() {
    const others = this.#client.participants.size;
    byId('count').textContent = String(others + 1);
    byId('alone').hidden = others > 0;
  }

  #room() {
    byId('room-locked').toggleAttribute('hidden', !this.#client.room?.locked);
  }

  /** @param {import('../client.js').Participant} participant */
  #hand({ id, name, hand, self }) {
    if (hand === this.#hands.has(id)) return;
    if (hand) this.#hands.add(id);
    else this.#hands.delete(id);
    if (!this.#inCall) return;
    if (!self && hand) this.#notices.show(`${name} raised a hand.`);
    if (self) this.#notices.show(hand ? 'Your hand is raised.' : 'Your hand is lowered.');
  }

  /**
   * @param {{ id: string, name: string }[]} waiting
   * @param {import('./people.js').People} people
   */
  #lobby(waiting, people) {
    reflectCount('people', people.moderates ? waiting.length : 0, 'People', waiting.length === 1 ? 'waits to be let in' : 'wait to be let in');
    for (const { id, name } of waiting) {
      if (this.#waiting.has(id) || !people.moderates || people.shown) continue;
      const admit = /** @type {HTMLButtonElement} */ (make('button', { type: 'button', class: 'button small', text: 'Admit', 'aria-label': `Admit ${name}` }));
      const takeBack = this.#notices.show(`${name} asks to be let in.`, { extra: admit });
      admit.addEventListener('click', () => {
        takeBack();
        void people.moderate({ action: 'admit', participant: id });
      });
    }
    this.#waiting = new Set(waiting.map(({ id }) => id));
  }

  /** @param {{ message: string, retry?: boolean }} error */
  #error({ message, retry }) {
    if (!retry) return void this.#notices.show(message);
    const again = /** @type {HTMLButtonElement} */ (make('button', { type: 'button', class: 'button small', text: 'Try again' }));
    again.addEventListener('click', () => {
      this.say('');
      this.#client.retry();
    });
    this.say(message, again);
  }
}
