// A line to the server for one purpose, kept up by successive endpoints. What may recover by itself is given time; what
// does not is replaced, the new one before the old one ends; what fails again and again is given up until `retry`.
// Invariant: at most one endpoint in use and one that shall replace it. No DOM in here.

import { Connection } from './connection.js';
import { Refusal } from './protocol.js';

/**
 * @typedef {object} Kit  what lines need of the rest
 * @property {(prefix: string) => string} name  a name never used before
 * @property {() => RTCIceServer[]} iceServers
 * @property {() => boolean} up  whether the server hears us
 * @property {(event: string, data: object) => Promise<any>} ask
 * @property {() => void} nudge  the network went, or came back
 *
 * @typedef {object} Purpose
 * @property {string} prefix  of its endpoints' names
 * @property {'publish' | 'subscribe'} request
 * @property {(connection: Connection) => void} build  adds the transceivers
 * @property {(connection: Connection) => object} describe  what the request says beyond name and offer
 * @property {() => boolean} [idle]  there is nothing to send: what ends now need not be replaced before `wake`
 * @property {() => void} changed  endpoints came, went, or began to work
 * @property {(connection: Connection) => void} [recovered]  an endpoint was cut off, and is connected again
 * @property {(error: Refusal) => void} gaveUp
 */

/** Browsers find a path again by themselves, and sooner than a new endpoint would. */
const RECOVERY_MS = 4_000;
/** After our connection came back the network is there: what does not recover then will not. */
const RESUMED_RECOVERY_MS = 1_500;
const MAX_ATTEMPTS = 6;
const BACK_OFF_MS = 500;
/** An endpoint that worked so long has earned a fresh set of attempts. */
const STEADY_MS = 20_000;
/** Asking again would bring the same. */
const HOPELESS = ['forbidden', 'bad_offer', 'bad_message', 'unknown_event'];

export class Line {
  /** @type {Connection | null} */
  current = null;
  /** What shall replace it. @type {Connection | null} */
  next = null;
  /** Given up, until `retry`. */
  failed = false;

  #kit;
  #purpose;
  #closed = false;
  #attempts = 0;
  #cut = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #repair;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #steady;

  /** @param {Kit} kit @param {Purpose} purpose */
  constructor(kit, purpose) {
    this.#kit = kit;
    this.#purpose = purpose;
    this.#start();
  }

  /** The endpoints there are, the newest last. */
  get connections() {
    return [this.current, this.next].filter((connection) => connection !== null);
  }

  /** @param {string} name */
  find(name) {
    return this.connections.find((connection) => connection.name === name);
  }

  /**
   * The server hears us again, and knows these endpoints still.
   * @param {string[]} living
   */
  resumed(living) {
    this.#attempts = 0;
    this.failed = false;
    const gone = new Refusal('endpoint_failed', 'The endpoint ended while we were away.');
    for (const { name } of this.connections) if (!living.includes(name)) this.ended(name, gone);
    this.#attempts = 0;
    if (!this.current && this.#purpose.idle?.()) return;
    if (!this.current?.hopeful) this.#schedule(0);
    else if (this.current.state === 'disconnected') this.#schedule(RESUMED_RECOVERY_MS);
  }

  /** We are somebody new: nothing that we had is there any more. */
  renew() {
    clearTimeout(this.#repair);
    for (const connection of this.connections) connection.close();
    this.current = this.next = null;
    this.failed = false;
    this.#attempts = 0;
    this.#start();
  }

  /**
   * The server says that an endpoint has ended.
   * @param {string} name
   * @param {Refusal} error
   */
  ended(name, error) {
    const connection = this.find(name);
    if (!connection) return;
    connection.known = false;
    connection.fail(error);
  }

  /** There is something to send again. */
  wake() {
    if (!this.current && this.#repair === undefined) this.#start();
  }

  /** Try again what was given up. */
  retry() {
    if (!this.failed || this.#closed) return;
    this.failed = false;
    this.#attempts = 0;
    this.#start();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#repair);
    clearTimeout(this.#steady);
    for (const connection of this.connections) this.#discard(connection);
    this.current = this.next = null;
    this.#purpose.changed();
  }

  #start() {
    clearTimeout(this.#repair);
    this.#repair = undefined;
    // Without a connection to the server nothing can begin; `resumed` will.
    if (this.#closed || this.failed || this.next || !this.#kit.up()) return;
    // Nothing to mend, or still on its way.
    if (this.current?.hopeful && (this.current.state === 'connected' || !this.current.proven)) return;
    const connection = new Connection({
      name: this.#kit.name(this.#purpose.prefix),
      iceServers: this.#kit.iceServers(),
      build: this.#purpose.build,
      offer: (opened, offer) => {
        const replaces = this.current !== opened && this.current?.known ? { replaces: this.current.name } : {};
        return this.#kit.ask(this.#purpose.request, { endpoint: opened.name, offer, ...this.#purpose.describe(opened), ...replaces });
      },
      candidate: (endpoint, candidate) => void this.#kit.ask('candidate', { endpoint, candidate }).catch(() => {}),
      moved: (moved) => this.#moved(moved),
    });
    if (this.current) this.next = connection;
    else this.current = connection;
    void connection.open();
    this.#purpose.changed();
  }

  /** @param {Connection} connection */
  #moved(connection) {
    if (!this.connections.includes(connection)) return;
    switch (connection.state) {
      case 'connected':
        return this.#connected(connection);
      case 'disconnected':
        this.#cut = true;
        this.#kit.nudge();
        if (connection === this.current) this.#schedule(RECOVERY_MS);
        return;
      case 'failed':
        return this.#failedOne(connection);
    }
  }

  /** @param {Connection} connection */
  #connected(connection) {
    clearTimeout(this.#repair);
    this.#repair = undefined;
    if (connection === this.next) {
      // The server ends the old one by itself.
      this.current?.close();
      this.current = connection;
      this.next = null;
    } else if (this.next) {
      // The old one recovered before the new one was ready.
      this.#dropNext();
    }
    if (this.#cut) {
      this.#kit.nudge();
      this.#purpose.recovered?.(connection);
    }
    this.#cut = false;
    clearTimeout(this.#steady);
    this.#steady = setTimeout(() => (this.#attempts = this.current?.state === 'connected' ? 0 : this.#attempts), STEADY_MS);
    this.#purpose.changed();
  }

  /** @param {Connection} connection */
  #failedOne(connection) {
    const error = connection.error ?? new Refusal('endpoint_failed', 'An endpoint failed.');
    if (error.code === 'unknown_endpoint' && this.current && connection !== this.current) this.current.known = false;
    const worked = connection === this.current && connection.proven;
    if (connection === this.next) this.#dropNext();
    else if (!worked) this.#dropCurrent();
    if (HOPELESS.includes(error.code)) return this.#giveUp(error);
    if (connection === this.current && !this.next && this.#purpose.idle?.()) return this.#dropCurrent();
    // Then there is nobody to ask; `resumed` goes on.
    if (!this.#kit.up()) return;
    if (worked && this.#attempts === 0 && !this.next) return this.#start();
    this.#attempts += 1;
    if (this.#attempts >= MAX_ATTEMPTS) return this.#giveUp(error);
    this.#schedule(BACK_OFF_MS * 2 ** (this.#attempts - 1));
  }

  /** @param {Refusal} error */
  #giveUp(error) {
    this.failed = true;
    clearTimeout(this.#repair);
    console.warn('An endpoint was given up:', error.message);
    this.#purpose.gaveUp(error);
  }

  /** @param {number} pause */
  #schedule(pause) {
    clearTimeout(this.#repair);
    this.#repair = setTimeout(() => this.#start(), pause);
  }

  #dropNext() {
    if (this.next) this.#discard(this.next);
    this.next = null;
    this.#purpose.changed();
  }

  #dropCurrent() {
    if (this.current) this.#discard(this.current);
    this.current = null;
    this.#purpose.changed();
  }

  /** @param {Connection} connection */
  #discard(connection) {
    connection.close();
    if (connection.known && this.#kit.up()) this.#kit.ask('close', { endpoint: connection.name }).catch(() => {});
  }
}
