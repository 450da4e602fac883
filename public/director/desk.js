// What a director knows of a room's mixes and outputs, and what they do about them. A change shows at once; what the server
// answers counts. Changes go out one after another, and those that wait for their turn are put together. No DOM in here.

import { changeMix, deleteMix, listMixes, listOutputs, makeMix, startOutput, stopOutput } from '../mixes.js';

/**
 * @typedef {import('../mixes.js').Mix} Mix
 * @typedef {import('../mixes.js').Change} Change
 * @typedef {import('../mixes.js').Output} Output
 */

/** How often is asked what became of everything, and how soon after a change. */
const LOOK_MS = 1_000;
const SOON_MS = 150;
const DEFAULT = 'default';

/** Events: `change` · `accepted` {change}, `refused` {error, change} · `trouble` {message}, empty when it is over. */
export class Desk extends EventTarget {
  /** @type {Output[]} */
  outputs = [];

  /** @type {string | null} */
  #room = null;
  /** As the server said. @type {Mix[]} */
  #said = [];
  #chosen = DEFAULT;
  /** What was not answered yet, the oldest first; the first is on its way. @type {{ name: string, change: Change, early: boolean }[]} */
  #pending = [];
  #sending = false;
  /** How often the server has done something for us: what it said before that is old. */
  #deeds = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} room */
  open(room) {
    if (this.#room !== room) this.#chosen = DEFAULT;
    this.#room = room;
    void this.#look();
  }

  close() {
    this.#room = null;
    clearTimeout(this.#timer);
    this.#pending = [];
    this.#said = [];
    this.outputs = [];
  }

  get room() {
    return this.#room ?? '';
  }

  /** All, as they will be once everything is answered. */
  get mixes() {
    const first = this.#said.filter(({ name }) => name === DEFAULT);
    return [...first, ...this.#said.filter((mix) => !first.includes(mix))].map((mix) =>
      this.#pending.reduce((sofar, { name, change, early }) => (name === mix.name && early ? changed(sofar, change) : sofar), mix),
    );
  }

  /** The one that is directed. @type {Mix | undefined} */
  get mix() {
    return this.mixes.find(({ name }) => name === this.#chosen);
  }

  /** @param {string} name */
  choose(name) {
    this.#chosen = name;
    this.#tell('change');
  }

  /**
   * Changes the chosen mix.
   * @param {Change} change
   * @param {{ early?: boolean }} [options]  whether it shows before the server has answered
   */
  change(change, { early = true } = {}) {
    const name = this.#chosen;
    const last = this.#pending.at(-1);
    // The first may be on its way.
    if (last?.name === name && last.early === early && (this.#pending.length > 1 || !this.#sending)) last.change = changed(last.change, change);
    else this.#pending.push({ name, change, early });
    this.#tell('change');
    void this.#send();
  }

  /** @param {{ name: string } & Partial<Mix>} wanted */
  async make(wanted) {
    const made = await this.#do(makeMix(this.room, wanted));
    this.#put(made);
    this.choose(made.name);
  }

  /** @param {string} name */
  async remove(name) {
    await this.#do(deleteMix(this.room, name));
    this.#said = this.#said.filter((mix) => mix.name !== name);
    if (this.#chosen === name) this.#chosen = DEFAULT;
    this.#tell('change');
  }

  /** Gives the chosen mix away. @param {{ kind: 'hls' | 'push' | 'whip', url?: string, token?: string }} wanted */
  async start(wanted) {
    const output = await this.#do(startOutput(this.room, { ...wanted, mix: this.#chosen }));
    this.outputs = [...this.outputs.filter(({ id }) => id !== output.id), output];
    this.#tell('change');
  }

  /** @param {string} id */
  async stop(id) {
    await this.#do(stopOutput(this.room, id));
    this.outputs = this.outputs.filter((output) => output.id !== id);
    this.#tell('change');
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    for (let next = this.#pending[0]; next; next = this.#pending[0]) {
      const { name, change } = next;
      const outcome = await this.#do(changeMix(this.room, name, change)).catch((/** @type {Error} */ error) => error);
      // It may have been closed meanwhile.
      if (this.#pending[0] !== next) continue;
      this.#pending.shift();
      if (outcome instanceof Error) this.#tell('refused', { error: outcome, change });
      else {
        this.#put(outcome);
        this.#tell('accepted', { change });
      }
      this.#tell('change');
    }
    this.#sending = false;
  }

  /**
   * Waits for something that the server does for us.
   * @template T
   * @param {Promise<T>} deed
   */
  async #do(deed) {
    try {
      return await deed;
    } finally {
      this.#deeds += 1;
      this.#lookIn(SOON_MS);
    }
  }

  /** @param {Mix} mix */
  #put(mix) {
    const at = this.#said.findIndex(({ name }) => name === mix.name);
    this.#said = at < 0 ? [...this.#said, mix] : this.#said.with(at, mix);
  }

  /** @param {number} ms */
  #lookIn(ms) {
    clearTimeout(this.#timer);
    if (this.#room !== null) this.#timer = setTimeout(() => this.#look(), ms);
  }

  async #look() {
    clearTimeout(this.#timer);
    const [room, deeds] = [this.#room, this.#deeds];
    if (room === null) return;
    try {
      const [mixes, outputs] = await Promise.all([listMixes(room), listOutputs(room)]);
      if (room !== this.#room) return;
      this.#tell('trouble', { message: '' });
      if (deeds === this.#deeds) {
        this.#said = mixes;
        this.outputs = outputs;
        if (!mixes.some(({ name }) => name === this.#chosen)) this.#chosen = DEFAULT;
        this.#tell('change');
      }
    } catch (error) {
      if (room !== this.#room) return;
      this.#tell('trouble', { message: /** @type {Error} */ (error).message });
    }
    this.#lookIn(LOOK_MS);
  }

  /** @param {string} type @param {object} [detail] */
  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * What becomes of something by a change. Of a style, too, only those parts change that are named.
 * @template {Change} T
 * @param {T} was
 * @param {Change} change
 * @returns {T}
 */
const changed = (was, change) => ({ ...was, ...change, ...(change.style && { style: { ...was.style, ...change.style } }) });
