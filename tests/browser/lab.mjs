// The lab for tests in JavaScript: the server and the browsers, all inside the network that common/lab.sh made.
// Whatever a test leaves running ends with that network.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

const ADDRESS = process.env.LAB_ADDRESS;
const BINARY = process.env.SERVER ?? fileURLToPath(new URL('../../target/debug/plenum', import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

/** How long anything may take before the test fails; PATIENCE_MS is for machines that do much else. */
export const PATIENCE = Number(process.env.PATIENCE_MS ?? 30_000);

if (!ADDRESS) throw new Error('These tests need a network of their own: run them by `npm test`, or under `sh common/lab.sh`.');

/** A running server: its address, and how to end it. Without `keys` everybody may do everything. */
export async function startServer({ keys } = {}) {
  const recordings = await mkdtemp(join(tmpdir(), 'plenum-'));
  const host = `${ADDRESS}:${await freePort()}`;
  const guard = keys ? Object.entries(keys).map(([name, secret]) => [`PLENUM_KEYS__${name}`, secret]) : [['PLENUM_OPEN', 'true']];
  const env = { ...process.env, ...Object.fromEntries(guard) };
  const child = spawn(BINARY, ['--listen', host, '--recordings', recordings], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log.push(text);
      if (process.env.SHOW_LOG) process.stderr.write(text);
    });
  }
  const url = `http://${host}`;
  await until(`the server to serve ${url}`, async () => {
    if (child.exitCode !== null) throw new Error(`the server ended before it served:\n${log.join('')}`);
    return (await fetch(`${url}/healthz`).catch(() => null))?.ok;
  });
  return {
    url,
    log: () => log.join(''),
    alive: () => child.exitCode === null && child.signalCode === null,
    async stop() {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
        await ended;
        clearTimeout(late);
      }
      await rm(recordings, { recursive: true, force: true });
    },
  };
}

/** Chromium with cameras and microphones that are not real: a moving picture, and a beep each second. */
export function startChromium(url, { devices = 1 } = {}) {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      `--use-fake-device-for-media-stream=fps=15,device-count=${devices}`,
      '--use-fake-ui-for-media-stream',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--autoplay-policy=no-user-gesture-required',
      // Cameras are for https and localhost; the lab's address is neither.
      `--unsafely-treat-insecure-origin-as-secure=${url}`,
    ],
  });
}

/** Firefox, likewise. */
export function startFirefox() {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.devices.insecure.enabled': true,
      'media.getusermedia.insecure.enabled': true,
      'media.autoplay.default': 0,
    },
  });
}

/**
 * A new page of Chromium that belongs to somebody else than the other pages, closed when `test` ends; its complaints
 * are kept. Its camera is small unless `camera` is `real`, or `none`: several browsers encode and decode on one machine
 * here.
 */
export async function newPage(test, browser, { camera = 'small' } = {}) {
  const context = await browser.newContext({ viewport: { width: 640, height: 480 }, acceptDownloads: true });
  test.after(() => context.close());
  if (camera === 'small') await context.addInitScript(shrinkCamera);
  if (camera === 'none') await context.addInitScript(unplugCamera);
  return keepComplaints(await context.newPage());
}

function shrinkCamera() {
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (!open) return;
  devices.getUserMedia = (wanted) =>
    open(wanted.video ? { ...wanted, video: { width: 320, height: 180, frameRate: 15 } } : wanted);
}

function unplugCamera() {
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (!open) return;
  devices.getUserMedia = async (wanted) => {
    if (wanted.video) throw new DOMException('There is no camera.', 'NotFoundError');
    return open(wanted);
  };
}

/** Collects what a page complains of in `page.complaints`. */
export function keepComplaints(page) {
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning', 'warn'].includes(message.type())) page.complaints.push(message.text());
  });
  return page;
}

/** Waits until `condition` gives something true, and gives that back. */
export async function until(what, condition, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The middle of some numbers. */
export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

async function freePort() {
  const probe = createServer().listen(0, ADDRESS);
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
