// The dialog with the figures of one person's connection.

import { byId, make } from './dom.js';
import { qualityWords } from './words.js';

const EVERY_MS = 1_000;

export class Details {
  #client;
  #dialog = /** @type {HTMLDialogElement} */ (byId('details'));
  #figures = byId('details-figures');
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;

  /** @param {import('../client.js').Client} client */
  constructor(client) {
    this.#client = client;
    this.#dialog.addEventListener('close', () => clearInterval(this.#clock));
  }

  /** @param {string} id */
  open(id) {
    clearInterval(this.#clock);
    this.#figures.replaceChildren();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#clock = setInterval(() => this.#update(id), EVERY_MS);
    void this.#update(id);
  }

  /** @param {string} id */
  async #update(id) {
    const { self, participants } = this.#client;
    const person = id === self?.id ? self : participants.get(id);
    if (!person) return this.#dialog.close();
    byId('details-name').textContent = person.self ? `${person.name} (you)` : person.name;
    byId('details-quality').textContent = `${qualityWords(person.quality)}${person.self ? ' · what you send' : ''}`;
    const stats = await this.#client.stats(id).catch(() => null);
    const rows = stats ? rowsOf(stats) : [];
    if (rows.length === 0) rows.push(['Media', 'nothing flows']);
    this.#figures.replaceChildren(...rows.flatMap(([term, value]) => [make('dt', { text: term }), make('dd', { text: value })]));
  }
}

/**
 * @param {any} stats  of Client.stats()
 * @returns {[string, string][]}
 */
function rowsOf({ video, audio, rttMs, path }) {
  /** @type {[string, string | null][]} */
  const rows = [
    ['Picture', video && `${video.width} × ${video.height}, ${number(video.fps)} fps`],
    ['Picture bitrate', video && `${number(video.kbps)} kbit/s${video.codec ? `, ${video.codec}` : ''}`],
    ['Picture packets lost', video && `${number(video.lost)} %`],
    ['Picture freezes', video?.freezes === undefined ? null : number(video.freezes)],
    ['Picture jitter', video?.jitterMs === undefined ? null : `${number(video.jitterMs)} ms`],
    ['Sound bitrate', audio && `${number(audio.kbps)} kbit/s`],
    ['Sound packets lost', audio && `${number(audio.lost)} %`],
    ['Sound jitter', audio?.jitterMs === undefined ? null : `${number(audio.jitterMs)} ms`],
    ['Round trip', rttMs === null || rttMs === undefined ? null : `${number(rttMs)} ms`],
    ['Path', path ? String(path) : null],
  ];
  return rows.filter(/** @returns {row is [string, string]} */ (row) => Boolean(row[1]));
}

/** @param {number | null | undefined} value */
function number(value) {
  return value === null || value === undefined ? '–' : String(Math.round(value * 10) / 10);
}
