// Shows a room in Chromium at 1280x720 and lets ffmpeg capture and encode it at 30 pictures a second, with the settings of
// pipelines/encode/h264.launch. On a screen of Xvfb if that is installed, otherwise headless, by the pictures of the
// DevTools protocol. It says so as a line of JSON when all runs, and goes on until its input ends. Started by rival.rs.
//
// Sound is left out: it would only add to what this takes.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const [url, room] = process.argv.slice(2);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ENCODE = ['-an', '-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency', '-b:v', '2500k', '-g', '30', '-threads', '2', '-pix_fmt', 'yuv420p'];
const SIZE = { width: 1280, height: 720 };

const say = (words) => console.log(JSON.stringify(words));
const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const ending = [];

async function screen() {
  const xvfb = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', `${SIZE.width}x${SIZE.height}x24`, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  ending.push(() => xvfb.kill());
  const [number] = await once(xvfb.stdio[3], 'data');
  return `:${String(number).trim()}`;
}

function encoder(input, display) {
  const env = display ? { ...process.env, DISPLAY: display } : process.env;
  const child = spawn('ffmpeg', ['-v', 'error', '-nostats', '-progress', 'pipe:1', ...input, ...ENCODE, '-f', 'mp4', '-movflags', 'frag_keyframe+empty_moov', '-y', '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.pictures = 0;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    for (const [, count] of text.matchAll(/frame=\s*(\d+)/g)) child.pictures = Number(count);
  });
  ending.push(() => child.kill());
  return child;
}

async function show(chromium, display) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: !display,
    env: display ? { ...process.env, DISPLAY: display } : process.env,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--no-first-run',
      '--autoplay-policy=no-user-gesture-required',
      `--unsafely-treat-insecure-origin-as-secure=${url}`,
      ...(display ? ['--kiosk', '--window-position=0,0', `--window-size=${SIZE.width},${SIZE.height}`] : ['--headless=new']),
    ],
  });
  ending.push(() => browser.close());
  const context = await browser.newContext({ viewport: SIZE });
  const page = await context.newPage();
  // Somebody who only watches.
  await page.addInitScript(() => {
    if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('none', 'NotFoundError'); };
  });
  await page.goto(url);
  await page.waitForSelector('#join');
  await page.fill('#name', 'recorder');
  await page.fill('#room', room);
  await page.click('#join');
  // The page asks whether one really wants to be neither seen nor heard.
  await page.click('#join:has-text("Join without")');
  await page.waitForFunction(() => window.plenum.state === 'joined');
  const others = () => [...document.querySelectorAll('#stage .tile:not(.self) video')].filter((video) => video.videoWidth > 0).length >= 4;
  await page.waitForFunction(others, undefined, { timeout: 60_000 }).catch(async () => {
    const seen = () => [...document.querySelectorAll('#stage .tile')].map((tile) => `${tile.className} ${[...tile.querySelectorAll('video')].map((video) => `${video.videoWidth} ${video.readyState}`)}`);
    throw new Error(`the room is not seen within a minute, but ${JSON.stringify(await page.evaluate(seen))}`);
  });
  return page;
}

async function main() {
  const modules = createRequire(new URL('../../tests/package.json', import.meta.url));
  if (!existsSync(CHROMIUM)) throw new Error(`there is no ${CHROMIUM}`);
  const { chromium } = modules('playwright-core');
  const display = has('Xvfb') ? await screen() : undefined;
  const page = await show(chromium, display);
  let child;
  if (display) {
    child = encoder(['-f', 'x11grab', '-framerate', '30', '-video_size', `${SIZE.width}x${SIZE.height}`, '-i', display], display);
  } else {
    child = encoder(['-f', 'image2pipe', '-c:v', 'mjpeg', '-use_wallclock_as_timestamps', '1', '-i', '-', '-vf', 'fps=30']);
    const devtools = await page.context().newCDPSession(page);
    devtools.on('Page.screencastFrame', ({ data, sessionId }) => {
      child.stdin.write(Buffer.from(data, 'base64'));
      devtools.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
    });
    await devtools.send('Page.startScreencast', { format: 'jpeg', quality: 90, maxWidth: SIZE.width, maxHeight: SIZE.height });
  }
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  const [begun, before] = [performance.now(), child.pictures];
  say({ encoder: child.pid, method: display ? 'Xvfb and x11grab' : 'the screencast of DevTools' });
  process.stdin.resume();
  await once(process.stdin, 'end');
  say({ pictures: ((child.pictures - before) * 1000) / (performance.now() - begun) });
}

try {
  await main();
} catch (error) {
  say({ error: String(error?.message ?? error).split('\n')[0] });
}
for (const end of ending.reverse()) await Promise.resolve(end()).catch(() => {});
process.exit(0);
