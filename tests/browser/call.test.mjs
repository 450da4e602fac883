// People at the page, in real browsers.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { hasTiles, join, seesAndHears, sends, stats } from './call.mjs';
import { keepComplaints, newPage, startChromium, startFirefox, startServer, until } from './lab.mjs';
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
  const page = await newPage(t, chromium, { camera: 'real' });
  await join(page, server, 'wide', 'publisher');
  await sends(page);
  let available = 0;
  await until(
    'available bitrate above 2.5 Mbit/s',
    async () => {
      const pairs = await stats(page, 'send', 'candidate-pair');
      available = Math.max(...pairs.map((pair) => pair.availableOutgoingBitrate ?? 0));
      return available > 2_500_000;
    },
    4_000,
  ).catch((error) => assert.fail(`${error.message}; had ${available}`));
  t.diagnostic(`${(available / 1e6).toFixed(1)} Mbit/s`);
});

test('answers and pictures come quickly', async (t) => {
  const { answer, picture } = await quickness(t, server, chromium, 7);
  t.diagnostic(`offer to answer ${answer.toFixed(1)} ms, to the first picture ${picture.toFixed(0)} ms`);
  // Generous: debug build, and machines that do other things too. `npm run report` gives the figures.
  assert.ok(answer < 300, `${answer} ms to the answer`);
  assert.ok(picture < 2000, `${picture} ms to the first picture`);
});
