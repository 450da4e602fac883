// What is looked at: told to the server when it has settled, and only when it is another than before. No DOM in here.

/** @typedef {import('./protocol.js').Look} Look */

const SETTLE_MS = 100;
const MAX_LOOKS = 256;
const MAX_HEIGHT = 65_535;

/**
 * As the server wants it.
 * @param {Look[]} looks
 * @returns {Look[]}
 */
export function tidy(looks) {
  return looks.slice(0, MAX_LOOKS).map(({ participant, source, height, pinned }) => {
    const whole = Math.min(MAX_HEIGHT, Math.max(0, Math.round(height) || 0));
    return { participant, source, height: whole, ...(pinned && { pinned: true }) };
  });
}

export class View {
  #send;
  /** @type {Look[] | null} */
  #looks = null;
  /** What the server knows, as text. */
  #told = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settling;

  /** @param {(looks: Look[]) => Promise<unknown>} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Look[]} looks */
  set(looks) {
    this.#looks = tidy(looks);
    this.#settling ??= setTimeout(() => this.#tell(), SETTLE_MS);
  }

  /** The server may have forgotten, or never have heard it. */
  again() {
    this.#told = '';
    this.#tell();
  }

  clear() {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#looks = null;
    this.#told = '';
  }

  #tell() {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    const text = JSON.stringify(this.#looks);
    if (!this.#looks || text === this.#told) return;
    this.#told = text;
    this.#send(this.#looks).catch(() => {
      // Then the next change tells it, or coming back.
      if (this.#told === text) this.#told = '';
    });
  }
}
