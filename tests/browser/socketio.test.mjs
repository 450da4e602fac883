// The Socket.IO clients that people really have, old and new, over every transport.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import old from 'socket.io-client-2';
import { io as modern } from 'socket.io-client-4';

import { PATIENCE, startServer, until } from './lab.mjs';

const CLIENTS = { '2.2.0': old, '4.8.4': modern };
const TRANSPORTS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

let server;

before(async () => (server = await startServer()));
after(() => server?.stop());

/** A connected socket with everything it heard in `heard`. */
async function connect(version, transports) {
  const socket = CLIENTS[version](server.url, { transports, forceNew: true, reconnection: false, timeout: PATIENCE });
  socket.heard = [];
  socket.on('message', (message) => socket.heard.push(message));
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return socket;
}

function hears(socket, event, matches = () => true) {
  const found = () => socket.heard.find((message) => message.event === event && matches(message));
  return until(`${event} among ${JSON.stringify(socket.heard)}`, found);
}

async function join(socket, room, name) {
  socket.emit('message', { event: 'joinRoom', userName: name, roomName: room });
  return (await hears(socket, 'existingParticipants')).userid;
}

for (const version of Object.keys(CLIENTS)) {
  for (const [way, transports] of Object.entries(TRANSPORTS)) {
    test(`socket.io-client ${version} by ${way}`, async () => {
      const room = `${version} ${way}`;
      const first = await connect(version, transports);
      const firstId = await join(first, room, 'Zoë 🦊');
      const second = await connect(version, transports);
      const secondId = await join(second, room, 'bob');

      const welcome = await hears(second, 'existingParticipants');
      assert.equal(welcome.userid, secondId);
      assert.deepEqual(welcome.existingUsers, [{ id: firstId, name: 'Zoë 🦊' }]);
      assert.ok(Array.isArray(welcome.iceServers));
      const arrival = await hears(first, 'newParticipantArrived');
      assert.deepEqual({ ...arrival }, { event: 'newParticipantArrived', userid: secondId, username: 'bob' });

      if (way === 'upgrade') {
        await until('the upgrade to a websocket', () => first.io.engine.transport.name === 'websocket');
      }
      for (const wrong of [{ event: 'no such verb' }, { nothing: true }, 'text', { event: 'receiveVideoFrom', userid: 'nobody', sdpOffer: 'x' }]) {
        const before = first.heard.length;
        first.emit('message', wrong);
        const error = await until('an error', () => first.heard.slice(before).find((message) => message.event === 'error'));
        assert.ok(error.code && error.message, JSON.stringify(error));
      }

      second.close();
      await hears(first, 'participantLeft', (message) => message.userid === secondId);
      assert.equal(first.heard.filter((message) => message.event === 'newParticipantArrived').length, 1);
      first.close();
      assert.ok(server.alive());
    });
  }
}

test('old and new clients share a room, each pair announced once', async () => {
  const sockets = await Promise.all(
    Array.from({ length: 8 }, (_, index) => connect(index % 2 ? '2.2.0' : '4.8.4', Object.values(TRANSPORTS)[index % 3])),
  );
  const ids = await Promise.all(sockets.map((socket, index) => join(socket, 'mixed', `p${index}`)));
  for (const [index, socket] of sockets.entries()) {
    const told = () =>
      socket.heard.flatMap((message) => (message.existingUsers ?? []).map((user) => user.id).concat(message.event === 'newParticipantArrived' ? message.userid : []));
    await until('all others to be announced', () => told().length >= ids.length - 1);
    assert.deepEqual(told().sort(), ids.filter((id) => id !== ids[index]).sort());
    assert.equal(socket.heard[0].event, 'existingParticipants');
  }
  for (const socket of sockets) socket.close();
});

test('the server hands out its own client', async () => {
  const reply = await fetch(`${server.url}/socket.io/socket.io.js`);
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get('content-type'), /javascript/);
  assert.match(await reply.text(), /Socket\.IO v/);
});
