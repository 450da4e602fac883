// A call against a server that does what the test says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakePeer, FakeTrack, joined, member, pass, refuse, settled } from './fakes.mjs';
import { enter, heard, names, newScenes, peer, scene } from './scene.mjs';

newScenes();

test('one endpoint sends, one receives, and both are there at once', async () => {
  const { socket, client } = scene;
  await enter();
  assert.equal(client.state, 'joined');
  const [{ endpoint, tracks }] = socket.all('publish');
  assert.deepEqual(tracks, [{ mid: '0', source: 'microphone', muted: true }, { mid: '1', source: 'camera', muted: true }]);
  assert.deepEqual(peer(endpoint).getTransceivers().map(({ direction }) => direction), ['sendonly', 'sendonly']);
  const [{ endpoint: receiving }] = socket.all('subscribe');
  const kinds = peer(receiving).getTransceivers().map(({ kind, direction }) => `${kind} ${direction}`);
  assert.deepEqual(kinds, [...Array(8).fill('audio recvonly'), ...Array(9).fill('video recvonly')]);
  assert.equal(client.audio.length, 8);
});

test('a viewer sends nothing until somebody lets them', async () => {
  const { socket } = scene;
  await enter(joined({ participants: [member('me', { role: 'viewer' })] }));
  assert.deepEqual(socket.all('publish'), []);
  socket.tell('participantChanged', { participant: member('me') });
  await settled();
  const [{ endpoint }] = socket.all('publish');
  socket.tell('error', { code: 'forbidden', message: 'only watch', endpoint });
  socket.tell('participantChanged', { participant: member('me', { role: 'viewer' }) });
  await pass(60_000);
  assert.equal(socket.all('publish').length, 1, 'and does not try to');
});

test('slots and candidates may come before the answer', async () => {
  const { socket, client } = scene;
  let answer;
  const emit = socket.emit.bind(socket);
  socket.emit = (event, data, acknowledge) => {
    emit(event, data, event === 'subscribe' ? () => {} : acknowledge);
    if (event === 'subscribe') answer = acknowledge;
  };
  await enter(joined({ participants: [member('a', { tracks: [{ source: 'camera', muted: false }] }), member('me')] }));
  const [{ endpoint }] = socket.all('subscribe');
  socket.tell('slots', { endpoint, slots: [{ mid: '8', track: { participant: 'a', source: 'camera' } }, { mid: '9', track: null }] });
  socket.tell('candidate', { endpoint, candidate: { candidate: 'candidate:1', sdpMid: '0' } });
  await settled();
  assert.deepEqual(peer(endpoint).candidates, []);
  answer({ result: { answer: 'v=0' } });
  await settled();
  assert.deepEqual(peer(endpoint).candidates, ['candidate:1']);
  assert.equal(client.participants.get('a').media.get('camera'), peer(endpoint).getTransceivers()[8].receiver.track);
  socket.tell('slots', { endpoint, slots: [{ mid: '8', track: null }] });
  assert.equal(client.participants.get('a').media.size, 0);
  assert.deepEqual(heard('media').map(({ source }) => source), ['camera', 'camera']);
});

test('events that overtake the word that we are in are not lost', async () => {
  const { socket, client } = scene;
  socket.answers.join = () => void socket.tell('participantJoined', { participant: member('b') }) ?? { result: joined() };
  await client.join({ room: 'tea', name: 'Ann' });
  assert.deepEqual([...client.participants.keys()], ['b']);
});

test('more pictures than slots open a further endpoint', async () => {
  const { socket, client } = scene;
  await enter();
  const looks = (count) => Array.from({ length: count }, (_, index) => ({ participant: `p${index}`, source: 'camera', height: 180 }));
  client.setView(looks(10));
  await pass(150);
  const [, second] = socket.all('subscribe');
  assert.deepEqual(new Set(peer(second.endpoint).getTransceivers().map(({ kind }) => kind)), new Set(['video']));
  assert.equal(client.audio.length, 8);
  client.setView(looks(10));
  client.setView(looks(9).concat({ participant: 'p9', source: 'camera', height: 0 }));
  client.setView(looks(10));
  await pass(150);
  assert.equal(socket.all('view').length, 1, 'told only what is new, when it has settled');
});

test('a demand changes what is encoded, and nothing else', async () => {
  const { socket, client } = scene;
  await client.setTrack('camera', new FakeTrack('video', 720));
  await enter();
  const [{ endpoint }] = socket.all('publish');
  const { sender } = peer(endpoint).getTransceivers()[1];
  assert.deepEqual(sender.encodings, [{ active: true, scaleResolutionDownBy: 1, maxBitrate: 2_000_000 }]);
  socket.tell('demand', { source: 'camera', height: 0 });
  await settled();
  assert.equal(sender.encodings[0].active, false);
  socket.tell('demand', { source: 'camera', height: 360 });
  await settled();
  assert.deepEqual(sender.encodings, [{ active: true, scaleResolutionDownBy: 2, maxBitrate: 600_000 }]);
  await client.setTrack('camera', new FakeTrack('video', 1080));
  await settled();
  assert.equal(sender.encodings[0].scaleResolutionDownBy, 3, 'another camera is larger');
  assert.equal(socket.all('publish').length, 1);
});

test('what is muted here is muted at the server', async () => {
  const { socket, client } = scene;
  const microphone = new FakeTrack('audio');
  const camera = new FakeTrack('video', 720);
  await client.setTrack('microphone', microphone);
  await client.setTrack('camera', camera);
  await enter();
  assert.deepEqual(socket.all('publish')[0].tracks.map(({ muted }) => muted), [undefined, undefined]);
  await client.mute('microphone', true);
  assert.equal(microphone.enabled, false);
  await client.setTrack('camera', null);
  assert.equal(peer('send-2').getTransceivers()[1].sender.track, null);
  await client.setTrack('camera', camera);
  const other = new FakeTrack('audio');
  await client.setTrack('microphone', other);
  assert.equal(other.enabled, false, 'another device stays muted');
  const told = socket.all('mute').map(({ source, muted }) => `${source} ${muted}`);
  assert.deepEqual(told, ['microphone true', 'camera true', 'camera false']);
});

test('a moderator mutes, and we may speak again', async () => {
  const { socket, client } = scene;
  const microphone = new FakeTrack('audio');
  await client.setTrack('microphone', microphone);
  await enter();
  socket.tell('muted', { source: 'microphone', by: 'a' });
  assert.equal(microphone.enabled, false);
  assert.deepEqual(heard('muted'), [{ source: 'microphone', by: 'a' }]);
  await client.mute('microphone', false);
  assert.equal(microphone.enabled, true);
  assert.deepEqual(socket.all('mute'), [{ source: 'microphone', muted: false }]);
});

test('the worse of what the server says and what arrives here is their quality', async () => {
  const { socket, client } = scene;
  await enter(joined({ participants: [member('me'), member('a', { tracks: [{ source: 'camera', muted: false }] })] }));
  socket.tell('slots', { endpoint: 'receive-1', slots: [{ mid: '8', track: { participant: 'a', source: 'camera' } }] });
  let [packetsReceived, packetsLost] = [0, 0];
  const after = async (lost) => {
    packetsReceived += 100 - lost;
    packetsLost += lost;
    peer('receive-1').stats = [{ type: 'inbound-rtp', mid: '8', packetsReceived, packetsLost, jitter: 0.01 }];
    await pass(2_000);
    return client.participants.get('a').quality;
  };
  assert.equal(await after(0), 'good');
  assert.equal(await after(0), 'good');
  assert.equal(await after(20), 'poor');
  assert.equal(await after(0), 'poor', 'one good moment makes nothing good');
  assert.equal(await after(0), 'good');
  socket.tell('quality', { participant: 'a', quality: 'fair' });
  assert.equal(client.participants.get('a').quality, 'fair');
  peer('receive-1').move('disconnected');
  assert.equal(await after(0), 'lost');
  peer('receive-1').move('connected');
  assert.equal(await after(0), 'fair', 'back is back');
  peer('send-2').stats = [{ type: 'remote-inbound-rtp', fractionLost: 0.2 }];
  await after(0);
  assert.equal(client.self.quality, 'poor');
});

test('a shared screen has an endpoint of its own, and ends with its track', async () => {
  const { socket, client } = scene;
  await enter();
  const [video, audio] = [new FakeTrack('video', 1080), new FakeTrack('audio')];
  const sharing = client.shareScreen({ getVideoTracks: () => [video], getAudioTracks: () => [audio] });
  await settled();
  const { endpoint, tracks } = socket.all('publish')[1];
  assert.deepEqual(tracks, [{ mid: '0', source: 'screen' }, { mid: '1', source: 'screenAudio' }]);
  peer(endpoint).move('connected');
  await sharing;
  assert.equal(video.contentHint, 'detail');
  video.dispatchEvent(new Event('ended'));
  assert.deepEqual(socket.all('close'), [{ endpoint }]);
  assert.equal(audio.stopped, true);
  assert.deepEqual(heard('screen').map(({ shared }) => shared), [true, false]);
});

test('a screen that the server refuses is not shared', async () => {
  const { socket, client } = scene;
  await enter();
  socket.answers.publish = refuse('forbidden');
  const video = new FakeTrack('video', 1080);
  await assert.rejects(client.shareScreen({ getVideoTracks: () => [video], getAudioTracks: () => [] }), { code: 'forbidden' });
  assert.equal(client.sharing, false);
  assert.equal(video.stopped, true);
});

test('somebody waits at the door and is let in', async () => {
  const { socket, client } = scene;
  socket.answers.join = { waiting: true };
  await client.join({ room: 'tea', name: 'Ann' });
  assert.equal(client.state, 'waiting');
  assert.deepEqual(names(), []);
  socket.tell('admitted', joined());
  await settled();
  assert.equal(client.state, 'joined');
  assert.equal(names().length, 2);
});

test('who is removed is out for good', async () => {
  const { socket, client } = scene;
  await enter(joined({ participants: [member('me'), member('a')] }));
  socket.tell('removed', { code: 'removed', message: 'by a moderator' });
  assert.equal(client.state, 'idle');
  assert.deepEqual(heard('ended'), [{ code: 'removed', message: 'by a moderator' }]);
  assert.ok(FakePeer.all.every(({ closed }) => closed));
  assert.equal(socket.connected, false);
  assert.deepEqual(client.audio, []);
  await pass(60_000);
  assert.equal(socket.all('join').length, 1);
});

test('a refused join is told, and may be tried again', async () => {
  const { socket, client } = scene;
  socket.answers.join = refuse('locked');
  await assert.rejects(client.join({ room: 'tea', name: 'Ann' }), { code: 'locked', message: 'because locked' });
  assert.equal(client.state, 'idle');
  assert.deepEqual(heard('ended'), []);
  await enter();
  assert.equal(client.state, 'joined');
});

test('one may leave at any time', async () => {
  const { socket, client } = scene;
  socket.answers.join = () => undefined;
  const joining = client.join({ room: 'tea', name: 'Ann' });
  client.leave();
  await assert.rejects(joining, { code: 'left' });
  client.leave();
  await enter();
  client.leave();
  assert.equal(client.state, 'idle');
  assert.equal(socket.all('leave').length, 2);
  assert.ok(FakePeer.all.every(({ closed }) => closed));
  await assert.rejects(client.say('hello'), { code: 'offline' });
});

test('a server that does not answer is not waited for', async () => {
  const { socket, client } = scene;
  socket.answers.join = () => undefined;
  const joining = assert.rejects(client.join({ room: 'tea', name: 'Ann' }), { code: 'timeout' });
  await pass(11_000);
  await joining;
  assert.equal(client.state, 'idle');
});
