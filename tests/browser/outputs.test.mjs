// A call that is given away while it happens: by HLS to a player in another browser, and by RTMP to a server.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { join, seesAndHears } from './call.mjs';
import { newPage, startChromium, startServer, until } from './lab.mjs';

const run = promisify(execFile);
const PLAYER = fileURLToPath(new URL('../node_modules/hls.js/dist/hls.min.js', import.meta.url));
let server;
let chromium;
let folder;

before(async () => {
  server = await startServer();
  chromium = await startChromium(server.url);
  folder = await mkdtemp(path(tmpdir(), 'plenum-'));
});
after(async () => {
  await chromium?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const outputs = '/api/v1/rooms/studio/outputs';

async function ask(method, address, body) {
  const response = await fetch(server.url + address, { method, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

test('a call is watched by HLS, close behind, and pushed by RTMP, and its key is told to nobody', async (t) => {
  assert.equal((await ask('POST', outputs, { kind: 'hls' })).status, 404, 'nobody is there');
  const pages = await Promise.all([1, 2].map(() => newPage(t, chromium)));
  for (const [index, page] of pages.entries()) await join(page, server, 'studio', `guest ${index}`);
  await Promise.all(pages.map((page) => seesAndHears(page, 1)));

  const port = await freePort();
  const file = path(folder, 'pushed.mkv');
  const url = `rtmp://127.0.0.1:${port}/live/s3cret`;
  const receiver = spawn('ffmpeg', ['-v', 'error', '-listen', '1', '-i', url, '-t', '4', '-c', 'copy', file], { stdio: 'ignore' });
  t.after(() => receiver.kill('SIGKILL'));
  const ended = once(receiver, 'exit');
  for (const bad of [{ kind: 'push' }, { kind: 'push', url: 'http://127.0.0.1/s3cret' }, { kind: 'hls', layout: 'mosaic' }, { kind: 'fax' }]) {
    const { status, body } = await ask('POST', outputs, bad);
    assert.deepEqual([status, body.code], [400, 'bad_output'], JSON.stringify(body));
  }
  const pushed = await ask('POST', outputs, { kind: 'push', url });
  const served = await ask('POST', outputs, { kind: 'hls' });
  assert.deepEqual([pushed.status, served.status], [201, 201], JSON.stringify([pushed, served]));
  assert.equal(served.body.url, '/hls/studio/default/index.m3u8');
  assert.equal((await ask('POST', outputs, { kind: 'hls' })).status, 409, 'one serves as many as come');

  const context = await chromium.newContext({ bypassCSP: true });
  t.after(() => context.close());
  const viewer = await context.newPage();
  await viewer.goto(`${server.url}/recordings`);
  await viewer.addScriptTag({ path: PLAYER });
  await until('the stream to begin', async () => (await fetch(server.url + served.body.url)).ok);
  await viewer.evaluate((address) => {
    const video = Object.assign(document.createElement('video'), { muted: true, id: 'watched' });
    document.body.append(video);
    window.player = new window.Hls({ lowLatencyMode: true });
    window.errors = [];
    window.player.on(window.Hls.Events.ERROR, (_, data) => data.fatal && window.errors.push(data.details));
    window.player.loadSource(address);
    window.player.attachMedia(video);
    window.player.on(window.Hls.Events.MANIFEST_PARSED, () => video.play());
  }, served.body.url);
  await until('six seconds to be watched', () => viewer.evaluate(() => document.querySelector('#watched').currentTime - (window.began ??= document.querySelector('#watched').currentTime) > 6));
  const watched = await viewer.evaluate(() => {
    const video = document.querySelector('#watched');
    const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
    return { width: video.videoWidth, frames: totalVideoFrames - droppedVideoFrames, latency: window.player.latency, errors: window.errors };
  });
  t.diagnostic(`HLS is ${watched.latency.toFixed(2)} s behind; ${watched.frames} pictures`);
  assert.deepEqual([watched.width, watched.errors], [1280, []]);
  assert.ok(watched.frames > 60, `${watched.frames} pictures in six seconds`);
  assert.ok(watched.latency < 6, `${watched.latency} s behind`);

  await ended;
  const show = ['-v', 'error', '-of', 'json', '-count_frames', '-show_entries', 'stream=codec_name,nb_read_frames'];
  const { stdout } = await run('ffprobe', [...show, file]);
  const frames = Object.fromEntries(JSON.parse(stdout).streams.map((stream) => [stream.codec_name, Number(stream.nb_read_frames)]));
  assert.ok(frames.h264 > 60 && frames.aac > 100, JSON.stringify(frames));

  // The receiver has gone: it is tried again, and the stream goes on.
  const gone = await until('the push to fail', async () => {
    const { body } = await ask('GET', `${outputs}/${pushed.body.id}`);
    return body.state === 'waiting' && body;
  });
  assert.ok(gone.error && gone.retries >= 1 && gone.bytes > 0, JSON.stringify(gone));
  const all = await ask('GET', outputs);
  assert.deepEqual(all.body.outputs.map((output) => output.kind), ['rtmp', 'hls']);
  assert.ok(!JSON.stringify([pushed, all, gone]).includes('s3cret') && !server.log().includes('s3cret'), 'a key is a secret');
  const later = await viewer.evaluate(() => document.querySelector('#watched').currentTime);
  await until('the stream to go on', () => viewer.evaluate((later) => document.querySelector('#watched').currentTime > later + 1, later));

  const list = await fetch(`${server.url}/hls/studio/default/media.m3u8`);
  assert.match(list.headers.get('cache-control'), /no-cache/);
  const part = (await list.text()).match(/#EXT-X-PART:.*URI="([^"]+)"/)[1];
  const kept = await fetch(`${server.url}/hls/studio/default/${part}`);
  assert.match(kept.headers.get('cache-control'), /immutable/);
  assert.equal((await fetch(`${server.url}/hls/studio/default/media.m3u8?_HLS_msn=999999`)).status, 400);
  for (const output of [pushed, served]) {
    const stopped = await ask('DELETE', `${outputs}/${output.body.id}`);
    assert.deepEqual([stopped.status, stopped.body.state], [200, 'ended'], JSON.stringify(stopped));
  }
  assert.equal((await ask('DELETE', `${outputs}/${served.body.id}`)).status, 404);
  await until('the stream to be gone', async () => (await fetch(server.url + served.body.url)).status === 404);
});
