// Coming into a room, staying in it over lost connections, and going. Knows nothing of media.
// Invariant: the listener hears events only between `entered` and `outside` or `over`. No DOM in here.

import { Refusal } from './protocol.js';
import { Signal } from './signal.js';

/**
 * @typedef {'idle' | 'joining' | 'waiting' | 'joined' | 'reconnecting'} State
 *   `waiting`: a moderator has to let us in; `reconnecting`: the connection broke and is being restored
 * @typedef {{ room: string, name: string, role?: import('./protocol.js').Role, token?: string }} Place
 *
 * @typedef {object} SessionListener
 * @property {(state: State) => void} state
 * @property {(joined: import('./protocol.js').Joined, fresh: boolean) => void} entered  `fresh`: as somebody new, nothing of before holds
 * @property {() => void} outside  we were in, and now wait at the door
 * @property {(name: string, data: any) => void} event
 * @property {(reason: Refusal) => void} over  we are out, and will not come back
 */

const JOIN_DEADLINE_MS = 10_000;
const MAX_ATTEMPTS = 5;
const PAUSE_MS = 400;
/** These may be otherwise in a moment. */
const PASSING = ['internal', 'room_closing', 'too_many_requests', 'not_joined'];

export class Session {
  /** @type {State} */
  state = 'idle';

  #openSocket;
  #listener;
  /** @type {Signal | null} */
  #signal = null;
  /** @type {Place | null} */
  #place = null;
  /** @type {string | null} */
  #resume = null;
  /** @type {string | null} */
  #id = null;
  #attempts = 0;
  #inside = false;
  /** Events that overtook the word that we are in. @type {[string, any][]} */
  #early = [];
  /** @type {{ resolve: () => void, reject: (error: Error) => void } | null} */
  #joining = null;

  /**
   * @param {() => import('./signal.js').Socket} openSocket
   * @param {SessionListener} listener
   */
  constructor(openSocket, listener) {
    this.#openSocket = openSocket;
    this.#listener = listener;
  }

  /** Whether the room hears us now. */
  get up() {
    return this.#inside && !!this.#signal?.up;
  }

  /**
   * Resolves when we are in, or wait to be admitted.
   * @param {Place} place
   */
  async join(place) {
    if (this.state !== 'idle') throw new Refusal('already_joined', 'Already in a call: leave it first.');
    const socket = this.#openSocket();
    this.#place = place;
    this.#attempts = 0;
    this.#move('joining');
    const signal = new Signal(socket, {
      up: () => this.#enter(),
      down: () => this.#lost(),
      event: (name, data) => this.#event(name, data),
    });
    this.#signal = signal;
    let deadline;
    try {
      await new Promise((resolve, reject) => {
        this.#joining = { resolve: () => resolve(undefined), reject };
        const late = new Refusal('timeout', 'The server does not answer. Try again in a moment.');
        deadline = setTimeout(() => reject(late), JOIN_DEADLINE_MS);
        signal.connect();
      });
    } catch (error) {
      // The server may still let us in, later than we care for.
      if (this.#signal === signal) this.#end(error instanceof Refusal && error.code === 'timeout' ? 'leave' : undefined);
      throw error;
    } finally {
      clearTimeout(deadline);
      if (this.#signal === signal || !this.#signal) this.#joining = null;
    }
  }

  /** For coming back, or for leaving without a socket. */
  get resume() {
    return this.#resume;
  }

  /** Out, at once and from any state. */
  leave() {
    this.#joining?.reject(new Refusal('left', 'The call was left before it began.'));
    this.#end('leave');
  }

  /**
   * @param {string} event
   * @param {object} data
   * @returns {Promise<any>}
   */
  ask(event, data) {
    if (!this.up || !this.#signal) {
      return Promise.reject(new Refusal('offline', 'The connection to the server is being restored. Try again in a moment.'));
    }
    return this.#signal.ask(event, data);
  }

  /** Media found the network gone, or back: see whether the connection is, too. */
  nudge() {
    if (this.state === 'joined' || this.state === 'reconnecting') this.#signal?.nudge();
  }

  #enter() {
    const { room = '', name = '', role, token } = this.#place ?? {};
    const resume = this.#resume;
    const data = { room, name, ...(role && { role }), ...(token && { token }), ...(resume && { resume }) };
    this.#early = [];
    this.#signal?.request('join', data, (error, result) => {
      if (error) return this.#refused(error, !!resume);
      if (result.waiting) return this.#wait();
      this.#entered(result);
    });
  }

  /** @param {Refusal} error @param {boolean} resuming */
  #refused(error, resuming) {
    if (!this.#signal || error.code === 'offline') return;
    if (resuming && error.code === 'bad_resume') {
      this.#resume = null;
      return this.#enter();
    }
    this.#attempts += 1;
    if (error.code === 'timeout' || (error.code === 'already_joined' && this.#attempts < MAX_ATTEMPTS)) return this.#signal.again();
    if (PASSING.includes(error.code) && this.#attempts < MAX_ATTEMPTS) {
      const signal = this.#signal;
      setTimeout(() => signal === this.#signal && signal.up && this.#enter(), PAUSE_MS * this.#attempts);
      return;
    }
    this.#over(error);
  }

  #wait() {
    const wasIn = this.#id !== null;
    this.#resume = this.#id = null;
    if (wasIn) this.#listener.outside();
    this.#move('waiting');
    this.#joining?.resolve();
    this.#flush();
  }

  /** @param {import('./protocol.js').Joined} joined */
  #entered(joined) {
    const fresh = joined.id !== this.#id;
    this.#id = joined.id;
    this.#resume = joined.resume;
    this.#attempts = 0;
    this.#inside = true;
    this.#listener.entered(joined, fresh);
    this.#move('joined');
    this.#joining?.resolve();
    this.#flush();
  }

  #flush() {
    for (const [name, data] of this.#early.splice(0)) this.#event(name, data);
  }

  /** @param {string} name @param {any} data */
  #event(name, data) {
    if (!this.#signal) return;
    if (name === 'removed') return this.#over(new Refusal(data.code ?? 'removed', data.message ?? 'You are out.'));
    if (name === 'admitted' && !this.#inside) return this.#entered(data);
    if (this.#inside) this.#listener.event(name, data);
    else this.#early.push([name, data]);
  }

  #lost() {
    this.#early = [];
    this.#inside = false;
    if (this.state === 'joined' || this.state === 'waiting') this.#move('reconnecting');
  }

  /** @param {Refusal} reason */
  #over(reason) {
    if (this.#joining) return this.#joining.reject(reason);
    this.#end();
    this.#listener.over(reason);
  }

  /** @param {string} [farewell] */
  #end(farewell) {
    const signal = this.#signal;
    this.#joining = this.#signal = null;
    signal?.close(farewell);
    this.#resume = this.#id = this.#place = null;
    this.#inside = false;
    this.#early = [];
    this.#move('idle');
  }

  /** @param {State} state */
  #move(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.state(state);
  }
}
