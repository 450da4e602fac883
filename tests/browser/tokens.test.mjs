// Tokens: those that LiveKit's own server SDKs mint, as the server takes them, and as the page brings them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { AccessToken, TrackSource } from 'livekit-server-sdk';
import { io } from 'socket.io-client-4';

import { newPage, startChromium, startServer, until } from './lab.mjs';

const KEY = 'APIwLeah7g2XUt';
const SECRET = 'a secret of LiveKit\'s users: 43 characters.';

let server;
let chromium;

before(async () => {
  server = await startServer({ keys: { [KEY]: SECRET } });
  chromium = await startChromium(server.url);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

/** By the SDK for Node. */
async function mint(identity, grants, { ttl = '10m', name } = {}) {
  const token = new AccessToken(KEY, SECRET, { identity, name, ttl });
  token.addGrant(grants);
  return token.toJwt();
}

/** By the SDK for Python. */
function mintByPython(identity, grants) {
  const [python, script] = ['../.venv/bin/python', './mint.py'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const { status, stdout, stderr } = spawnSync(python, [script, KEY, SECRET, identity, JSON.stringify(grants)], { encoding: 'utf8' });
  assert.equal(status, 0, `make test installs what this needs: ${stderr}`);
  return stdout.trim();
}

/** What comes of a `join` by the native dialect; the connection ends with the test. */
async function join(t, data, options = {}) {
  const socket = io(server.url, { transports: ['websocket'], forceNew: true, ...options });
  t.after(() => socket.disconnect());
  return { socket, reply: await socket.timeout(10_000).emitWithAck('join', data) };
}

const me = ({ result: { id, participants } }) => participants.find((member) => member.id === id);
const get = (path, token) => fetch(`${server.url}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {} });

test("a token of LiveKit's SDK for Node lets in, as who and what it says", async (t) => {
  const token = await mint('u7', { room: 'node', roomJoin: true, canPublishSources: [TrackSource.MICROPHONE] }, { name: 'Ann' });
  const { reply } = await join(t, { room: 'node', name: 'Mallory', token });
  assert.deepEqual([me(reply).name, me(reply).identity, me(reply).role], ['Ann', 'u7', 'participant']);
  const admin = await mint('boss', { room: 'node', roomJoin: true, roomAdmin: true });
  assert.equal(me((await join(t, { room: 'node', name: 'x', token: admin })).reply).role, 'moderator');
  const elsewhere = await mint('u8', { room: 'other', roomJoin: true });
  assert.equal((await join(t, { room: 'node', name: 'x', token: elsewhere })).reply.error.code, 'forbidden');
  const forged = new AccessToken(KEY, 'some other secret of 32 characters', { identity: 'u9' });
  forged.addGrant({ room: 'node', roomJoin: true });
  assert.equal((await join(t, { room: 'node', name: 'x', token: await forged.toJwt() })).reply.error.code, 'bad_token');
  // As its clients of egress and of rooms ask.
  assert.equal((await get('/api/v1/rooms/node/outputs', await mint(undefined, { roomRecord: true }))).status, 200);
  assert.equal((await get('/api/v1/recordings', await mint(undefined, { roomList: true }))).status, 200);
  assert.equal((await get('/api/v1/rooms/node/outputs', token)).status, 403);
  assert.equal((await get('/api/v1/rooms/node/outputs')).status, 401);
});

test("a token of LiveKit's SDK for Python does, too", async (t) => {
  const token = mintByPython('u7', { room: 'python', room_join: true, can_publish: false });
  const { reply } = await join(t, { room: 'python', name: 'Mallory', token });
  assert.deepEqual([me(reply).name, me(reply).identity, me(reply).role], ['u7 by Python', 'u7', 'viewer']);
  assert.equal((await get('/api/v1/rooms/python/outputs', mintByPython('bot', { room: 'python', room_admin: true }))).status, 200);
});

test('a client that has no word for it brings the token when it connects', async (t) => {
  const token = await mint('u7', { room: 'old', roomJoin: true });
  const socket = io(server.url, { transports: ['polling'], forceNew: true, auth: { token } });
  t.after(() => socket.disconnect());
  const welcome = new Promise((resolve) => socket.on('message', resolve));
  socket.emit('message', { event: 'joinRoom', userName: 'Ann', roomName: 'old' });
  assert.equal((await welcome).event, 'existingParticipants');
});

test('the page takes the token out of its address and brings it where it is needed', async (t) => {
  const page = await newPage(t, chromium);
  const token = await mint('boss', { room: 'page', roomJoin: true, roomAdmin: true }, { name: 'Boss' });
  await page.goto(`${server.url}/?room=page&token=${token}`);
  await until('the address to be clean', () => !page.url().includes(token));
  assert.ok(page.url().includes('room=page'));
  assert.equal(await page.inputValue('#name'), 'Boss');
  // It outlives a reload, and not the tab.
  await page.reload();
  await page.waitForSelector('#join:not([disabled])');
  await page.click('#join');
  await page.waitForSelector('#call', { state: 'visible' });
  assert.equal(await page.evaluate(() => window.plenum.self.role), 'moderator');
  await page.click('#director');
  // What the director's panel shows was asked for with the token.
  await page.waitForSelector('#director-dialog', { state: 'visible' });
  await until('the mixes to be listed', () => page.evaluate(async () => document.querySelector('#director-dialog').textContent.includes('default')));
  const other = await page.context().newPage();
  await other.goto(`${server.url}/recordings?token=${await mint('bot', { room: 'page', roomRecord: true })}`);
  await until('the list', async () => (await other.textContent('#words')).includes('no recordings'));
  assert.ok(!other.url().includes('token'));
});

test('who comes without a token is told so', async (t) => {
  const page = await newPage(t, chromium);
  await page.goto(`${server.url}/?room=page&name=Eve`);
  await page.waitForSelector('#join:not([disabled])');
  await page.click('#join');
  await until('words', async () => (await page.textContent('#lobby-words')).includes('asks for a token'));
  await page.goto(`${server.url}/recordings`);
  await until('words', async () => (await page.textContent('#words')).includes('asks for a token'));
});
