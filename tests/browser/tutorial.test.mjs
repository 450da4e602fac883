// A page of the old kind, with kurento-utils, takes part unchanged.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';

import { join, seesAndHears } from './call.mjs';
import { newPage, startChromium, startServer } from './lab.mjs';

let server;
let chromium;
let html;
let files;

before(async () => {
  server = await startServer();
  chromium = await startChromium(server.url);
  const bundle = await build({
    entryPoints: ['kurento-utils'],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'kurentoUtils',
    // An extension for screen sharing that it tries for and does without.
    external: ['kurento-browser-extensions'],
    define: { global: 'window' },
    absWorkingDir: new URL('..', import.meta.url).pathname,
  });
  html = await text('index.html');
  files = {
    '/old/client.js': [await text('client.js'), 'text/javascript'],
    '/old/kurento-utils.js': [bundle.outputFiles[0].text, 'text/javascript'],
  };
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

test('three kurento-utils clients see and hear each other', async (t) => {
  const pages = [];
  for (const name of ['ann', 'bob', 'cyd']) pages.push(await enter(t, name, 'old'));
  await Promise.all(pages.map((page) => seesAndHears(page, 2, 'video.other')));
  metNoError(pages);
});

test('a kurento-utils client and the page share a room', async (t) => {
  const old = await enter(t, 'old', 'both');
  const page = await newPage(t, chromium);
  await join(page, server, 'both', 'new');
  await Promise.all([seesAndHears(old, 1, 'video.other'), seesAndHears(page, 1)]);
  // What we add to the protocol, and a leaver, do not trouble it.
  await page.click('#record');
  await page.waitForSelector('#recording-badge', { state: 'visible' });
  await page.click('#record');
  await page.waitForSelector('#recording-badge', { state: 'hidden' });
  await page.click('#leave');
  metNoError([old, page]);
});

async function enter(t, name, room) {
  const page = await newPage(t, chromium);
  for (const [path, [body, contentType]] of Object.entries(files)) {
    await page.route(server.url + path, (route) => route.fulfill({ body, contentType }));
  }
  // Written into a page of the server's: one that we made up would be of no network, and Chromium would keep it from
  // opening websockets into this one.
  await page.goto(`${server.url}/healthz`);
  await page.setContent(html);
  await page.evaluate(({ name, room }) => window.enter(name, room), { name, room });
  return page;
}

function metNoError(pages) {
  const errors = pages.flatMap((page) => page.complaints.filter((complaint) => /Error/.test(complaint)));
  assert.deepEqual(errors, []);
}

function text(name) {
  return readFile(new URL(`tutorial/${name}`, import.meta.url), 'utf8');
}
