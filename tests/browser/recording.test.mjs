// The Record button.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { join, seesAndHears } from './call.mjs';
import { newPage, startChromium, startServer, until } from './lab.mjs';

const run = promisify(execFile);
let server;
let chromium;

before(async () => {
  server = await startServer();
  chromium = await startChromium(server.url);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

test('recording is shown to everyone, also to those who come later, may be held, and its file downloads', async (t) => {
  const [host, guest, late] = await Promise.all([1, 2, 3].map(() => newPage(t, chromium)));
  await join(host, server, 'studio', 'host');
  await join(guest, server, 'studio', 'guest');
  await Promise.all([host, guest].map((page) => seesAndHears(page, 1)));

  await host.click('#record');
  await Promise.all([host, guest].map((page) => page.waitForSelector('#recording-badge', { state: 'visible' })));
  await join(late, server, 'studio', 'late');
  await late.waitForSelector('#recording-badge', { state: 'visible' });
  await until('five seconds of recording', async () => (await host.textContent('#recording-time')) >= '0:05');

  await host.click('#more');
  await host.click('text=Pause recording');
  for (const page of [host, guest, late]) await page.waitForSelector('text=Recording paused');
  const held = await guest.textContent('#recording-time');
  await guest.click('#more');
  await guest.click('text=Continue recording');
  await until('the clock to go on', async () => (await late.textContent('#recording-time')) > held);

  await guest.click('#record');
  const everyone = [host, guest, late];
  await Promise.all(everyone.map((page) => page.waitForSelector('#recording-badge', { state: 'hidden' })));
  const link = await host.waitForSelector('#notices a[download]');
  const [download] = await Promise.all([host.waitForEvent('download'), link.click()]);
  assert.match(download.suggestedFilename(), /\.mp4$/);

  const show = ['-v', 'error', '-of', 'json', '-show_entries', 'format=duration:stream=codec_name,codec_type'];
  const { stdout } = await run('ffprobe', [...show, await download.path()]);
  const { streams, format } = JSON.parse(stdout);
  assert.deepEqual(streams.map((stream) => stream.codec_name).sort(), ['aac', 'h264']);
  assert.ok(Number(format.duration) >= 4.5 && Number(format.duration) < 20, format.duration);
});
