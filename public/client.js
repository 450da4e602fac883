// The call as a program sees it: one place in a room, the people there, what we send and what we get.
// It speaks the native protocol (docs/protocol.md); session.js keeps the connection, room.js knows the room and who is in
// it, endpoints.js has the media. No DOM in here: the page (app.js) is one listener among possible others.

import { leaveByBeacon } from './api.js';
import { Endpoints } from './endpoints.js';
import { Monitor } from './monitor.js';
import { Refusal } from './protocol.js';
import { RoomState } from './room.js';
import { Session } from './session.js';
import { View } from './view.js';

/**
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./protocol.js').Look} Look
 * @typedef {import('./roster.js').Participant} Participant
 * @typedef {import('./session.js').State} State
 * @typedef {import('./session.js').Place} Place
 * @typedef {import('./signal.js').Socket} Socket
 * @typedef {import('./monitor.js').Figures} Figures
 */

/**
 * Events (detail): `state` {state} · `participant-joined`, `participant-changed`, `participant-left` {participant} ·
 * `media` {participant, source} · `audio` {} · `speaker` {participant: id} · `chat` {message} · `room` {room} · `lobby` {waiting} ·
 * `muted` {source, by} · `recording-started` {recording} · `recording-changed` {recording} · `recording-stopped` {id, state, url} · `demand` {source, height} ·
 * `screen` {shared} · `error` {code, message, retry} · `ended` {code, message}
 */
export class Client extends EventTarget {
  /** Where we are, or mean to be. @type {Place | null} */
  place = null;
  /** The sound of all slots: each is to be played. @type {MediaStreamTrack[]} */
  audio = [];

  #room = new RoomState((type, detail) => this.#tell(type, detail));
  #session;
  #endpoints;
  #monitor;
  #view;

  /** @param {() => Socket} openSocket  gives a socket that is not yet connected */
  constructor(openSocket) {
    super();
    this.#session = new Session(openSocket, {
      state: (state) => this.#moved(state),
      entered: (joined, fresh) => this.#entered(joined, fresh),
      outside: () => this.#clear(),
      event: (name, data) => this.#hear(name, data),
      over: ({ code, message }) => this.#tell('ended', { code, message }),
    });
    const session = this.#session;
    this.#endpoints = new Endpoints({
      ask: (event, data) => session.ask(event, data),
      up: () => session.up,
      nudge: () => session.nudge(),
      changed: () => this.#reflect(),
      gaveUp: ({ code, message }, retry) => this.#tell('error', { code, message, retry }),
    });
    this.#monitor = new Monitor(this.#endpoints, (id, quality) => this.#room.judge(id ?? this.self?.id ?? '', 'ours', quality));
    this.#view = new View((tracks) => session.ask('view', { tracks }));
  }

  get state() {
    return this.#session.state;
  }

  get self() {
    return this.#room.roster.self;
  }

  /** The others, in the order in which they came. */
  get participants() {
    return this.#room.roster.others;
  }

  get room() {
    return this.#room.settings;
  }

  /** Who waits to be admitted; moderators know. */
  get waiting() {
    return this.#room.waiting;
  }

  get speaker() {
    return this.#room.speaker;
  }

  /** What was said since we came. */
  get messages() {
    return this.#room.messages;
  }

  /** Whether we may send a source: by our role, and by our token. @param {Source} source */
  maySend(source) {
    return this.self?.role !== 'viewer' && this.#endpoints.publisher.allows(source);
  }

  /** Whether our screen is. */
  get sharing() {
    return this.#endpoints.screen !== null;
  }

  /**
   * Enter a room. Resolves when the server let us in, or when we wait for a moderator to do so (see `state`).
   * @param {Place} place
   */
  async join(place) {
    if (this.state === 'idle') this.place = place;
    await this.#session.join(place);
  }

  /** Leave the room and forget everything about it. Safe at any time. */
  leave() {
    this.#session.leave();
  }

  /** Leave because the page is going away: a browser may have closed the socket already, but it delivers a beacon. */
  vanish() {
    const resume = this.#session.resume;
    if (resume && this.place) leaveByBeacon(this.place.room, resume);
    this.leave();
  }

  /**
   * What to send for a source; null switches it off, for the server too.
   * @param {'microphone' | 'camera'} source
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(source, track) {
    await this.#endpoints.publisher.setTrack(source, track);
  }

  /**
   * Silence or blank a source and keep its device; tells the server.
   * @param {Source} source
   * @param {boolean} muted
   */
  async mute(source, muted) {
    await this.#endpoints.of(source)?.mute(source, muted);
  }

  /**
   * Share what getDisplayMedia() gave. Resolves when it is on its way to the server.
   * @param {MediaStream} stream
   */
  async shareScreen(stream) {
    if (this.state !== 'joined') throw new Refusal('not_joined', 'Join a room before sharing a screen.');
    await this.#endpoints.shareScreen(stream, () => this.#tell('screen', { shared: false }));
    this.#tell('screen', { shared: true });
  }

  async stopScreen() {
    if (!this.sharing) return;
    this.#endpoints.stopScreen();
    this.#tell('screen', { shared: false });
  }

  /**
   * What is looked at, the most important first; heights in physical pixels.
   * @param {Look[]} looks
   */
  setView(looks) {
    this.#endpoints.want(looks.filter(({ height }) => height > 0).length);
    this.#view.set(looks);
  }

  /** @param {string} text */
  async say(text) {
    await this.#session.ask('chat', { text });
  }

  /** @param {boolean} raised  our hand */
  async raiseHand(raised) {
    await this.#session.ask('hand', { raised });
  }

  /** @param {{ action: string } & Record<string, unknown>} action  as in docs/protocol.md */
  async moderate(action) {
    await this.#session.ask('moderate', action);
  }

  /**
   * How somebody's media arrives; for ourselves, what is sent.
   * @param {string} id
   * @returns {Promise<Figures>}
   */
  stats(id) {
    return id === this.self?.id ? this.#monitor.sent() : this.#monitor.received(id);
  }

  /** Try again what was given up. */
  retry() {
    this.#endpoints.retry();
  }

  /** All peer connections by the names of their endpoints, for tests. @returns {Map<string, RTCPeerConnection>} */
  receivers() {
    return new Map([...this.#endpoints.connections()].map(([name, { pc }]) => [name, pc]));
  }

  /** @param {State} state */
  #moved(state) {
    if (state === 'idle') {
      this.#clear();
      this.place = null;
    }
    this.#tell('state', { state });
  }

  /** @param {import('./protocol.js').Joined} joined @param {boolean} fresh */
  #entered(joined, fresh) {
    this.#endpoints.enter(joined, fresh);
    this.#room.enter(joined, fresh);
    this.#followRole();
    const tracks = joined.participants.find(({ id }) => id === joined.id)?.tracks ?? [];
    if (!fresh) for (const source of this.#endpoints.reconcile(tracks)) this.#tell('muted', { source, by: null });
    this.#view.again();
    this.#monitor.start();
    this.#reflect();
  }

  /** @param {string} name @param {any} data */
  #hear(name, data) {
    if (name === 'error' && !data.endpoint) return this.#tell('error', { code: data.code, message: data.message, retry: false });
    this.#endpoints.hear(name, data);
    this.#room.hear(name, data);
    if (name === 'demand' || name === 'muted') this.#tell(name, data);
    if (name === 'participantChanged') this.#followRole();
    // A picture may come before the person, and stay after what they publish is gone.
    if (name === 'participantChanged' || name === 'participantJoined') this.#reflect();
  }

  /** What we may send depends on our role. */
  #followRole() {
    this.#endpoints.allowSending(this.self !== null && this.self.role !== 'viewer');
  }

  /** Tells what there is to see and hear, where that changed. */
  #reflect() {
    for (const change of this.#room.roster.show(this.#endpoints.receiver.places())) this.#tell('media', change);
    const audio = this.#endpoints.receiver.audio();
    if (audio.length === this.audio.length && audio.every((track, index) => track === this.audio[index])) return;
    this.audio = audio;
    this.#tell('audio', {});
  }

  /** Nothing of the room is left. */
  #clear() {
    this.#monitor.stop();
    this.#endpoints.close();
    this.#view.clear();
    this.#room.clear();
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
