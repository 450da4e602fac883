// What we receive: lines whose endpoints have slots, and what the server says that each slot carries. No DOM in here.
// Invariant: a slot's track is given out under somebody's name only while the server says that it carries theirs.

import { Line } from './line.js';

/**
 * @typedef {import('./protocol.js').Slot} Slot
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./connection.js').Connection} Connection
 * @typedef {{ connection: Connection, mid: string, track: MediaStreamTrack }} Place  where a track arrives
 */

/** Sound of so many at once; the server takes the loudest. */
export const AUDIO_SLOTS = 8;
/** Pictures per endpoint. */
export const VIDEO_SLOTS = 9;
/** Endpoints that others need: camera and microphone, the screen, and one that replaces another. */
const RESERVED_ENDPOINTS = 3;

/**
 * How many endpoints so many pictures need.
 * @param {number} pictures
 * @param {{ endpoints: number, slots: number }} limits
 */
export function linesFor(pictures, limits) {
  const wanted = Math.ceil(pictures / Math.min(VIDEO_SLOTS, Math.max(1, limits.slots - AUDIO_SLOTS)));
  return Math.max(1, Math.min(wanted, limits.endpoints - RESERVED_ENDPOINTS));
}

export class Receiver {
  #kit;
  #options;
  /** @type {Line[]} */
  #lines = [];
  /** By endpoint; also of those that are not answered yet. @type {Map<string, Slot[]>} */
  #slots = new Map();

  /**
   * @param {import('./line.js').Kit} kit
   * @param {{ changed: () => void, gaveUp: (error: import('./protocol.js').Refusal) => void }} options
   */
  constructor(kit, options) {
    this.#kit = kit;
    this.#options = options;
  }

  get lines() {
    return this.#lines;
  }

  get connections() {
    return this.#lines.flatMap((line) => line.connections);
  }

  /**
   * Have room for so many pictures. What is open stays open: people scroll to and fro.
   * @param {number} pictures
   * @param {{ endpoints: number, slots: number }} limits
   */
  open(pictures, limits) {
    while (this.#lines.length < linesFor(pictures, limits)) {
      const audio = this.#lines.length === 0 ? Math.min(AUDIO_SLOTS, limits.slots - 1) : 0;
      const video = Math.min(VIDEO_SLOTS, limits.slots - audio);
      const line = new Line(this.#kit, {
        prefix: 'receive',
        request: 'subscribe',
        build: ({ pc }) => {
          for (let count = 0; count < audio; count += 1) pc.addTransceiver('audio', { direction: 'recvonly' });
          for (let count = 0; count < video; count += 1) pc.addTransceiver('video', { direction: 'recvonly' });
        },
        describe: () => ({}),
        changed: () => this.#changed(),
        gaveUp: this.#options.gaveUp,
      });
      this.#lines.push(line);
      this.#changed();
    }
  }

  close() {
    for (const line of this.#lines.splice(0)) line.close();
    this.#changed();
  }

  /**
   * The server says what the slots of an endpoint carry.
   * @param {string} endpoint
   * @param {Slot[]} slots
   */
  setSlots(endpoint, slots) {
    if (!this.connections.some(({ name }) => name === endpoint)) return;
    this.#slots.set(endpoint, slots);
    this.#options.changed();
  }

  /**
   * Where somebody's track arrives.
   * @param {string} participant
   * @param {Source} source
   */
  place(participant, source) {
    return this.places().get(participant)?.get(source);
  }

  /**
   * Where each track arrives that arrives. Where two endpoints carry the same, the newer one counts.
   * @returns {Map<string, Map<Source, Place>>}
   */
  places() {
    /** @type {Map<string, Map<Source, Place>>} */
    const places = new Map();
    for (const connection of this.connections) {
      for (const { mid, track: name } of this.#slots.get(connection.name) ?? []) {
        const track = name && connection.transceiver(mid)?.receiver.track;
        if (!name || !track) continue;
        const of = places.get(name.participant) ?? new Map();
        of.set(name.source, { connection, mid, track });
        places.set(name.participant, of);
      }
    }
    return places;
  }

  /** The sound of all slots, also of those that are silent now. */
  audio() {
    const transceivers = this.connections.filter(({ state }) => state !== 'closed').flatMap(({ pc }) => pc.getTransceivers());
    return transceivers.map(({ receiver }) => receiver.track).filter(({ kind }) => kind === 'audio');
  }

  #changed() {
    const names = this.connections.map(({ name }) => name);
    for (const name of [...this.#slots.keys()]) if (!names.includes(name)) this.#slots.delete(name);
    this.#options.changed();
  }
}
