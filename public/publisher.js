// What we send: a fixed set of sources on one line, each with an m-line of its own from the beginning, so that a device may
// come, change and go without negotiation. No DOM in here.
// Invariant: what is muted here is told to the server as muted, however often endpoints and connections are replaced.

import { encodingFor, fit, refresh } from './encoding.js';
import { Line } from './line.js';
import { asRefusal, kindOf } from './protocol.js';

/**
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./connection.js').Connection} Connection
 *
 * @typedef {object} Outlet  one source
 * @property {MediaStreamTrack | null} track
 * @property {boolean} muted  by the person, or by a moderator; without a track it is as good as muted
 * @property {boolean | null} told  what the server knows
 * @property {boolean} telling
 * @property {number | null} demand
 */

const HINTS = { camera: 'motion', screen: 'detail', microphone: '', screenAudio: '' };

export class Publisher {
  /** @type {Line | null} */
  line = null;

  #kit;
  #options;
  /** What the server takes; null for everything. @type {Source[] | null} */
  #allowed = null;
  /** @type {Map<Source, Outlet>} */
  #outlets;
  /** The transceivers of each endpoint. @type {WeakMap<Connection, Map<Source, RTCRtpTransceiver>>} */
  #transceivers = new WeakMap();

  /**
   * @param {import('./line.js').Kit} kit
   * @param {{ prefix: string, sources: Source[], changed: () => void, gaveUp: (error: import('./protocol.js').Refusal) => void }} options
   */
  constructor(kit, options) {
    this.#kit = kit;
    this.#options = options;
    const outlet = () => ({ track: null, muted: false, told: null, telling: false, demand: null });
    this.#outlets = new Map(options.sources.map((source) => [source, outlet()]));
  }

  /** What the server takes from the next connection on. @param {Source[] | null} sources  null for everything */
  allow(sources) {
    this.#allowed = sources;
  }

  /** Whether the server takes a source of ours. @param {Source} source */
  allows(source) {
    return this.#allowed?.includes(source) ?? true;
  }

  /** Open the line, if it is not open, and there is anything that may be sent. */
  open() {
    if (![...this.#outlets.keys()].some((source) => this.allows(source))) return;
    const { prefix, changed, gaveUp } = this.#options;
    this.line ??= new Line(this.#kit, {
      prefix,
      request: 'publish',
      build: (connection) => this.#build(connection),
      describe: (connection) => this.#describe(connection),
      // Servers take for dead of whom they hear nothing.
      idle: () => [...this.#outlets].every(([source, { track }]) => !track || !this.allows(source)),
      changed,
      // What was sent meanwhile is lost: without a keyframe the others would wait seconds for a picture.
      recovered: (connection) => this.#transceivers.get(connection)?.forEach(({ sender }) => refresh(sender)),
      gaveUp,
    });
  }

  close() {
    this.line?.close();
    this.line = null;
    for (const outlet of this.#outlets.values()) outlet.told = outlet.demand = null;
  }

  /** @param {Source} source */
  track(source) {
    return this.#outlets.get(source)?.track ?? null;
  }

  /** @param {Source} source */
  isMuted(source) {
    const outlet = this.#outlets.get(source);
    return !outlet?.track || outlet.muted;
  }

  /** @param {Connection} connection @param {Source} source */
  midOf(connection, source) {
    return this.#transceivers.get(connection)?.get(source)?.mid ?? null;
  }

  /**
   * What to send from now on; null switches the source off.
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(source, track) {
    const outlet = this.#outlets.get(source);
    if (!outlet) return;
    outlet.track = track;
    // A camera that is switched on again is meant to be seen; a microphone stays muted until somebody says otherwise.
    if (!track && source === 'camera') outlet.muted = false;
    if (track) {
      track.enabled = !outlet.muted;
      if (HINTS[source] && !track.contentHint) track.contentHint = HINTS[source];
    }
    if (track) this.line?.wake();
    const replaced = this.#senders(source).map((sender) => sender.replaceTrack(track).catch(() => {}));
    await Promise.all([this.#tell(source), Promise.all(replaced).then(() => this.#fit(source))]);
  }

  /**
   * Silence or blank a source, and keep its device.
   * @param {Source} source
   * @param {boolean} muted
   */
  async mute(source, muted) {
    const outlet = this.#outlets.get(source);
    if (!outlet) return;
    outlet.muted = muted;
    if (outlet.track) outlet.track.enabled = !muted;
    this.#fit(source);
    await this.#tell(source);
  }

  /** The server muted us. @param {Source} source */
  mutedByServer(source) {
    const outlet = this.#outlets.get(source);
    if (!outlet) return;
    outlet.muted = outlet.told = true;
    if (outlet.track) outlet.track.enabled = false;
    this.#fit(source);
  }

  /**
   * How large anybody shows it.
   * @param {Source} source
   * @param {number} height
   */
  setDemand(source, height) {
    const outlet = this.#outlets.get(source);
    if (!outlet) return;
    outlet.demand = height;
    this.#fit(source);
  }

  /**
   * After we were away: what the server did and did not hear of mutes.
   * @param {{ source: Source, muted: boolean }[]} tracks  what it says of ours
   * @returns {Source[]}  what somebody else muted meanwhile
   */
  reconcile(tracks) {
    /** @type {Source[]} */
    const muted = [];
    for (const [source, outlet] of this.#outlets) {
      const known = tracks.find((track) => track.source === source)?.muted;
      // Not by our word: it knew that we were not muted.
      if (known && outlet.told === false && !this.isMuted(source)) {
        this.mutedByServer(source);
        muted.push(source);
      }
      if (known !== undefined) outlet.told = known;
      void this.#tell(source).catch(() => {});
    }
    return muted;
  }

  /** @param {Connection} connection */
  #build(connection) {
    const transceivers = new Map();
    for (const [source, outlet] of this.#outlets) {
      if (!this.allows(source)) continue;
      // The server asks for less by `demand`, but what it wanted of the endpoint before it does not repeat.
      outlet.demand = null;
      const kind = kindOf(source);
      const sendEncodings = kind === 'video' ? { sendEncodings: [this.#encoding(source)] } : {};
      transceivers.set(source, connection.pc.addTransceiver(outlet.track ?? kind, { direction: 'sendonly', ...sendEncodings }));
    }
    this.#transceivers.set(connection, transceivers);
  }

  /** @param {Connection} connection */
  #describe(connection) {
    const tracks = [...(this.#transceivers.get(connection) ?? [])].map(([source, { mid }]) => {
      const muted = this.isMuted(source);
      const outlet = this.#outlets.get(source);
      if (outlet) outlet.told = muted;
      return { mid, source, ...(muted && { muted }) };
    });
    return { tracks };
  }

  /** @param {Source} source */
  #encoding(source) {
    const { track, muted, demand } = this.#outlets.get(source) ?? { track: null, muted: true, demand: null };
    return encodingFor(muted ? 0 : demand, track?.getSettings().height);
  }

  /** @param {Source} source */
  #fit(source) {
    if (kindOf(source) !== 'video') return;
    for (const sender of this.#senders(source)) void fit(sender, this.#encoding(source));
  }

  /** @param {Source} source */
  #senders(source) {
    const senders = (this.line?.connections ?? []).map((connection) => this.#transceivers.get(connection)?.get(source)?.sender);
    return senders.filter((sender) => sender !== undefined);
  }

  /** Tells the server whether a source is muted, if it does not know. What cannot be told now is told by `reconcile`. @param {Source} source */
  async #tell(source) {
    const outlet = this.#outlets.get(source);
    // Before the offer is sent there is nothing to mute; it says how it begins.
    if (!outlet || outlet.telling || outlet.told === null) return;
    outlet.telling = true;
    try {
      while (outlet.told !== this.isMuted(source) && this.#kit.up()) {
        const muted = this.isMuted(source);
        await this.#kit.ask('mute', { source, muted });
        outlet.told = muted;
      }
    } catch (error) {
      if (!['offline', 'unknown_track', 'timeout'].includes(asRefusal(error).code)) throw error;
    } finally {
      outlet.telling = false;
    }
  }
}
