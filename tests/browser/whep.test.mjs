// A call is watched by WHEP: in pages of another origin that know nothing of us but the address, in Chromium and in
// Firefox. People in the call show a colour each, and all flash at each full second.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { hasTiles, join, seesAndHears, sends } from './call.mjs';
import { median, newPage, startChromium, startFirefox, startServer, until } from './lab.mjs';

const COLOURS = [[190, 30, 30], [40, 50, 200]];
const FLASH_WITHIN = 500;
const FLASHES = 12;

let server;
let elsewhere;
let chromium;
let firefox;

before(async () => {
  server = await startServer();
  // A page of somebody else's: nothing on it.
  elsewhere = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><video muted autoplay playsinline></video>'));
  elsewhere.listen(0, process.env.LAB_ADDRESS);
  await once(elsewhere, 'listening');
  elsewhere.url = `http://${process.env.LAB_ADDRESS}:${elsewhere.address().port}`;
  [chromium, firefox] = await Promise.all([startChromium(server.url), startFirefox()]);
});
after(async () => {
  await firefox?.close();
  await chromium?.close();
  elsewhere?.close();
  await server?.stop();
});

/** Runs in the page before all else: its camera is a plain colour that turns white for 150 ms at each full second. */
function paint([red, green, blue]) {
  const devices = navigator.mediaDevices;
  const open = devices?.getUserMedia.bind(devices);
  if (!open) return;
  window.painted = [];
  devices.getUserMedia = async (wanted) => {
    const stream = await open({ audio: wanted.audio ?? false, video: wanted.audio ? false : wanted.video });
    if (!wanted.video) return stream;
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const drawing = canvas.getContext('2d');
    let white = null;
    setInterval(() => {
      const now = performance.timeOrigin + performance.now();
      const flashes = now % 1000 < 150;
      if (flashes && !white) window.painted.push(now);
      white = flashes;
      drawing.fillStyle = flashes ? 'white' : `rgb(${red} ${green} ${blue})`;
      drawing.fillRect(0, 0, 640, 360);
      // A picture that never changes is not sent.
      drawing.fillStyle = `rgb(${Math.random() * 255} 0 0)`;
      drawing.fillRect(0, 0, 8, 8);
    }, 20);
    return new MediaStream([...stream.getAudioTracks(), ...canvas.captureStream(30).getVideoTracks()]);
  };
}

/** Runs in a page: watches, and notes what it sees. What any page would do, and no more. */
async function watch(address) {
  const pc = new RTCPeerConnection();
  const seen = (window.seen = { pc, colours: [], flashes: [], frames: 0 });
  const candidates = [];
  pc.onicecandidate = ({ candidate }) => candidates.push(candidate);
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  const video = document.querySelector('video');
  pc.ontrack = ({ streams: [stream] }) => (video.srcObject = stream);
  await pc.setLocalDescription();
  const headers = { 'content-type': 'application/sdp' };
  const response = await fetch(address, { method: 'POST', headers, body: pc.localDescription.sdp });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  seen.session = new URL(response.headers.get('location'), address).href;
  await pc.setRemoteDescription({ type: 'answer', sdp: answer });
  const lines = candidates.filter((candidate) => candidate?.candidate).map((candidate) => `a=${candidate.candidate}\r\n`);
  if (lines.length > 0) {
    const fragment = `m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n${lines.join('')}`;
    const trickle = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': response.headers.get('etag') };
    seen.trickled = (await fetch(seen.session, { method: 'PATCH', headers: trickle, body: fragment })).status;
  }
  const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  let white = true;
  const look = () => {
    const now = performance.timeOrigin + performance.now();
    drawing.drawImage(video, 0, 0, 64, 36);
    const pixel = (x) => [...drawing.getImageData(x, 18, 1, 1).data.slice(0, 3)];
    const colours = [pixel(16), pixel(48)];
    const flashes = colours.every((colour) => colour.every((part) => part > 200));
    if (flashes && !white) seen.flashes.push(now);
    white = flashes;
    if (!flashes) seen.colours = colours;
    seen.frames += 1;
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
}

/** What a viewer has received by its own account. */
async function received(page) {
  return page.evaluate(async () => {
    const report = [...(await window.seen.pc.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
    const of = (kind) => report.find((entry) => entry.kind === kind) ?? {};
    const codec = [...(await window.seen.pc.getStats()).values()].find(({ id }) => id === of('video').codecId)?.mimeType;
    const { framesDecoded = 0, packetsLost = 0 } = of('video');
    return { codec, framesDecoded, packetsLost, energy: of('audio').totalAudioEnergy ?? 0, level: of('audio').audioLevel ?? 0 };
  });
}

/** Waits until both people are seen beside each other and heard. */
async function seesBoth(page) {
  const close = (one, other) => one?.every((part, index) => Math.abs(part - other[index]) < 40);
  let colours;
  const seen = async () => {
    colours = await page.evaluate(() => window.seen.colours);
    return COLOURS.every((colour) => colours.some((other) => close(other, colour)));
  };
  await until('both colours', seen).catch((error) => Promise.reject(new Error(`${error.message}: ${JSON.stringify(colours)}`)));
  await until('sound', async () => (await received(page)).energy > 0);
}

test('a call is watched from elsewhere in Chromium and Firefox, soon, until each viewer has enough', async (t) => {
  const people = await Promise.all([0, 1].map(() => newPage(t, chromium, { camera: 'real' })));
  for (const [index, page] of people.entries()) {
    await page.addInitScript(paint, COLOURS[index]);
    await join(page, server, 'stage', `person ${index}`);
  }
  await Promise.all(people.map(sends));
  await Promise.all(people.map((page) => seesAndHears(page, 1)));

  const address = `${server.url}/whep/stage/default`;
  const pages = [await newPage(t, chromium), await newPage(t, chromium), await firefox.newPage()];
  for (const page of pages) {
    await page.goto(elsewhere.url);
    await page.evaluate(watch, address);
  }
  for (const page of pages) await seesBoth(page);
  const [first, second, fox] = await Promise.all(pages.map(received));
  t.diagnostic(`Chromium ${first.codec}, Firefox ${fox.codec}`);
  assert.equal(first.codec, second.codec);
  const encodes = server.log().split('\n').filter((line) => line.includes('a mix is broadcast')).length;
  assert.equal(encodes, first.codec === fox.codec ? 1 : 2, 'one encode for all who take it');

  await until('flashes', async () => (await pages[0].evaluate(() => window.seen.flashes.length)) >= FLASHES);
  const painted = await people[0].evaluate(() => window.painted);
  for (const [page, name] of [[pages[0], 'Chromium'], [pages[2], 'Firefox']]) {
    const flashes = await page.evaluate(() => window.seen.flashes);
    const delays = flashes.map((seen) => Math.round(seen - Math.max(...painted.filter((at) => at < seen))));
    t.diagnostic(`from a flash in the call to its sight in ${name}: median ${median(delays)} ms of ${delays}`);
    if (name === 'Chromium') assert.ok(median(delays) <= FLASH_WITHIN, `${delays}`);
  }

  const ended = await pages[0].evaluate(async () => (await fetch(window.seen.session, { method: 'DELETE' })).status);
  assert.equal(ended, 200);
  const { framesDecoded: before } = await received(pages[1]);
  await until('the others to go on', async () => (await received(pages[1])).framesDecoded > before + 30);
  const { framesDecoded: then } = await received(pages[0]);
  await until('the others to go on', async () => (await received(pages[1])).framesDecoded > before + 60);
  assert.equal((await received(pages[0])).framesDecoded, then, 'who has ended sees nothing more');
  await hasTiles(people[0], 1);
});
