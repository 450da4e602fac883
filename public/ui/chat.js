// The chat panel, and the mark that tells of messages that were not seen.

import { byId, listen, make } from './dom.js';

const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}']/gu;
/** Messages of one person within this time stand under one name. */
const TOGETHER_MS = 120_000;
const PREVIEW = 120;

/**
 * @typedef {import('../client.js').Client} Client
 * @typedef {{ id: string | number, from: string, name: string, text: string, at: number }} Message
 */

/** Events: `unread` when the number of unseen messages changed. */
export class Chat extends EventTarget {
  unread = 0;

  #client;
  #panels;
  #notices;
  #log = byId('chat-log');
  #form = /** @type {HTMLFormElement} */ (byId('chat-form'));
  #text = /** @type {HTMLTextAreaElement} */ (byId('chat-text'));
  /** @type {Message | null} */
  #last = null;
  /** What was said before we came is no news. */
  #loaded = false;

  /**
   * @param {Client} client
   * @param {import('./panels.js').Panels} panels
   * @param {import('./notices.js').Notices} notices
   */
  constructor(client, panels, notices) {
    super();
    this.#client = client;
    this.#panels = panels;
    this.#notices = notices;
    listen(client, 'chat', ({ message }) => this.#came(message));
    panels.addEventListener('change', () => {
      if (panels.open !== 'chat') return;
      this.#read();
      this.#log.scrollTop = this.#log.scrollHeight;
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#say();
    });
    this.#text.addEventListener('keydown', (event) => {
      // Enter sends, with Shift it begins a line; while letters are being composed it is neither.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** Show what was said before we came. */
  load() {
    this.clear();
    for (const message of this.#client.messages) this.#append(message);
    this.#loaded = true;
  }

  clear() {
    this.#last = null;
    this.#loaded = false;
    this.#log.replaceChildren();
    this.#text.value = '';
    this.#read();
  }

  async #say() {
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = '';
    try {
      await this.#client.say(text);
    } catch (error) {
      // What was written must not be lost.
      if (!this.#text.value) this.#text.value = text;
      this.#notices.show(`The message was not sent: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {Message} message */
  #came(message) {
    if (!this.#loaded) return;
    this.#append(message);
    if (this.#panels.open === 'chat' || message.from === this.#client.self?.id) return;
    this.unread += 1;
    this.dispatchEvent(new Event('unread'));
    const { text } = message;
    this.#notices.show(`${message.name}: ${text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text}`);
  }

  #read() {
    this.unread = 0;
    this.dispatchEvent(new Event('unread'));
  }

  /** @param {Message} message */
  #append(message) {
    const { from, name, text, at } = message;
    const log = this.#log;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const mine = from === this.#client.self?.id;
    const entry = make('div', { class: mine ? 'message mine' : 'message' });
    if (this.#last?.from !== from || at - this.#last.at > TOGETHER_MS) {
      const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
      entry.append(make('p', { class: 'by' }, make('b', { text: mine ? 'You' : name }), make('time', { text: time, datetime: new Date(at).toISOString() })));
    }
    entry.append(make('p', { class: 'text' }, ...withLinks(text)));
    log.append(entry);
    this.#last = message;
    if (atEnd || mine) log.scrollTop = log.scrollHeight;
  }
}

/** @param {string} text */
function withLinks(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(new Text(text.slice(end, match.index)), make('a', { href: match[0], text: match[0], target: '_blank', rel: 'noopener noreferrer' }));
    end = match.index + match[0].length;
  }
  parts.push(new Text(text.slice(end)));
  return parts;
}
