// The page of recordings, on recordings of calls in Chromium.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { accessible } from './access.mjs';
import { join, seesAndHears } from './call.mjs';
import { newPage, startChromium, startServer, until } from './lab.mjs';

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

/** Records a call of two for some seconds, in which the host writes something; gives what the server says of it. */
async function record(t, room, format = {}) {
  const [host, guest] = await Promise.all([newPage(t, chromium), newPage(t, chromium)]);
  await join(host, server, room, 'host');
  await join(guest, server, room, '<b>guest</b>');
  await Promise.all([host, guest].map((page) => seesAndHears(page, 1)));
  const start = await fetch(`${server.url}/api/v1/rooms/${room}/recordings`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(format),
  });
  assert.equal(start.status, 201);
  const { id } = await start.json();
  await host.waitForSelector('#recording-badge', { state: 'visible' });
  await until('three seconds of recording', async () => (await host.textContent('#recording-time')) >= '0:03');
  await host.click('#chat');
  await host.fill('#chat-text', 'see <i>this</i>');
  await host.press('#chat-text', 'Enter');
  await until('another second', async () => (await host.textContent('#recording-time')) >= '0:04');
  const stop = await fetch(`${server.url}/api/v1/recordings/${id}/stop`, { method: 'POST' });
  assert.equal((await stop.json()).state, 'complete');
  return id;
}

const cards = (page) => page.locator('#shelf .card').count();
const says = (page, part) => until(`the page to say ${part}`, async () => (await page.textContent('#words')).includes(part));

/** The link on the card gives the file as it lies on the server, byte by byte. */
async function downloads(page, id) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#shelf a[download]')]);
  assert.equal(download.suggestedFilename(), `${id}.mp4`);
  const bytes = await readFile(await download.path());
  const file = await fetch(`${server.url}/api/v1/recordings/${id}/file`);
  assert.ok(bytes.equals(Buffer.from(await file.arrayBuffer())), 'the same bytes');
  const known = await until('a checksum', async () => (await (await fetch(`${server.url}/api/v1/recordings/${id}`)).json()).files[0].sha256);
  assert.equal(createHash('sha256').update(bytes).digest('hex'), known);
}

/** Each line of what happened has a mark on the time line, where it happened. */
async function marked(page, id, count) {
  const { events, durationMs } = await (await fetch(`${server.url}/api/v1/recordings/${id}/manifest`)).json();
  const marks = await page.$$eval('#track i', (all) => {
    const track = all[0].parentElement.getBoundingClientRect();
    const middle = (mark) => mark.getBoundingClientRect().x + mark.getBoundingClientRect().width / 2;
    return all.map((mark) => ({ type: mark.className, at: (middle(mark) - track.x) / track.width, seen: mark.getBoundingClientRect().height > 4 }));
  });
  assert.equal(marks.length, count);
  assert.ok(marks.every(({ at, seen }) => seen && at >= -0.01 && at <= 1.01), JSON.stringify(marks));
  const of = (type) => marks.filter((mark) => mark.type === type).map(({ at }) => at);
  const wanted = events.filter(({ type }) => type === 'chat').map(({ atMs }) => atMs / durationMs);
  assert.equal(wanted.length, 1);
  assert.equal(of('chat').length, 1);
  assert.ok(wanted[0] > 0.5 && Math.abs(of('chat')[0] - wanted[0]) < 0.02, `marked at ${of('chat')}, said at ${wanted}`);
  assert.ok(of('joined').length === 2 && of('joined').every((at) => at < 0.02), JSON.stringify(marks));
}

test('recordings are found, watched with what happened in them, and deleted', async (t) => {
  const id = await record(t, 'studio');
  const page = await newPage(t, chromium);
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.goto(`${server.url}/recordings`);
  await says(page, '1 recording');
  await until('a picture of it', () => page.$eval('#shelf img', (image) => image.complete && image.naturalWidth === 320));
  const { durationMs } = await (await fetch(`${server.url}/api/v1/recordings/${id}`)).json();
  assert.ok(durationMs > 3_000 && durationMs < 10_000, `it lasts ${durationMs} ms`);
  assert.equal(await page.textContent('#shelf .length'), `0:0${Math.floor(durationMs / 1000)}`);
  assert.equal(await page.textContent('#shelf .who'), 'host, <b>guest</b>');
  assert.equal(await page.isVisible('#shelf .state'), false, 'what is complete needs no words');
  await accessible(page);
  await downloads(page, id);

  await page.click('#shelf .poster');
  const video = '#player video';
  await until('it to play', () => page.$eval(video, (media) => media.currentTime > 0.5 && media.videoWidth === 1280));
  const lines = () => page.$$eval('#moments li', (all) => all.map((line) => line.textContent));
  await until('what happened', async () => (await lines()).length >= 3);
  const all = await lines();
  assert.ok(all.includes('0:00host joined') && all.includes('0:00<b>guest</b> joined'), all.join(' | '));
  const said = all.findIndex((line) => /^0:0[3-5]host: see <i>this<\/i>$/.test(line));
  assert.ok(said >= 0, all.join(' | '));
  await marked(page, id, all.length);
  await page.$eval(video, (media) => media.pause());
  await page.click(`#moments li:nth-child(${said + 1}) button`);
  await until('the player to be there', () => page.$eval(video, (media) => media.currentTime > 2.9 && !media.seeking));
  await accessible(page);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator(video).count(), 0, 'nothing is loaded any more');

  await page.fill('#room', 'elsewhere');
  await page.press('#room', 'Enter');
  await says(page, 'no recordings');
  assert.equal(await cards(page), 0);
  assert.ok(page.url().endsWith('?room=elsewhere'), page.url());
  await page.goBack();
  await says(page, '1 recording');

  await page.click('#shelf .delete');
  await page.click('#deletion .choices >> text=Keep it');
  assert.equal(await cards(page), 1);
  await page.click('#shelf .delete');
  await accessible(page);
  await page.click('#delete');
  await says(page, 'deleted');
  assert.equal(await cards(page), 0);
  assert.equal((await fetch(`${server.url}/api/v1/recordings/${id}`)).status, 404);
  assert.deepEqual(page.complaints, []);
});

test('of a recording of everybody alone one chooses whom to watch, at the same moment', async (t) => {
  const id = await record(t, 'alone', { kind: 'individual' });
  const page = await newPage(t, chromium);
  await page.setViewportSize({ width: 1100, height: 800 });
  await page.goto(`${server.url}/recordings?room=alone`);
  await says(page, '1 recording');
  await page.click('#shelf .poster');
  const video = '#player video';
  const plays = (after) => until('it to play', () => page.$eval(video, (media, after) => media.currentTime > after && media.videoWidth > 0, after));
  await plays(0.5);
  const names = await page.$$eval('#player-file option', (all) => all.map((option) => option.textContent));
  assert.deepEqual([...names].sort(), ['<b>guest</b>', 'host']);
  const file = () => page.$eval(video, (media) => media.src);
  const first = await file();
  await page.$eval(video, (media) => { media.pause(); media.currentTime = 2; });
  await page.selectOption('#player-file', { label: names[1] });
  assert.notEqual(await file(), first);
  await plays(1.7);
  await accessible(page);
  const size = await page.$eval(video, (media) => [media.videoWidth, media.videoHeight]);
  const { files } = await (await fetch(`${server.url}/api/v1/recordings/${id}`)).json();
  assert.ok(files.length === 2 && size[0] >= 160, `${size}`);
});

test('many recordings come page by page, also on a phone', async (t) => {
  const page = await newPage(t, chromium);
  await page.setViewportSize({ width: 360, height: 700 });
  const words = {
    complete: '', failed: 'Failed; what was recorded before plays', recovered: 'Recovered after the server stopped', recording: 'Recording now',
    paused: 'Recording, paused', interrupted: 'Cut off when the server stopped',
  };
  const all = Array.from({ length: 30 }, (_, at) => ({
    id: `r${at}`, room: `room-${'x'.repeat(at)}`, kind: at % 3 === 0 ? 'audio' : 'mixed', container: 'mp4', startedAt: 1e12 + at, durationMs: at * 61_000,
    bytes: at * 1e6, state: Object.keys(words)[at % 6], error: null, participants: [],
    files: Array.from({ length: at % 4 }, (_, file) => ({
      name: `r${at}-${file}.mp4`, streams: [{ codec: 'h264', participant: `p${file}`, source: 'camera' }], startMs: 0,
      durationMs: at * 61_000, bytes: at * 1e6, sha256: null,
    })),
  }));
  await page.route('**/api/v1/recordings?*', (route) => {
    const cursor = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0);
    const limit = Number(new URL(route.request().url()).searchParams.get('limit'));
    const end = cursor + limit;
    route.fulfill({ json: { recordings: all.slice(cursor, end), next: end < all.length ? String(end) : null } });
  });
  await page.goto(`${server.url}/recordings`);
  await says(page, '24 recordings, and there are more');
  await page.click('#more');
  await says(page, '30 recordings');
  assert.equal(await cards(page), 30);
  assert.equal(await page.isVisible('#more'), false);
  const told = await page.$$eval('.card .state', (lines) => lines.map((line) => (line.hidden ? '' : line.textContent)));
  assert.deepEqual(told, all.map(({ state }) => words[state]));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  assert.equal(await page.locator('.card').nth(3).locator('.delete').isDisabled(), true, 'what runs is not deleted');
});

test('what became of a recording elsewhere is told, and what is no longer here is not offered', async (t) => {
  const page = await newPage(t, chromium);
  const location = `s3://films/of/rooms/${'r'.repeat(26)}/`;
  const upload = (state, more = {}) => ({ state, location, uploadedAt: null, localDeleted: false, ...more });
  const uploads = [
    upload('done', { localDeleted: true }), upload('done'), upload('pending'), upload('pending', { error: 'no answer' }), upload('failed', { error: 'no answer' }), null,
  ];
  const file = (name) => ({ name, streams: [{ codec: 'vp8', participant: null, source: null }], startMs: 0, durationMs: 61_000, bytes: 1e6, sha256: null });
  const recordings = uploads.map((each, at) => ({
    id: `r${at}`, room: `room-${at}`, kind: 'individual', container: 'webm', startedAt: 1e12 - at, durationMs: 61_000, bytes: 2e6, state: 'complete',
    error: null, participants: [], files: [file(`r${at}-1.webm`), file(`r${at}-2.webm`)], upload: each,
  }));
  await page.route('**/api/v1/recordings?*', (route) => route.fulfill({ json: { recordings, next: null } }));
  await page.setViewportSize({ width: 360, height: 700 });
  await page.goto(`${server.url}/recordings`);
  await says(page, '6 recordings');
  const told = await page.$$eval('.card .copy', (all) => all.map((line) => (line.hidden ? '' : line.textContent)));
  const tried = 'The upload failed and is tried again';
  assert.deepEqual(told, [`Moved to ${location}`, `Copied to ${location}`, 'To be uploaded', tried, 'The upload was given up', '']);
  const links = await page.$$eval('.card', (all) => all.map((one) => one.querySelectorAll('a').length));
  assert.deepEqual(links, [0, 2, 2, 2, 2, 2]);
  const still = await page.$$eval('.card .poster', (all) => all.map((one) => one.disabled));
  assert.deepEqual(still, [true, false, false, false, false, false]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  await accessible(page);
  await page.locator('.card').first().locator('.delete').click();
  assert.ok((await page.textContent('#deletion-words')).includes(`Its copy in ${location} stays.`));
});
