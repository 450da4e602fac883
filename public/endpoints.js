// All the media of a call: what we send, our shared screen, what we receive. Gives endpoints their names, and hands what
// the server says of an endpoint to whoever it concerns. No DOM in here.

import { Publisher } from './publisher.js';
import { Receiver } from './receiver.js';
import { Refusal } from './protocol.js';

/**
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./protocol.js').Joined} Joined
 *
 * @typedef {object} EndpointsListener
 * @property {(event: string, data: object) => Promise<any>} ask
 * @property {() => boolean} up
 * @property {() => void} nudge
 * @property {() => void} changed  what arrives, or may be heard, is another
 * @property {(error: Refusal, retry: boolean) => void} gaveUp
 */

export class Endpoints {
  #kit;
  #listener;
  #count = 0;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #limits = { endpoints: 8, slots: 64 };
  #pictures = 1;
  /** Who waits for the shared screen to be sent. @type {{ resolve: () => void, reject: (error: Refusal) => void } | null} */
  #sharing = null;

  /** @param {EndpointsListener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#kit = {
      ...listener,
      // Also over calls: the server remembers the names of a participant.
      name: (/** @type {string} */ prefix) => `${prefix}-${(this.#count += 1)}`,
      iceServers: () => this.#iceServers,
    };
    const { changed } = listener;
    this.publisher = new Publisher(this.#kit, {
      prefix: 'send',
      sources: ['microphone', 'camera'],
      changed,
      gaveUp: (error) => {
        // A viewer from now on: no failure. The line may begin anew with another role.
        if (error.code === 'forbidden') this.publisher.close();
        listener.gaveUp(error, error.code !== 'forbidden');
      },
    });
    this.receiver = new Receiver(this.#kit, { changed, gaveUp: (error) => listener.gaveUp(error, true) });
  }

  /** The shared screen, while there is one. @type {Publisher | null} */
  screen = null;

  get lines() {
    return [this.publisher.line, this.screen?.line, ...this.receiver.lines].filter((line) => !!line);
  }

  /** All peer connections, by name. */
  connections() {
    return new Map(this.lines.flatMap((line) => line.connections).map((connection) => [connection.name, connection]));
  }

  /**
   * We are in, or back.
   * @param {Joined} joined
   * @param {boolean} fresh  as somebody new
   */
  enter({ iceServers, limits, endpoints, sends }, fresh) {
    this.publisher.allow(sends ?? null);
    this.#iceServers = iceServers;
    this.#limits = limits;
    if (fresh) for (const line of this.lines) line.renew();
    else {
      const ours = this.connections();
      // Opened or closed while nobody heard it.
      for (const name of endpoints) if (!ours.has(name)) this.#kit.ask('close', { endpoint: name }).catch(() => {});
      for (const line of this.lines) line.resumed(endpoints);
    }
    this.receiver.open(this.#pictures, this.#limits);
  }

  /** Whether we may send. @param {boolean} may */
  allowSending(may) {
    if (may) return this.publisher.open();
    this.publisher.close();
    this.stopScreen();
  }

  /** Have room for so many pictures. @param {number} pictures */
  want(pictures) {
    this.#pictures = pictures;
    if (this.#listener.up()) this.receiver.open(pictures, this.#limits);
  }

  /**
   * Resolves when the screen is on its way to the server.
   * @param {MediaStream} stream
   * @param {() => void} ended  the sharing is over, by whomever
   */
  async shareScreen(stream, ended) {
    this.stopScreen();
    const [video] = stream.getVideoTracks();
    const [audio] = this.publisher.allows('screenAudio') ? stream.getAudioTracks() : [];
    if (!video) throw new Refusal('unknown_track', 'There is no picture in what is to be shared.');
    const screen = new Publisher(this.#kit, {
      prefix: 'screen',
      sources: audio ? ['screen', 'screenAudio'] : ['screen'],
      changed: () => {
        if (screen.line?.current?.state === 'connected') this.#sharing?.resolve();
        this.#listener.changed();
      },
      gaveUp: (error) => {
        const waiting = this.#sharing;
        this.stopScreen(error);
        ended();
        if (!waiting) this.#listener.gaveUp(error, false);
      },
    });
    await screen.setTrack('screen', video);
    if (audio) await screen.setTrack('screenAudio', audio);
    this.screen = screen;
    video.addEventListener('ended', () => {
      if (this.screen !== screen) return;
      this.stopScreen();
      ended();
    });
    const sent = new Promise((resolve, reject) => (this.#sharing = { resolve: () => resolve(undefined), reject }));
    screen.open();
    await sent;
    this.#sharing = null;
  }

  /** @param {Refusal} [why] */
  stopScreen(why = new Refusal('left', 'Sharing ended before it began.')) {
    const screen = this.screen;
    this.screen = null;
    this.#sharing?.reject(why);
    this.#sharing = null;
    if (!screen) return;
    for (const source of /** @type {const} */ (['screen', 'screenAudio'])) screen.track(source)?.stop();
    screen.close();
  }

  /**
   * What the server says of an endpoint or of a source of ours.
   * @param {string} name
   * @param {any} data
   */
  hear(name, data) {
    const line = this.lines.find((each) => each.find(data.endpoint));
    switch (name) {
      case 'slots':
        return this.receiver.setSlots(data.endpoint, data.slots);
      case 'candidate':
        return line?.find(data.endpoint)?.candidate(data.candidate);
      case 'error':
        return line?.ended(data.endpoint, new Refusal(data.code, data.message));
      case 'demand':
        return this.of(data.source)?.setDemand(data.source, data.height);
      case 'muted':
        return this.of(data.source)?.mutedByServer(data.source);
    }
  }

  /**
   * After we were away: what the server did and did not hear of mutes.
   * @param {{ source: Source, muted: boolean }[]} tracks  what it says of ours
   */
  reconcile(tracks) {
    return [...this.publisher.reconcile(tracks), ...(this.screen?.reconcile(tracks) ?? [])];
  }

  /** Who sends a source. @param {Source} source */
  of(source) {
    return source === 'screen' || source === 'screenAudio' ? this.screen : this.publisher;
  }

  retry() {
    for (const line of this.lines) line.retry();
  }

  close() {
    this.publisher.close();
    this.stopScreen();
    this.receiver.close();
    this.#pictures = 1;
  }
}
