// A server that does what the test says, and peer connections without media: the client's world, without a browser.

import { mock } from 'node:test';

const MEMBER = { role: 'participant', connection: 'connected', hand: false, tracks: [] };
const LIMITS = { endpoints: 8, slots: 64, chatCharacters: 2000, reconnectSeconds: 20 };

/** @param {string} id */
export const member = (id, more = {}) => ({ ...MEMBER, id, name: `name of ${id}`, ...more });

/** What `join` gives. */
export const joined = (more = {}) => ({
  id: 'me',
  resume: 'token',
  speaker: null,
  chat: [],
  endpoints: [],
  participants: [member('me')],
  room: { name: 'tea', locked: false, lobby: false, recordings: [] },
  iceServers: [],
  limits: LIMITS,
  ...more,
});

/** Both ends of a connection: a socket as the client uses it, and what the test does to it as the server. */
export class FakeSocket {
  connected = false;
  active = true;
  /** Requests that were made: [event, data]. */
  asked = [];
  /** What to answer, by event: a result, or a function of the data that gives {result} or {error} or nothing. */
  answers = { join: joined(), publish: { answer: 'v=0' }, subscribe: { answer: 'v=0' } };
  #listeners = new Map();

  on(event, listener) {
    this.#listeners.set(event, listener);
  }

  connect() {
    if (this.connected) return;
    this.connected = true;
    this.tell('connect');
  }

  disconnect() {
    if (!this.connected) return;
    this.connected = false;
    this.tell('disconnect');
  }

  emit(event, data, acknowledge) {
    this.asked.push([event, data]);
    const answer = this.answers[event] ?? {};
    const reply = typeof answer === 'function' ? answer(data) : { result: answer };
    if (reply) acknowledge?.(reply);
  }

  /** The server tells something. */
  tell(event, data) {
    this.#listeners.get(event)?.(data);
  }

  /** What was asked for by an event. */
  all(event) {
    return this.asked.filter(([name]) => name === event).map(([, data]) => data);
  }
}

/** A refusal as an answer. */
export const refuse = (code) => () => ({ error: { code, message: `because ${code}` } });

export class FakeTrack extends EventTarget {
  static count = 0;
  enabled = true;
  contentHint = '';
  id = `track-${(FakeTrack.count += 1)}`;

  constructor(kind, height) {
    super();
    this.kind = kind;
    this.height = height;
  }

  getSettings() {
    return { height: this.height };
  }

  stop() {
    this.stopped = true;
  }
}

class FakeSender {
  changes = [];

  constructor(track, encodings) {
    this.track = track;
    this.encodings = encodings ?? [{}];
  }

  getParameters() {
    return { encodings: structuredClone(this.encodings) };
  }

  async setParameters({ encodings }) {
    this.encodings = encodings;
    this.changes.push(encodings[0]);
  }

  async replaceTrack(track) {
    this.track = track;
  }
}

export class FakePeer extends EventTarget {
  /** All there are, in the order in which they came. */
  static all = [];
  connectionState = 'new';
  localDescription = null;
  candidates = [];
  stats = [];
  #transceivers = [];

  constructor() {
    super();
    FakePeer.all.push(this);
  }

  addTransceiver(what, { direction, sendEncodings }) {
    const kind = typeof what === 'string' ? what : what.kind;
    const sender = new FakeSender(typeof what === 'string' ? null : what, sendEncodings);
    const transceiver = { direction, mid: null, kind, sender, receiver: { track: new FakeTrack(kind) } };
    this.#transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers() {
    return this.#transceivers;
  }

  async setLocalDescription() {
    this.#transceivers.forEach((transceiver, index) => (transceiver.mid = String(index)));
    this.localDescription = { sdp: 'v=0 offer' };
  }

  async setRemoteDescription(description) {
    this.remote = description;
  }

  async addIceCandidate(candidate) {
    this.candidates.push(candidate.candidate);
  }

  async getStats() {
    return new Map(this.stats.map((entry, index) => [index, entry]));
  }

  /** The browser says so. */
  move(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }

  close() {
    this.closed = true;
    this.connectionState = 'closed';
  }
}

/** Puts the fakes in place, and time into the test's hands. */
export function world() {
  FakePeer.all = [];
  globalThis.RTCPeerConnection = FakePeer;
  globalThis.MediaStream ??= class {};
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 });
  mock.method(console, 'warn', () => {});
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settled() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** Lets time pass. */
export async function pass(ms) {
  await settled();
  mock.timers.tick(ms);
  await settled();
}
