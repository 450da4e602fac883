// The mix as it looks now, by WHEP: only while somebody asks for it, for it costs the server a mix.

import { ApiError } from '../api.js';
import { whepAddress } from '../mixes.js';
import { byId, listen, part, setIcon, setText } from '../ui/dom.js';
import { Whep } from '../whep.js';

export class Preview {
  #desk;
  #video = /** @type {HTMLVideoElement} */ (byId('preview'));
  #button = byId('preview-button');
  #words = byId('preview-words');
  /** @type {Whep | null} */
  #whep = null;
  /** Which mix is watched. */
  #mix = '';

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#button.addEventListener('click', () => (this.#whep ? this.stop() : this.#start()));
    // The picture comes some time after the connection.
    this.#video.addEventListener('playing', () => this.#whep && setText(this.#words, 'Without sound, so that nobody hears themselves.'));
  }

  /** Watches the mix that is directed, if any was watched. */
  follow() {
    if (this.#whep && this.#desk.mix && this.#desk.mix.name !== this.#mix) void this.#start();
  }

  /** @param {string} [words]  why */
  stop(words = '') {
    this.#whep?.close();
    this.#whep = null;
    this.#video.srcObject = null;
    this.#reflect(words);
  }

  async #start() {
    const { mix, room } = this.#desk;
    if (!mix) return;
    this.stop();
    const whep = new Whep(whepAddress(room, mix.name));
    this.#whep = whep;
    this.#mix = mix.name;
    this.#reflect('Starting the preview…');
    listen(whep, 'ended', ({ message }) => this.#whep === whep && this.stop(message));
    try {
      this.#video.srcObject = whep.stream;
      await whep.open();
    } catch (error) {
      if (this.#whep === whep) this.stop(explain(error));
    }
  }

  /** @param {string} words */
  #reflect(words) {
    const on = this.#whep !== null;
    this.#video.hidden = !on;
    this.#button.setAttribute('aria-pressed', String(on));
    setIcon(this.#button, on ? 'stop' : 'play');
    setText(part(this.#button, 'span'), on ? 'Stop the preview' : 'Preview');
    setText(this.#words, words);
  }
}

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof ApiError)) return 'This browser cannot show a preview.';
  // Of a room or a mix that is not there the server says so; no such address is another matter.
  const none = error.status === 405 || (error.status === 404 && ['', 'not_found'].includes(error.code));
  return none ? 'This server has no preview.' : error.message;
}
