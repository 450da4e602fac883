// A camera costs only while somebody looks: it rests when nobody does, sends no more than anybody shows, and is back
// before anybody minds.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { join, seesAndHears, stats } from './call.mjs';
import { median, newPage, startChromium, startServer, until } from './lab.mjs';

const BACK_WITHIN = 500;
const ROUNDS = 3;

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

/** The page's stage says what it shows; from now on we do. */
async function takeTheView(page) {
  await page.evaluate(() => {
    const setView = window.plenum.setView.bind(window.plenum);
    window.plenum.setView = () => {};
    window.look = (participant, height) => setView([{ participant, source: 'camera', height, pinned: false }]);
  });
}

/** What a page's camera is encoded at; nothing while it rests. */
async function encoded(page) {
  const sent = await stats(page, 'send', 'outbound-rtp');
  const { active, frameHeight } = sent.find(({ kind }) => kind === 'video') ?? {};
  return active ? frameHeight : 0;
}

test('a camera that nobody looks at rests, and is back within 500 ms when somebody does', async (t) => {
  const [ann, bob] = [await newPage(t, chromium), await newPage(t, chromium)];
  await join(ann, server, 'rest', 'ann');
  const id = await join(bob, server, 'rest', 'bob');
  await Promise.all([ann, bob].map((page) => seesAndHears(page, 1)));
  await takeTheView(ann);

  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await ann.evaluate((id) => window.look(id, 0), id);
    await until('the camera to rest', async () => (await encoded(bob)) === 0);
    times.push(await ann.evaluate(async (id) => {
      const start = performance.now();
      window.look(id, 180);
      const video = document.querySelector(`#stage .tile[data-participant="${id}"] video`);
      for (;;) {
        // The tile takes the track anew when its slot is named; only then do frames count.
        const track = window.plenum.participants.get(id)?.media.get('camera');
        if (track && video.srcObject?.getVideoTracks()[0] === track) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      return Math.round(performance.now() - start);
    }, id));
  }
  t.diagnostic(`back after ${times.join(', ')} ms`);
  assert.ok(median(times) <= BACK_WITHIN, `back after ${times} ms`);
});

test('a camera sends no more lines than anybody shows', async (t) => {
  const [ann, bob] = [await newPage(t, chromium), await newPage(t, chromium, { camera: 'real' })];
  await join(ann, server, 'lines', 'ann');
  const id = await join(bob, server, 'lines', 'bob');
  await Promise.all([ann, bob].map((page) => seesAndHears(page, 1)));
  await takeTheView(ann);
  await ann.evaluate((id) => window.look(id, 80), id);
  await until('a thumbnail to be sent', async () => {
    const height = await encoded(bob);
    return height > 0 && height <= 90;
  });
});
