// A person at the page, in whichever browser: joins, and tells what they see and hear. Works with the pages of
// playwright and of puppeteer, which share the few calls used here.

import { PATIENCE, until } from './lab.mjs';

/** The pictures of the others. */
export const OTHERS = '#stage .tile:not(.self):not(.screen) video';

/** The tile of somebody's camera. */
export const tileOf = (id) => `#stage .tile:not(.screen)[data-participant="${id}"]`;

/** Joins a room as a person would. */
export async function join(page, server, room, name) {
  await page.goto(server.url);
  await page.waitForSelector('#join');
  await fill(page, '#name', name);
  await fill(page, '#room', room);
  await page.click('#join');
  await page.waitForFunction(() => window.plenum.state === 'joined', ...waiting(page));
  return page.evaluate(() => window.plenum.self.id);
}

/** Waits until exactly `count` others are seen moving and heard. */
export async function seesAndHears(page, count, selector = OTHERS) {
  // Not by waitForFunction: playwright takes the promise of `observe` for true.
  try {
    await until(`${count} others to be seen and heard`, () => page.evaluate(observe, { selector, count }));
  } catch (error) {
    const seen = await page.evaluate(() => JSON.stringify(window.observed?.report)).catch(() => 'nothing');
    throw new Error(`did not see and hear ${count} others; seen ${seen}; complaints ${page.complaints}`, { cause: error });
  }
}

/** Waits until there are exactly `count` tiles of others. */
export function hasTiles(page, count) {
  return page.waitForFunction(
    ({ selector, count }) => document.querySelectorAll(selector).length === count,
    ...waiting(page, { selector: OTHERS, count }),
  );
}

/** Waits until what a page sends has a path to the server. */
export function sends(page) {
  return page.waitForFunction(
    () => [...window.plenum.receivers()].some(([name, pc]) => name.startsWith('send') && pc.connectionState === 'connected'),
    ...waiting(page),
  );
}

/** The entries of one type in the reports of what we send (`send`) or receive (`receive`), or of both (no name). */
export function stats(page, name, type) {
  return page.evaluate(
    async ({ name, type }) => {
      const connections = [...window.plenum.receivers()].filter(([endpoint]) => endpoint.startsWith(name)).map(([, pc]) => pc);
      const reports = await Promise.all(connections.map((pc) => pc.getStats()));
      return reports.flatMap((report) => [...report.values()]).filter((entry) => entry.type === type);
    },
    { name, type },
  );
}

/** The arguments after the function of waitForFunction: playwright and puppeteer have them in different order. */
export function waiting(page, argument) {
  const options = { timeout: PATIENCE, polling: 100 };
  return isPlaywright(page) ? [argument, options] : [options, argument];
}

function isPlaywright(page) {
  return typeof page.context === 'function';
}

/** Writes into a field. */
export async function fill(page, selector, text) {
  if (isPlaywright(page)) return page.fill(selector, text);
  // The room may be filled in already, from the last time.
  await page.$eval(selector, (input) => (input.value = ''));
  return page.type(selector, text);
}

/** Runs in the page, again and again; gives true once all pictures move, their time goes on, and their sound was heard. */
async function observe({ selector, count }) {
  const observed = (window.observed ??= { of: new Map(), context: null, report: [] });

  // What the decoder gave; where a page does not tell, what can be heard of the stream. Firefox keeps contexts of sound
  // suspended on machines without a sound card.
  async function loudness(video, seen) {
    const id = video.closest('[data-participant]')?.dataset.participant;
    if (id) return (await window.plenum.stats(id)).audio?.level ?? 0;
    const stream = video.srcObject;
    const context = (observed.context ??= new AudioContext());
    if (!seen.analyser) {
      seen.analyser = Object.assign(context.createAnalyser(), { fftSize: 32768 });
      seen.source = context.createMediaStreamSource(stream);
      seen.source.connect(seen.analyser);
    }
    const samples = new Float32Array(seen.analyser.fftSize);
    seen.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
  }

  const videos = [...document.querySelectorAll(selector)].filter((video) => video.srcObject);
  const report = videos.map(async (video) => {
    let seen = observed.of.get(video);
    if (seen?.stream !== video.srcObject) {
      seen = { stream: video.srcObject, began: video.currentTime, pictures: new Set(), loudest: 0 };
      observed.of.set(video, seen);
    }
    seen.loudest = Math.max(seen.loudest, await loudness(video, seen));
    if (video.videoWidth > 0) {
      const canvas = Object.assign(document.createElement('canvas'), { width: 24, height: 18 });
      const drawing = canvas.getContext('2d', { willReadFrequently: true });
      drawing.drawImage(video, 0, 0, 24, 18);
      seen.pictures.add(drawing.getImageData(0, 0, 24, 18).data.join());
    }
    return { seconds: video.currentTime - seen.began, pictures: seen.pictures.size, loudest: seen.loudest };
  });
  observed.report = await Promise.all(report);
  const well = observed.report.filter(({ seconds, pictures, loudest }) => seconds > 1 && pictures > 3 && loudest > 0.01);
  return document.querySelectorAll(selector).length === count && well.length === count;
}
