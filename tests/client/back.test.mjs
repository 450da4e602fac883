// Cuts, failures, and the way back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakePeer, FakeTrack, joined, member, pass, refuse, settled } from './fakes.mjs';
import { cut, enter, heard, names, newScenes, peer, scene } from './scene.mjs';

newScenes();

test('a lost connection leaves media alone', async () => {
  const { socket, client } = scene;
  await enter();
  const before = names();
  await cut(joined({ endpoints: before, participants: [member('me'), member('b')] }));
  assert.equal(socket.all('join').at(-1).resume, 'token');
  assert.equal(client.state, 'joined');
  await pass(10_000);
  assert.deepEqual(names(), before);
  assert.equal(FakePeer.all.some(({ closed }) => closed), false);
  assert.deepEqual(heard('participant-joined').map(({ participant }) => participant.id), ['b']);
});

test('endpoints that ended meanwhile are opened anew, and strangers are closed', async () => {
  const { socket, client } = scene;
  await client.setTrack('microphone', new FakeTrack('audio'));
  await enter();
  const [sending, receiving] = ['publish', 'subscribe'].map((event) => socket.all(event)[0].endpoint);
  await cut(joined({ endpoints: [receiving, 'screen-9'] }));
  await settled();
  const fresh = socket.all('publish')[1];
  assert.notEqual(fresh.endpoint, sending);
  assert.equal(fresh.replaces, undefined, 'there is nothing to replace');
  assert.deepEqual(socket.all('close'), [{ endpoint: 'screen-9' }]);
  assert.equal(socket.all('subscribe').length, 1);
});

test('who comes back too late comes in as somebody new', async () => {
  const { socket, client } = scene;
  await enter(joined({ participants: [member('me'), member('a'), member('b')] }));
  const before = FakePeer.all.slice();
  await cut((data) => (data.resume ? refuse('bad_resume')() : { result: joined({ id: 'me2', participants: [member('b'), member('c'), member('me2')] }) }));
  assert.equal(client.self.id, 'me2');
  assert.ok(before.every(({ closed }) => closed));
  assert.equal(new Set(['publish', 'subscribe'].flatMap((event) => socket.all(event)).map(({ endpoint }) => endpoint)).size, 4);
  assert.deepEqual(heard('participant-left').map(({ participant }) => participant.id), ['a']);
  assert.deepEqual(heard('participant-joined').map(({ participant }) => participant.id), ['a', 'b', 'c']);
});

test('mutes that the server did not hear are told again, and those of moderators are obeyed', async () => {
  const { socket, client } = scene;
  const [microphone, camera] = [new FakeTrack('audio'), new FakeTrack('video', 720)];
  await client.setTrack('microphone', microphone);
  await client.setTrack('camera', camera);
  await enter();
  const back = (tracks) => joined({ endpoints: names(), participants: [member('me', { tracks })] });
  socket.disconnect();
  await client.mute('microphone', true);
  socket.answers.join = back([{ source: 'microphone', muted: false }, { source: 'camera', muted: true }]);
  socket.connect();
  await settled();
  assert.deepEqual(socket.all('mute'), [{ source: 'microphone', muted: true }]);
  assert.equal(camera.enabled, false);
  assert.deepEqual(heard('muted'), [{ source: 'camera', by: null }]);
});

test('what recovers by itself is not replaced', async () => {
  const { socket } = scene;
  await enter();
  const [{ endpoint }] = socket.all('subscribe');
  peer(endpoint).move('disconnected');
  await pass(3_900);
  peer(endpoint).move('connected');
  await pass(60_000);
  assert.equal(socket.all('subscribe').length, 1);
});

test('what does not recover is replaced, the new one before the old one ends', async () => {
  const { socket, client } = scene;
  await enter();
  const old = peer('receive-1');
  old.move('disconnected');
  await pass(4_100);
  const [, next] = socket.all('subscribe');
  assert.equal(next.replaces, 'receive-1');
  assert.equal(old.closed, undefined);
  peer(next.endpoint).move('connected');
  assert.equal(old.closed, true);
  assert.deepEqual(names().filter((name) => name.startsWith('receive')), [next.endpoint]);
  assert.deepEqual(client.audio, FakePeer.all.at(-1).getTransceivers().slice(0, 8).map(({ receiver }) => receiver.track));
});

test('an old endpoint that recovers first is kept', async () => {
  const { socket } = scene;
  await enter();
  peer('receive-1').move('disconnected');
  await pass(4_100);
  const [, next] = socket.all('subscribe');
  const unneeded = peer(next.endpoint);
  peer('receive-1').move('connected');
  assert.equal(unneeded.closed, true);
  assert.ok(socket.all('close').some(({ endpoint }) => endpoint === next.endpoint));
  await pass(60_000);
  assert.equal(socket.all('subscribe').length, 2);
});

test('what the server calls dead is replaced at once', async () => {
  const { socket } = scene;
  await enter();
  socket.tell('error', { code: 'endpoint_failed', message: 'dead', endpoint: 'receive-1' });
  await settled();
  const [, next] = socket.all('subscribe');
  assert.equal(next.replaces, undefined);
  assert.deepEqual(heard('error'), [], 'that is nothing for people');
});

test('what ends while there is nothing to send is opened anew when there is', async () => {
  const { socket, client } = scene;
  await enter();
  socket.tell('error', { code: 'endpoint_failed', message: 'nothing was heard', endpoint: 'send-2' });
  await pass(60_000);
  assert.equal(socket.all('publish').length, 1);
  assert.deepEqual(names(), ['receive-1']);
  const camera = new FakeTrack('video', 720);
  await client.setTrack('camera', camera);
  await settled();
  const [, { endpoint, tracks }] = socket.all('publish');
  assert.deepEqual(tracks.map(({ muted }) => muted), [true, undefined]);
  assert.equal(peer(endpoint).getTransceivers()[1].sender.track, camera);
});

test('what fails again and again is given up, and tried again when asked', async () => {
  const { socket, client } = scene;
  socket.answers.subscribe = refuse('endpoint_failed');
  await enter();
  await pass(0);
  for (let attempt = 0; attempt < 8; attempt += 1) await pass(20_000);
  assert.equal(socket.all('subscribe').length, 6);
  assert.deepEqual(heard('error').map(({ code, retry }) => [code, retry]), [['endpoint_failed', true]]);
  socket.answers.subscribe = { answer: 'v=0' };
  client.retry();
  await settled();
  assert.equal(socket.all('subscribe').length, 7);
});

test('while nobody hears us, nothing is opened', async () => {
  const { socket } = scene;
  await enter();
  const connect = socket.connect.bind(socket);
  socket.connect = () => {};
  socket.disconnect();
  peer('receive-1').move('disconnected');
  await pass(5_000);
  peer('receive-1').move('failed');
  await pass(30_000);
  assert.equal(socket.all('subscribe').length, 1);
  socket.answers.join = joined({ endpoints: ['send-2', 'receive-1'] });
  connect();
  await pass(0);
  assert.equal(socket.all('subscribe')[1].replaces, 'receive-1');
});

test('a connection that answers nothing is exchanged when media finds the network gone', async () => {
  const { socket, client } = scene;
  await enter();
  socket.answers.close = () => undefined;
  peer('receive-1').move('disconnected');
  socket.answers.join = joined({ endpoints: names() });
  await pass(2_600);
  assert.equal(socket.all('join').length, 2);
  assert.equal(client.state, 'joined');
});
