// A client in its room, for tests: the fakes, what was heard, and ways in and out.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock } from 'node:test';

import { Client } from '../../public/client.js';
import { FakeSocket, joined, settled, world } from './fakes.mjs';

const EVENTS = ['state', 'participant-joined', 'participant-left', 'media', 'audio', 'muted', 'error', 'ended', 'screen', 'chat', 'recording-stopped'];

/** The scene of the test that runs now. */
export const scene = {
  /** @type {FakeSocket} */
  socket: null,
  /** @type {Client} */
  client: null,
  events: [],
};

/** The details of all events of a name. */
export const heard = (name) => scene.events.filter(([event]) => event === name).map(([, detail]) => detail);
export const peer = (name) => scene.client.receivers().get(name);
export const names = () => [...scene.client.receivers().keys()];

/** Every test of the file begins with a new one. */
export function newScenes() {
  beforeEach(() => {
    world();
    scene.socket = new FakeSocket();
    scene.client = new Client(() => scene.socket);
    scene.events = [];
    for (const name of EVENTS) scene.client.addEventListener(name, ({ detail }) => scene.events.push([name, detail]));
  });
  afterEach(() => {
    scene.client.leave();
    mock.restoreAll();
    mock.timers.reset();
  });
}

/** In, with media that flows. */
export async function enter(answer = joined()) {
  scene.socket.answers.join = answer;
  await scene.client.join({ room: 'tea', name: 'Ann' });
  await settled();
  for (const connection of scene.client.receivers().values()) connection.move('connected');
}

/** The connection goes, and comes back to this answer. */
export async function cut(answer) {
  scene.socket.answers.join = answer;
  scene.socket.disconnect();
  await settled();
  assert.equal(scene.client.state, 'reconnecting');
  scene.socket.connect();
  await settled();
}
