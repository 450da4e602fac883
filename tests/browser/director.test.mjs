// A moderator directs what is mixed of a call, at the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessible } from './access.mjs';
import { fill, hasTiles, join, waiting } from './call.mjs';
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

/** Pages of people in a room, the first of them its moderator, whose director is open. */
async function direct(t, room, ...names) {
  const seats = [];
  for (const name of names) {
    const page = await newPage(t, chromium);
    seats.push({ page, name, id: await join(page, server, room, name) });
  }
  await Promise.all(seats.map(({ page }) => hasTiles(page, names.length - 1)));
  const [{ page }] = seats;
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.click('#director');
  await page.waitForSelector('#cast .cast-row');
  return { page, seats, ids: seats.map(({ id }) => id), api: `${server.url}/api/v1/rooms/${room}` };
}

const get = async (address) => (await fetch(address)).json();

/** Waits until the server says of a mix what is wanted. */
const mixIs = (api, what, wanted, name = 'default') =>
  until(what, async () => {
    const mix = await get(`${api}/mixes/${name}`);
    return wanted(mix) && mix;
  });

const placeOf = ({ placements }, id) => placements.find(({ participant }) => participant === id);
const row = (id) => `#cast [data-participant="${id}"]`;
const boxOf = (id) => `#sketch [data-placed="${id}"]`;
const pressed = (page, selector) => page.getAttribute(selector, 'aria-pressed');

/** Waits until a box of the sketch is as wide as that, in shares of the picture. */
const isWide = (page, id, share) =>
  page.waitForFunction(
    ({ selector, share }) => {
      const [box, frame] = [selector, '#frame'].map((each) => document.querySelector(each)?.getBoundingClientRect());
      return box && Math.abs(box.width / frame.width - share) < 0.01;
    },
    ...waiting(page, { selector: boxOf(id), share }),
  );

/** Lets the default mix run, by something that goes out. */
async function serve(page) {
  await page.click('#output-hls');
  await page.waitForSelector('#outputs .output[data-state=live]');
}

test('who is seen where is chosen while it runs, and drawn as it is', async (t) => {
  const { page, ids, api } = await direct(t, 'show', 'Ann', 'Bob', 'Cleo');
  const [ann, bob, cleo] = ids;
  await page.waitForSelector('#sketch-words:text("does not run")');
  await serve(page);
  for (const id of ids) await isWide(page, id, 0.5);

  await page.check('#layout-choice [value=speaker]');
  await page.click(`${row(bob)} .cast-pin`);
  const large = await mixIs(api, 'Bob to be large', (mix) => mix.layout === 'speaker' && placeOf(mix, bob)?.width > mix.width / 2);
  assert.deepEqual(large.pins, ['Bob']);
  assert.ok(placeOf(large, ann).width < large.width / 2 && placeOf(large, cleo).width < large.width / 2, JSON.stringify(large));
  await isWide(page, bob, placeOf(large, bob).width / large.width);
  await page.waitForSelector(`${boxOf(bob)} [aria-label=pinned]`, { state: 'visible' });

  await page.click(`${row(cleo)} .cast-pin`);
  const pins = await mixIs(api, 'Cleo to be large', (mix) => placeOf(mix, cleo)?.width > mix.width / 2);
  assert.deepEqual(pins.pins, ['Cleo', 'Bob']);
  assert.equal(await page.textContent(`${row(bob)} .cast-pin b`), '2');
  await page.click(`${row(cleo)} .cast-pin`);
  await mixIs(api, 'Bob to be large again', (mix) => placeOf(mix, bob)?.width > mix.width / 2);

  await page.click(`${row(cleo)} .cast-hide`);
  const hidden = await mixIs(api, 'Cleo to be hidden', (mix) => mix.placements.length === 2);
  assert.deepEqual([hidden.hide, hidden.exclude], [['Cleo'], []]);
  await page.waitForSelector(boxOf(cleo), { state: 'detached' });
  await page.waitForSelector(`${row(cleo)} :text("Heard, not seen")`);
  await page.click(`${row(cleo)} .cast-out`);
  await mixIs(api, 'Cleo to be left out', (mix) => mix.exclude.includes('Cleo'));
  await page.waitForSelector(`${row(cleo)} :text("Not in this mix")`);

  await fill(page, `${row(bob)} .cast-label`, 'Dr Bob Zimmer');
  await page.press(`${row(bob)} .cast-label`, 'Enter');
  await mixIs(api, 'Bob to be called something else', (mix) => mix.labels.Bob === 'Dr Bob Zimmer');
  await page.waitForSelector(`${boxOf(bob)} .sketch-name:text-is("Dr Bob Zimmer")`);
  await fill(page, `${row(bob)} .cast-label`, 'nonsense');
  await page.press(`${row(bob)} .cast-label`, 'Escape');
  assert.equal(await page.inputValue(`${row(bob)} .cast-label`), 'Dr Bob Zimmer');
  assert.ok(await page.isVisible('#director-dialog'), 'the first Escape takes back what was written');

  // What others do is seen here, too.
  await fetch(`${api}/mixes/default`, { method: 'PATCH', body: JSON.stringify({ layout: 'grid', pins: ['Zoë'], hide: null, exclude: ['C*'] }) });
  await page.waitForSelector('#layout-choice [value=grid]:checked');
  await page.waitForSelector(`${row(cleo)} .cast-out[aria-pressed=true]:disabled`);
  assert.equal(await pressed(page, `${row(bob)} .cast-pin`), 'false');
  assert.equal(await pressed(page, `${row(cleo)} .cast-hide`), 'false');
  await page.click('[aria-label="Take back: Left out C*"]');
  await page.click('[aria-label="Take back: Pinned Zoë"]');
  await mixIs(api, 'all to be in it', (mix) => mix.exclude.length + mix.pins.length === 0 && mix.placements.length === 3);
  for (const id of ids) await isWide(page, id, 0.5);
  assert.deepEqual(page.complaints, []);
});

test('mixes are made and deleted, and what is wrong with one is said at its field', async (t) => {
  const { page, api } = await direct(t, 'make', 'Ann', 'Bob', 'Cleo');
  assert.equal(await page.isVisible('#mix-delete'), false, 'the default mix stays');
  await page.click('#mix-new');
  await page.waitForSelector('#mix-name:focus');
  await page.keyboard.type('speaker');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#mix-form-wrong:text("name of a layout")');
  assert.equal(await page.getAttribute('#mix-name', 'aria-invalid'), 'true');
  await fill(page, '#mix-name', 'stage');
  await page.selectOption('#mix-size', '640×360');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#mix-choice [value=stage]:checked');
  const made = await get(`${api}/mixes/stage`);
  assert.deepEqual([made.width, made.height, made.running], [640, 360, false]);
  await page.waitForSelector('#mix-facts:text("640 × 360")');

  // What one mix is, the other is not.
  await page.check('#layout-choice [value=pip]');
  await mixIs(api, 'the stage to have another layout', (mix) => mix.layout === 'pip', 'stage');
  await page.check('#mix-choice [value=default]');
  await page.waitForSelector('#layout-choice [value=grid]:checked');
  await page.check('#mix-choice [value=stage]');
  await page.waitForSelector('#layout-choice [value=pip]:checked');

  await serve(page);
  await page.click('#mix-delete');
  await page.click('#mix-delete-yes');
  await page.waitForSelector('#mix-deletion-words:text("stop")');
  await page.click('#mix-delete-no');
  await page.waitForSelector('#mix-delete:focus');
  await page.click('#outputs .stop');
  await page.waitForSelector('#outputs .output', { state: 'detached' });
  await mixIs(api, 'the stage to be idle', ({ running }) => !running, 'stage');
  await page.click('#mix-delete');
  await page.click('#mix-delete-yes');
  await page.waitForSelector('#mix-choice [value=stage]', { state: 'detached' });
  await page.waitForSelector('#mix-choice [value=default]:checked');
  assert.equal((await fetch(`${api}/mixes/stage`)).status, 404);
});

test('regions are written as JSON, and what the server has against them is said there', async (t) => {
  const { page, api } = await direct(t, 'regions', 'Ann', 'Bob', 'Cleo');
  await page.check('#layout-choice [value=custom]');
  const example = JSON.parse(await page.inputValue('#regions'));
  assert.ok(Object.keys(example.regions).length > 0);
  assert.equal((await get(`${api}/mixes/default`)).layout, 'grid', 'nothing changes before it is asked for');

  await fill(page, '#regions', '{"regions": {');
  await page.click('#regions-form [type=submit]');
  await page.waitForSelector('#regions-wrong:text("no JSON")');
  const bad = { regions: { left: { width: 640 }, right: { x: 5000 } } };
  const { message } = await (await fetch(`${api}/mixes/default`, { method: 'PATCH', body: JSON.stringify({ layout: bad }) })).json();
  await fill(page, '#regions', JSON.stringify(bad));
  await page.click('#regions-form [type=submit]');
  await page.waitForFunction((message) => document.querySelector('#regions-wrong').textContent === message, ...waiting(page, message));
  assert.equal(await page.getAttribute('#regions', 'aria-invalid'), 'true');
  assert.deepEqual(JSON.parse(await page.inputValue('#regions')), bad, 'what was written stays');

  const good = '{"regions": {"left": {"width": 640}, "right": {"x": 640, "max_columns": 1}}}';
  await fill(page, '#regions', good);
  await page.click('#regions-form [type=submit]');
  const mix = await mixIs(api, 'the regions to be there', ({ layout }) => layout.regions?.right.x === 640);
  assert.deepEqual(Object.keys(mix.layout.regions), ['left', 'right']);
  await page.waitForSelector('#regions-wrong', { state: 'hidden' });
  assert.equal(await page.inputValue('#regions'), good);
  await page.waitForSelector('#sketch [data-placed="region right"] .sketch-name:text-is("right")');
  await page.check('#layout-choice [value=grid]');
  await mixIs(api, 'the grid to be back', ({ layout }) => layout === 'grid');
  await page.waitForSelector('#regions-form', { state: 'hidden' });
});

test('what goes out is started and stopped, and its key is shown to nobody', async (t) => {
  const { page, api } = await direct(t, 'out', 'Ann', 'Bob', 'Cleo');
  await serve(page);
  await page.waitForSelector('#output-hls', { state: 'hidden' });
  const address = await page.getAttribute('#outputs a', 'href');
  assert.equal(address, '/hls/out/default/index.m3u8');
  await until('the stream to begin', async () => (await fetch(server.url + address)).ok);

  assert.equal(await page.getAttribute('#output-url', 'type'), 'password');
  await fill(page, '#output-url', 'ftp://127.0.0.1/s3cret');
  await page.press('#output-url', 'Enter');
  await page.waitForSelector('#output-wrong:text("rtmp")');
  assert.equal(await page.getAttribute('#output-url', 'aria-invalid'), 'true');
  // Nobody listens there.
  await fill(page, '#output-url', 'rtmp://127.0.0.1:9/live/s3cret');
  await page.press('#output-url', 'Enter');
  await page.waitForSelector('#outputs .output[data-state=waiting] .output-error:not([hidden])');
  assert.equal(await page.inputValue('#output-url'), '', 'the key does not stay');
  assert.ok(!(await page.textContent('#director-dialog')).includes('s3cret'));
  assert.deepEqual(await page.$$eval('#outputs .kind, #outputs .output-mix', (all) => all.map(({ textContent }) => textContent)), ['HLS', 'default', 'RTMP', 'default']);
  await page.click('#outputs [aria-label="Stop RTMP of default"]');
  // WHIP has a token beside its address, which does not stay either.
  assert.ok(await page.isHidden('#output-token'));
  await fill(page, '#output-url', 'http://127.0.0.1:9/s3cret');
  await fill(page, '#output-token', 's3cret-token');
  await page.press('#output-token', 'Enter');
  await page.waitForSelector('#outputs [aria-label="Stop WHIP of default"]');
  assert.deepEqual([await page.inputValue('#output-url'), await page.inputValue('#output-token')], ['', '']);
  assert.ok(await page.isHidden('#output-token'));
  assert.ok(!(await page.textContent('#director-dialog')).includes('s3cret'));
  await page.click('#outputs [aria-label="Stop WHIP of default"]');
  await page.click('#outputs [aria-label="Stop HLS of default"]');
  await page.waitForSelector('#outputs-none', { state: 'visible' });
  await until('nothing to go out', async () => (await get(`${api}/outputs`)).outputs.length === 0);
  await page.waitForSelector('#mix-choice .running', { state: 'detached' });
});

test('who moderates directs, by key if they like', async (t) => {
  const { page, seats } = await direct(t, 'keys', 'Ann', 'Bob', 'Cleo');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#director-dialog', { state: 'hidden' });
  await page.waitForSelector('#director:focus');
  await page.keyboard.press('d');
  await page.waitForSelector('#layout-choice [value=grid]:checked');
  await page.focus('#layout-choice [value=grid]');
  await page.keyboard.press('ArrowRight');
  await page.waitForSelector('#layout-choice [value=speaker]:checked:focus');

  const bob = seats[1].page;
  await bob.setViewportSize({ width: 1280, height: 900 });
  assert.equal(await bob.isVisible('#director'), false);
  await bob.keyboard.press('d');
  assert.equal(await bob.isVisible('#director-dialog'), false);
  await page.evaluate((participant) => window.plenum.moderate({ action: 'role', participant, role: 'moderator' }), seats[1].id);
  await bob.click('#director');
  await bob.waitForSelector('#layout-choice [value=speaker]:checked');
});

test('the mix that is directed is seen by WHEP, without sound, until the director closes', async (t) => {
  const { page, ids, api } = await direct(t, 'watch', 'Ann', 'Bob', 'Cleo');
  const watches = (width) =>
    page.waitForFunction(
      (width) => {
        const video = document.querySelector('#preview');
        return video.videoWidth === width && video.currentTime > 1 && video.getVideoPlaybackQuality().totalVideoFrames > 10;
      },
      ...waiting(page, width),
    );
  await page.click('#preview-button');
  await watches(1280);
  assert.ok(await page.$eval('#preview', ({ muted, srcObject }) => muted && srcObject.getAudioTracks().length === 1));
  await page.waitForSelector('#preview-words:text("Without sound")');
  for (const id of ids) await isWide(page, id, 0.5);
  await page.click('#mix-new');
  await fill(page, '#mix-name', 'small');
  await page.selectOption('#mix-size', '640×360');
  await page.press('#mix-name', 'Enter');
  await watches(640);
  await mixIs(api, 'the other mix to end', ({ running }) => !running);
  await mixIs(api, 'this mix to run', ({ running }) => running, 'small');
  await page.keyboard.press('Escape');
  await mixIs(api, 'this mix to end, too', ({ running }) => !running, 'small');
  assert.deepEqual(page.complaints, []);
});

test('looks are changed, and what is not offered stays', async (t) => {
  const { page, api } = await direct(t, 'looks', 'Ann', 'Bob', 'Cleo');
  const patch = async (style) => {
    const response = await fetch(`${api}/mixes/default`, { method: 'PATCH', body: JSON.stringify({ style }) });
    return { status: response.status, body: await response.json() };
  };
  const text = [{ text: 'Weekly', x: 20, y: 20, size: 24, color: '#ffffff' }];
  assert.equal((await patch({ text })).status, 200);
  const becomes = (what, wanted) => mixIs(api, what, ({ style }) => wanted(style));
  await fill(page, '#style-gap', '12');
  await fill(page, '#style-radius', '24');
  await becomes('gap and corners', ({ gap, radius }) => gap === 12 && radius === 24);
  await page.waitForSelector('[for=style-gap]:text-is("12 px")');
  for (const name of ['labels', 'mutes', 'clock']) await page.check(`#style-${name}`);
  await becomes('names, marks and clock', ({ labels, mute_marks: marks, clock }) => labels && marks && clock?.size > 0);
  await page.selectOption('#style-ground', 'colour');
  await fill(page, '#style-colour', '#336699');
  await becomes('a colour', ({ background }) => background === '#336699');
  assert.equal(await page.$eval('#frame', (frame) => getComputedStyle(frame).backgroundColor), 'rgb(51, 102, 153)');

  await page.selectOption('#style-ground', 'image');
  await fill(page, '#style-image', 'none.png');
  await page.press('#style-image', 'Tab');
  await page.waitForSelector('#style-wrong', { state: 'visible' });
  const { status, body } = await patch({ background: 'none.png' });
  assert.equal(status, 400);
  assert.equal(await page.textContent('#style-wrong'), body.message);
  await page.uncheck('#style-clock');
  const style = await becomes('no clock', ({ clock }) => !clock);
  await page.waitForSelector('#style-wrong', { state: 'hidden' });
  assert.deepEqual(style.style.text.map(({ text }) => text), ['Weekly']);
});

test('a server without WHEP has no preview, and says so', async (t) => {
  const { page } = await direct(t, 'none', 'Ann', 'Bob', 'Cleo');
  const none = { status: 404, contentType: 'application/json', body: '{"code": "not_found", "message": "there is nothing at this address"}' };
  await page.route('**/whep/**', (route) => route.fulfill(none));
  await page.click('#preview-button');
  await page.waitForSelector('#preview-words:text("This server has no preview.")');
  assert.equal(await pressed(page, '#preview-button'), 'false');
  assert.equal(await page.isVisible('#preview'), false);
});

for (const colorScheme of ['light', 'dark']) {
  test(`the director shuts nobody out, on a phone neither (${colorScheme})`, async (t) => {
    const { page, ids } = await direct(t, `axe-${colorScheme}`, 'Ann', 'Bob', 'Cleo');
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await accessible(page);
    await serve(page);
    await page.click(`${row(ids[1])} .cast-pin`);
    await page.click(`${row(ids[2])} .cast-hide`);
    await page.click('#mix-new');
    await page.check('#layout-choice [value=custom]');
    await fill(page, '#regions', '{"regions": {"left": {"width": 5}}}');
    await page.click('#regions-form [type=submit]');
    await page.waitForSelector('#regions-wrong', { state: 'visible' });
    await accessible(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await accessible(page);
    const wide = await page.$$eval('#director-dialog, #director-dialog *', (all) =>
      all.filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.unseen, .sketch')).map(({ outerHTML }) => outerHTML.slice(0, 80)));
    assert.deepEqual(wide, []);
    await page.keyboard.press('Escape');
    await page.click('#more');
    await page.click('[role=menuitem]:has-text("Direct what is mixed")');
    await page.waitForSelector('#director-dialog', { state: 'visible' });
  });
}
