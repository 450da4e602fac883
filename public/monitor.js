// Watches how everybody's media arrives here: samples all endpoints every two seconds, grades each person, and keeps what
// rates are computed from. No DOM in here.

import { arrival, grade, path, receivedAudio, receivedVideo, reportedLoss, sample, sentAudio, sentVideo } from './stats.js';
import { kindOf, worst } from './protocol.js';

/**
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./protocol.js').Quality} Quality
 * @typedef {import('./stats.js').Sample} Sample
 * @typedef {import('./connection.js').Connection} Connection
 * @typedef {import('./receiver.js').Place} Place
 * @typedef {{ video: import('./stats.js').VideoFigures | null, audio: import('./stats.js').AudioFigures | null, rttMs: number | null, path: string | null }} Figures
 */

const PERIOD_MS = 2_000;
/** A rate over less is noise. */
const LEAST_MS = 500;
/** So many good samples in a row make good what was bad: a light that flickers tells nothing. */
const CALM = 2;

export class Monitor {
  #endpoints;
  #onQuality;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** The last two of each. @type {Map<Connection, Sample[]>} */
  #samples = new Map();
  /** Of everybody; null is ourselves. @type {Map<string | null, { quality: Quality, better: number, freezes: number, seen: string }>} */
  #grades = new Map();

  /**
   * @param {import('./endpoints.js').Endpoints} endpoints
   * @param {(participant: string | null, quality: Quality) => void} onQuality  null: ourselves
   */
  constructor(endpoints, onQuality) {
    this.#endpoints = endpoints;
    this.#onQuality = onQuality;
  }

  start() {
    this.#timer ??= setInterval(() => void this.#look(), PERIOD_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#samples.clear();
    this.#grades.clear();
  }

  /**
   * The figures of somebody else.
   * @param {string} id
   * @returns {Promise<Figures>}
   */
  async received(id) {
    const { receiver } = this.#endpoints;
    const video = receiver.place(id, 'screen') ?? receiver.place(id, 'camera');
    const audio = receiver.place(id, 'microphone') ?? receiver.place(id, 'screenAudio');
    const samples = new Map();
    for (const connection of new Set([video, audio].map((place) => place?.connection))) {
      if (connection) samples.set(connection, await this.#between(connection));
    }
    const of = (/** @type {Place | undefined} */ place) => place && { ...samples.get(place.connection), line: { mid: place.mid, trackId: place.track.id } };
    const [picture, sound] = [of(video), of(audio)];
    const now = (picture ?? sound)?.now;
    return {
      video: picture ? receivedVideo(picture.now, picture.before, picture.line, this.#grades.get(id)?.freezes ?? 0) : null,
      audio: sound ? receivedAudio(sound.now, sound.before, sound.line) : null,
      ...(now ? path(now) : { rttMs: null, path: null }),
    };
  }

  /** What we send ourselves. @returns {Promise<Figures>} */
  async sent() {
    const { publisher } = this.#endpoints;
    const connection = publisher.line?.current;
    if (!connection) return { video: null, audio: null, rttMs: null, path: null };
    const { now, before } = await this.#between(connection);
    return {
      video: sentVideo(now, before, publisher.midOf(connection, 'camera')),
      audio: sentAudio(now, before, publisher.midOf(connection, 'microphone')),
      ...path(now),
    };
  }

  /** A sample of now, and one from before to compare it with. @param {Connection} connection */
  async #between(connection) {
    const now = await sample(connection.pc);
    const kept = this.#samples.get(connection) ?? [];
    return { now, before: kept.findLast(({ at }) => now.at - at >= LEAST_MS) };
  }

  async #look() {
    const connections = this.#endpoints.receiver.connections;
    for (const known of [...this.#samples.keys()]) if (known.state === 'closed') this.#samples.delete(known);
    const sending = this.#endpoints.publisher.line?.current;
    for (const connection of sending ? [...connections, sending] : connections) {
      const taken = await sample(connection.pc).catch(() => null);
      if (taken && connection.state !== 'closed') this.#samples.set(connection, [...(this.#samples.get(connection) ?? []).slice(-1), taken]);
    }
    if (!this.#timer) return;
    const places = this.#endpoints.receiver.places();
    // Of whom nothing arrives there is nothing bad to say.
    for (const id of new Set([...places.keys(), ...this.#grades.keys()])) if (id !== null) this.#judge(id, places.get(id) ?? new Map());
    if (sending) this.#judgeOwn(sending);
  }

  /** How what we send arrives, as the server reports it. @param {Connection} sending */
  #judgeOwn(sending) {
    const now = this.#samples.get(sending)?.at(-1);
    const reported = grade({ packets: 0, loss: now ? reportedLoss(now) : 0, jitterMs: 0, freezes: 0, frozenMs: 0 });
    const cut = sending.proven && sending.state !== 'connected';
    this.#settle(null, this.#known(null), cut ? 'lost' : reported);
  }

  /** @param {string | null} id */
  #known(id) {
    const known = this.#grades.get(id) ?? { quality: /** @type {Quality} */ ('good'), better: 0, freezes: 0, seen: '' };
    this.#grades.set(id, known);
    return known;
  }

  /** @param {string} id @param {Map<Source, Place>} places */
  #judge(id, places) {
    // Where it arrives: in another slot, what was counted before is somebody else's.
    const seen = [...places.values()].map(({ connection, mid }) => `${connection.name}/${mid}`).join();
    const known = this.#known(id);
    const moved = known.seen !== seen;
    known.seen = seen;
    /** @type {Quality[]} */
    const found = [];
    for (const [source, { connection, mid, track }] of places) {
      if (connection.state !== 'connected') found.push('lost');
      const [before, now] = this.#samples.get(connection) ?? [];
      const arrived = arrival(now, before, { mid, trackId: track.id });
      if (!arrived || moved) continue;
      if (kindOf(source) === 'video') known.freezes += arrived.freezes;
      // A screen on which nothing moves may well freeze.
      found.push(grade(source === 'screen' ? { ...arrived, freezes: 0, frozenMs: 0 } : arrived));
    }
    this.#settle(id, known, worst(...found));
  }

  /**
   * Worse is told at once, better when it stays so.
   * @param {string | null} id
   * @param {{ quality: Quality, better: number }} known
   * @param {Quality} quality
   */
  #settle(id, known, quality) {
    const better = quality !== known.quality && worst(quality, known.quality) === known.quality;
    known.better = better ? known.better + 1 : 0;
    if (quality === known.quality || (better && known.better < CALM && known.quality !== 'lost')) return;
    known.better = 0;
    known.quality = quality;
    this.#onQuality(id, quality);
  }
}
