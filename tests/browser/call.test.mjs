// People at the page, in real browsers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { hasTiles, join, seesAndHears, sends, stats } from './call.mjs';
import { keepComplaints, median, newPage, startChromium, startFirefox, startServer, until } from './lab.mjs';
import { quickness } from './report.mjs';

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

test('three people see and hear each other, and one who leaves is gone', async (t) => {
  const pages = await Promise.all([1, 2, 3].map(() => newPage(t, chromium)));
  for (const [index, page] of pages.entries()) await join(page, server, 'three', `person ${index}`);
  await Promise.all(pages.map((page) => seesAndHears(page, 2)));

  await pages[2].click('#leave');
  await Promise.all(pages.slice(0, 2).map((page) => hasTiles(page, 1)));
  await Promise.all(pages.slice(0, 2).map((page) => seesAndHears(page, 1)));

  // And one who just closes the page.
  await pages[1].context().close();
  await hasTiles(pages[0], 0);
});

test('a Firefox takes part', async (t) => {
  const firefox = await startFirefox();
  t.after(() => firefox.close());
  const page = await newPage(t, chromium);
  const fox = keepComplaints(await firefox.newPage());
  await join(page, server, 'fox', 'before');
  await join(fox, server, 'fox', 'fox');
  const later = await newPage(t, chromium);
  await join(later, server, 'fox', 'after');
  await Promise.all([page, later, fox].map((each) => seesAndHears(each, 2)));
  await fox.close();
  await Promise.all([page, later].map((each) => hasTiles(each, 1)));
});

test('markup in a name is shown as text', async (t) => {
  const name = '<img src=x onerror="window.harmed=1">';
  const [watcher, joker] = await Promise.all([newPage(t, chromium), newPage(t, chromium)]);
  await join(watcher, server, 'markup', 'watcher');
  await join(joker, server, 'markup', name);
  await hasTiles(watcher, 1);
  const shown = await watcher.textContent('#stage .tile:not(.self) .who');
  assert.ok(shown.includes('<img'), shown);
  assert.equal(await watcher.evaluate(() => window.harmed), undefined);
});

test('a publisher has more than 2.5 Mbit/s within four seconds', async (t) => {
  // Somebody looks, with room for the whole picture: a camera for nobody rests, and one for a thumbnail asks for little.
  const viewer = await newPage(t, chromium, { camera: 'none' });
  await viewer.setViewportSize({ width: 1280, height: 800 });
  await join(viewer, server, 'wide', 'viewer');
  // The browser probes once, in its first moments: on a machine that stutters just then it finds less.
  const found = [];
  for (const name of ['first', 'second', 'third']) {
    const page = await newPage(t, chromium, { camera: 'real' });
    await join(page, server, 'wide', name);
    await sends(page);
    found.push(await bitrateWithin(page, 4_000));
    await page.close();
  }
  t.diagnostic(`${found.map((bits) => (bits / 1e6).toFixed(1))} Mbit/s`);
  assert.ok(median(found) > 2_500_000, `${found} bit/s`);
});

/** The most that a browser found that it may send, in bit/s. */
async function bitrateWithin(page, milliseconds) {
  let most = 0;
  const end = performance.now() + milliseconds;
  const enough = async () => {
    const pairs = await stats(page, 'send', 'candidate-pair');
    most = Math.max(most, ...pairs.map((pair) => pair.availableOutgoingBitrate ?? 0));
    return most > 2_500_000 || performance.now() > end;
  };
  await until('a bitrate', enough);
  return most;
}

test('answers and pictures come quickly', async (t) => {
  const { answer, picture } = await quickness(t, server, chromium, 7);
  t.diagnostic(`offer to answer ${answer.toFixed(1)} ms, to the first picture ${picture.toFixed(0)} ms`);
  // Generous: debug build, and machines that do other things too. `npm run report` gives the figures.
  assert.ok(answer < 300, `${answer} ms to the answer`);
  assert.ok(picture < 2000, `${picture} ms to the first picture`);
});
