// A call against a server that does what the test says.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { Client } from '../../public/client.js';
import { FakePeer, FakeSocket, FakeTrack, joined, member, pass, refuse, settled, world } from './fakes.mjs';

let socket;
let client;
let events;

const EVENTS = ['state', 'participant-joined', 'participant-left', 'media', 'audio', 'muted', 'error', 'ended', 'screen', 'chat', 'recording-stopped'];

beforeEach(() => {
  world();
  socket = new FakeSocket();
  client = new Client(() => socket);
  events = [];
  for (const name of EVENTS) client.addEventListener(name, ({ detail }) => events.push([name, detail]));
});
afterEach(() => {
  client.leave();
  mock.restoreAll();
  mock.timers.reset();
});

const heard = (name) => events.filter(([event]) => event === name).map(([, detail]) => detail);
const peer = (name) => client.receivers().get(name);
const names = () => [...client.receivers().keys()];

async function enter(answer = joined()) {
  socket.answers.join = answer;
  await client.join({ room: 'tea', name: 'Ann' });
  await settled();
  for (const connection of client.receivers().values()) connection.move('connected');
}

/** The socket goes, and comes back to this answer. */
async function cut(answer) {
  socket.answers.join = answer;
  socket.disconnect();
  await settled();
  assert.equal(client.state, 'reconnecting');
  socket.connect();
  await settled();
}

test('one endpoint sends, one receives, and both are there at once', async () => {
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
  socket.answers.join = () => void socket.tell('participantJoined', { participant: member('b') }) ?? { result: joined() };
  await client.join({ room: 'tea', name: 'Ann' });
  assert.deepEqual([...client.participants.keys()], ['b']);
});

test('more pictures than slots open a further endpoint', async () => {
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

test('a lost connection leaves media alone', async () => {
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
  await enter();
  const [{ endpoint }] = socket.all('subscribe');
  peer(endpoint).move('disconnected');
  await pass(3_900);
  peer(endpoint).move('connected');
  await pass(60_000);
  assert.equal(socket.all('subscribe').length, 1);
});

test('what does not recover is replaced, the new one before the old one ends', async () => {
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
  await enter();
  socket.tell('error', { code: 'endpoint_failed', message: 'dead', endpoint: 'receive-1' });
  await settled();
  const [, next] = socket.all('subscribe');
  assert.equal(next.replaces, undefined);
  assert.deepEqual(heard('error'), [], 'that is nothing for people');
});

test('what fails again and again is given up, and tried again when asked', async () => {
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
  await enter();
  socket.answers.close = () => undefined;
  peer('receive-1').move('disconnected');
  socket.answers.join = joined({ endpoints: names() });
  await pass(2_600);
  assert.equal(socket.all('join').length, 2);
  assert.equal(client.state, 'joined');
});

test('a shared screen has an endpoint of its own, and ends with its track', async () => {
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
  await enter();
  socket.answers.publish = refuse('forbidden');
  const video = new FakeTrack('video', 1080);
  await assert.rejects(client.shareScreen({ getVideoTracks: () => [video], getAudioTracks: () => [] }), { code: 'forbidden' });
  assert.equal(client.sharing, false);
  assert.equal(video.stopped, true);
});

test('somebody waits at the door and is let in', async () => {
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
  socket.answers.join = refuse('locked');
  await assert.rejects(client.join({ room: 'tea', name: 'Ann' }), { code: 'locked', message: 'because locked' });
  assert.equal(client.state, 'idle');
  assert.deepEqual(heard('ended'), []);
  await enter();
  assert.equal(client.state, 'joined');
});

test('one may leave at any time', async () => {
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
  socket.answers.join = () => undefined;
  const joining = assert.rejects(client.join({ room: 'tea', name: 'Ann' }), { code: 'timeout' });
  await pass(11_000);
  await joining;
  assert.equal(client.state, 'idle');
});
