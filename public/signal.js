// One Socket.IO connection that wants to stay: requests with deadlines, events, and a quick way back after a cut.
// Invariant: every request is settled exactly once, at the latest when its connection ends. No DOM in here.

import { EVENTS, Refusal } from './protocol.js';

/**
 * @typedef {object} Socket  the little that is used of socket.io-client
 * @property {boolean} connected
 * @property {boolean} active  false once it will not come back by itself
 * @property {() => unknown} connect
 * @property {() => unknown} disconnect
 * @property {(event: string, listener: (...args: any[]) => void) => unknown} on
 * @property {(event: string, ...args: any[]) => unknown} emit
 * @property {Manager} [io]
 *
 * @typedef {object} Manager
 * @property {(ms: number) => unknown} reconnectionDelay
 * @property {(ms: number) => unknown} reconnectionDelayMax
 * @property {(ms: number) => unknown} timeout
 * @property {(event: 'reconnect_attempt', listener: (attempt: number) => void) => unknown} on
 *
 * @typedef {object} SignalListener
 * @property {() => void} up
 * @property {() => void} down
 * @property {(name: string, data: any) => void} event
 */

const PATIENCE_MS = 8_000;
const PROBE_MS = 2_500;
const FAREWELL_MS = 1_000;
/** After the server itself closed the connection: it restarts, perhaps. */
const SHUT_OUT_PAUSE_MS = 2_000;
/** An attempt made while the network is away hangs for long after its return: rather make another. */
const ATTEMPT_MS = 3_000;
/** No attempt is given up sooner for another one. */
const LEAST_ATTEMPT_MS = 1_000;
/** But a slow network needs patience now and then. */
const PATIENT_ATTEMPT_MS = 10_000;

export class Signal {
  #socket;
  #listener;
  /** @type {Set<(error: Refusal | null, result?: any) => void>} */
  #pending = new Set();
  #probing = false;
  #lastTry = 0;
  #closed = new AbortController();

  /**
   * @param {Socket} socket  not yet connected
   * @param {SignalListener} listener
   */
  constructor(socket, listener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on('connect', () => this.#closed.signal.aborted || listener.up());
    socket.on('disconnect', () => this.#down());
    for (const name of EVENTS) socket.on(name, (data) => this.#closed.signal.aborted || listener.event(name, data ?? {}));
    if (socket.io?.reconnectionDelay) hurry(socket.io);
    const nudge = () => this.nudge();
    for (const event of ['online', 'pageshow', 'visibilitychange']) {
      globalThis.addEventListener?.(event, nudge, { signal: this.#closed.signal });
    }
  }

  get up() {
    return this.#socket.connected && !this.#closed.signal.aborted;
  }

  connect() {
    this.#socket.connect();
  }

  /**
   * Asks the server. `done` is called while the acknowledgement is being read, before any event that follows it.
   * @param {string} event
   * @param {object} data
   * @param {(error: Refusal | null, result?: any) => void} done
   * @param {number} [patience]
   */
  request(event, data, done, patience = PATIENCE_MS) {
    if (!this.up) return done(new Refusal('offline', 'The connection to the server is lost at the moment.'));
    /** @type {(error: Refusal | null, result?: any) => void} */
    const settle = (error, result) => {
      if (!this.#pending.delete(settle)) return;
      clearTimeout(deadline);
      done(error, result);
    };
    const deadline = setTimeout(() => settle(new Refusal('timeout', `The server did not answer (${event}).`)), patience);
    this.#pending.add(settle);
    this.#socket.emit(event, data, (/** @type {any} */ reply) => {
      if (reply?.error) settle(new Refusal(reply.error.code, reply.error.message));
      else settle(null, reply?.result ?? {});
    });
  }

  /**
   * @param {string} event
   * @param {object} data
   * @returns {Promise<any>}
   */
  ask(event, data) {
    return new Promise((resolve, reject) => {
      this.request(event, data, (error, result) => (error ? reject(error) : resolve(result)));
    });
  }

  /** Something happened to the network: come back at once, or make sure that we are still there. */
  nudge() {
    if (this.#closed.signal.aborted) return;
    if (!this.up) this.again();
    else this.#probe();
  }

  /** A fresh connection, now. */
  again() {
    if (this.#closed.signal.aborted || Date.now() - this.#lastTry < LEAST_ATTEMPT_MS) return;
    this.#lastTry = Date.now();
    this.#socket.disconnect();
    this.#socket.connect();
  }

  /**
   * The end, after one last word.
   * @param {string} [farewell]
   */
  close(farewell) {
    if (this.#closed.signal.aborted) return;
    const speaks = this.up && farewell;
    this.#closed.abort();
    this.#forget();
    if (!speaks) return void this.#socket.disconnect();
    // Heard first, gone then: a connection that just ends is taken for one that was lost.
    const late = setTimeout(() => this.#socket.disconnect(), FAREWELL_MS);
    this.#socket.emit(farewell, {}, () => {
      clearTimeout(late);
      this.#socket.disconnect();
    });
  }

  // TCP may wait for half a minute before it finds that nobody is there any more. Any answer will do, also a refusal.
  #probe() {
    if (this.#probing) return;
    this.#probing = true;
    const done = (/** @type {Refusal | null} */ error) => {
      this.#probing = false;
      if (error?.code === 'timeout') this.again();
    };
    this.request('close', { endpoint: 'probe' }, done, PROBE_MS);
  }

  #down() {
    this.#forget();
    if (this.#closed.signal.aborted) return;
    this.#listener.down();
    if (!this.#socket.active) {
      setTimeout(() => !this.#closed.signal.aborted && !this.up && this.#socket.connect(), SHUT_OUT_PAUSE_MS);
    }
  }

  #forget() {
    for (const settle of [...this.#pending]) settle(new Refusal('offline', 'The connection to the server was lost.'));
  }
}

/** @param {Manager} manager */
function hurry(manager) {
  manager.reconnectionDelay(200);
  manager.reconnectionDelayMax(1_000);
  manager.on('reconnect_attempt', (attempt) => manager.timeout(attempt % 3 === 0 ? PATIENT_ATTEMPT_MS : ATTEMPT_MS));
}
