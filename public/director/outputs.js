// What goes out of the room, and how it fares; and what else is to go out.

import { withToken } from '../token.js';
import { byId, fromTemplate, part, setIcon, setText } from '../ui/dom.js';
import { say } from './wrong.js';

/** @typedef {import('../mixes.js').Output} Output */

/** @type {Record<Output['state'], string>} */
const STATES = { connecting: 'Connecting', live: 'Live', waiting: 'Trying again', ended: 'Ended' };

/** How long is said that an address was copied. */
const COPIED_MS = 2_000;

export class OutputList {
  #desk;
  #list = byId('outputs');
  #form = /** @type {HTMLFormElement} */ (byId('output-form'));
  #url = /** @type {HTMLInputElement} */ (byId('output-url'));
  #tokenField = byId('output-token-field');
  #token = /** @type {HTMLInputElement} */ (byId('output-token'));
  #show = byId('output-show');
  #push = /** @type {HTMLButtonElement} */ (byId('output-push'));
  #hls = /** @type {HTMLButtonElement} */ (byId('output-hls'));
  #wrong = byId('output-wrong');
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** Those that are asked to end. @type {Set<string>} */
  #ending = new Set();
  /** What is asked to begin. @type {'hls' | 'push' | null} */
  #begins = null;

  /** @param {import('./desk.js').Desk} desk */
  constructor(desk) {
    this.#desk = desk;
    this.#hls.addEventListener('click', () => this.#start('hls'));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#start('push');
    });
    this.#url.addEventListener('input', () => {
      this.#tokenField.hidden = !this.#isWhip;
      say(this.#wrong, '', this.#url);
    });
    this.#show.addEventListener('click', () => this.#reveal(this.#url.type === 'password'));
  }

  /** WHIP alone goes by HTTP. */
  get #isWhip() {
    return /^\s*https?:/i.test(this.#url.value);
  }

  /** Nothing that was typed stays. */
  reset() {
    this.#url.value = '';
    this.#token.value = '';
    this.#tokenField.hidden = true;
    this.#reveal(false);
    say(this.#wrong, '', this.#url);
  }

  render() {
    const { outputs, mix } = this.#desk;
    const ids = new Set(outputs.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
      this.#ending.delete(id);
    }
    for (const [index, output] of outputs.entries()) {
      const row = this.#rows.get(output.id) ?? this.#open(output);
      this.#follow(row, output);
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    }
    byId('outputs-none').hidden = outputs.length > 0;
    const served = outputs.some(({ kind, mix: of }) => kind === 'hls' && of === mix?.name);
    this.#hls.hidden = served;
    this.#hls.disabled = this.#begins !== null;
    this.#push.disabled = this.#begins !== null;
    setText(this.#hls, this.#begins === 'hls' ? 'Starting…' : `Serve ${mix?.name ?? 'it'} by HLS`);
    setText(this.#push, this.#begins === 'push' ? 'Starting…' : 'Push');
  }

  /** @param {Output} output */
  #open({ id, kind, url, mix }) {
    const row = fromTemplate('output-template');
    row.dataset.output = id;
    const served = kind === 'hls';
    const address = served ? new URL(url, location.href).href : url;
    setText(part(row, '.kind'), kind.toUpperCase());
    setText(part(row, '.output-mix'), mix ?? '');
    setText(part(row, '.output-url'), address);
    const link = /** @type {HTMLAnchorElement} */ (part(row, 'a'));
    const copy = part(row, '.copy');
    link.hidden = !served;
    // No clipboard without https: the address can be read.
    copy.hidden = !served || !navigator.clipboard;
    const what = `${kind.toUpperCase()}${mix ? ` of ${mix}` : ''}`;
    if (served) {
      // With our token, unlike what is copied for others.
      link.href = withToken(url);
      link.setAttribute('aria-label', `Open ${what}`);
      setText(part(copy, '.unseen'), ` of ${what}`);
      copy.addEventListener('click', () => copyAddress(address, part(copy, '.copy-words')));
    }
    const stop = part(row, '.stop');
    stop.setAttribute('aria-label', `Stop ${what}`);
    stop.addEventListener('click', () => this.#stop(id));
    this.#rows.set(id, row);
    return row;
  }

  /** @param {HTMLElement} row @param {Output} output */
  #follow(row, { id, state, retries, error }) {
    const ending = this.#ending.has(id);
    row.dataset.state = ending ? 'ended' : state;
    const tries = retries > 0 && state !== 'live' ? `, ${retries} ${retries === 1 ? 'time' : 'times'} so far` : '';
    setText(part(row, '.output-state'), ending ? 'Stopping…' : `${STATES[state] ?? state}${tries}`);
    say(part(row, '.output-error'), state === 'waiting' && error ? error : '');
    /** @type {HTMLButtonElement} */ (part(row, '.stop')).disabled = ending;
  }

  /** @param {boolean} shown */
  #reveal(shown) {
    this.#url.type = shown ? 'text' : 'password';
    this.#show.setAttribute('aria-pressed', String(shown));
    setIcon(this.#show, shown ? 'eye-off' : 'eye');
  }

  /** What is to be pushed, as it was typed. @returns {{ kind: 'push' | 'whip', url: string, token?: string }} */
  #pushed() {
    const url = this.#url.value.trim();
    const token = this.#token.value.trim();
    if (!this.#isWhip) return { kind: 'push', url };
    return token ? { kind: 'whip', url, token } : { kind: 'whip', url };
  }

  /** @param {'hls' | 'push'} kind */
  async #start(kind) {
    const wanted = kind === 'push' ? this.#pushed() : { kind };
    say(this.#wrong, '', this.#url);
    this.#begins = kind;
    this.render();
    try {
      await this.#desk.start(wanted);
      if (kind === 'push') this.reset();
      else byId('outputs-title').focus();
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      say(this.#wrong, message, kind === 'push' ? this.#url : undefined);
    } finally {
      this.#begins = null;
      this.render();
    }
  }

  /** @param {string} id */
  async #stop(id) {
    this.#ending.add(id);
    this.render();
    try {
      await this.#desk.stop(id);
      byId('outputs-title').focus();
    } catch (error) {
      this.#ending.delete(id);
      this.render();
      say(this.#wrong, /** @type {Error} */ (error).message);
    }
  }
}

/** @param {string} address @param {HTMLElement} says  what came of it */
async function copyAddress(address, says) {
  const words = await navigator.clipboard.writeText(address).then(
    () => 'Copied',
    () => 'Could not be copied',
  );
  setText(says, words);
  setTimeout(() => setText(says, 'Copy address'), COPIED_MS);
}
