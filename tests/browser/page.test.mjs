// What people do at the page besides seeing and hearing each other.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessible } from './access.mjs';
import { fill, hasTiles, join, tileOf, waiting } from './call.mjs';
import { newPage, startChromium, startServer } from './lab.mjs';

let server;
let chromium;

before(async () => {
  server = await startServer();
  chromium = await startChromium(server.url, { devices: 2 });
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

/** Pages of people who are in a room, the first of them its moderator, with their ids. */
async function people(t, room, ...names) {
  const seats = [];
  for (const name of names) {
    const page = await newPage(t, chromium);
    seats.push({ page, id: await join(page, server, room, name) });
  }
  await Promise.all(seats.map(({ page }) => hasTiles(page, names.length - 1)));
  return seats;
}

/** Does something by the menu behind a person in the list. */
async function about(page, id, item) {
  if (!(await page.isVisible('#people-panel'))) await page.click('#people');
  await page.click(`#people-list [data-participant="${id}"] .person-menu`);
  await page.click(`[role=menuitem]:has-text("${item}")`);
}

test('devices are chosen before the call and remembered', async (t) => {
  const page = await newPage(t, chromium, { camera: 'real' });
  await page.goto(server.url);
  const select = '#lobby-devices .device-camera select';
  await page.waitForFunction((select) => document.querySelectorAll(`${select} option`).length === 2, ...waiting(page, select));
  const other = await page.$eval(select, (element) => [...element.options].find(({ value }) => value !== element.value).value);
  await page.selectOption(select, other);
  const preview = ({ select, other }) =>
    document.querySelector(select).value === other &&
    document.querySelector('#preview-tile video').srcObject?.getVideoTracks()[0]?.getSettings().deviceId === other;
  await page.waitForFunction(preview, ...waiting(page, { select, other }));
  await page.waitForFunction(() => Number(document.querySelector('#lobby-devices .meter').ariaValueNow) > 0, ...waiting(page));
  await page.reload();
  await page.waitForFunction(preview, ...waiting(page, { select, other }));
});

test('a muted microphone is marked for everyone', async (t) => {
  const [ann, bob] = await people(t, 'mute', 'Ann', 'Bob');
  const mark = `${tileOf(bob.id)}.is-muted`;
  await ann.page.waitForSelector(mark, { state: 'detached' });
  await bob.page.click('#microphone');
  await ann.page.waitForSelector(mark);
  await bob.page.click('#microphone');
  await ann.page.waitForSelector(mark, { state: 'detached' });
});

test('a camera that is switched off leaves initials, not the last picture', async (t) => {
  const [ann, bob] = await people(t, 'dark', 'Ann', 'Bob');
  await ann.page.waitForSelector(`${tileOf(bob.id)}.has-picture`);
  await bob.page.click('#camera');
  await ann.page.waitForSelector(`${tileOf(bob.id)}:not(.has-picture) .face`);
  assert.equal(await ann.page.$eval(`${tileOf(bob.id)} video`, (video) => video.srcObject), null);
  await bob.page.click('#camera');
  await ann.page.waitForSelector(`${tileOf(bob.id)}.has-picture`);
});

test('chat reaches everyone, and what was not seen is counted', async (t) => {
  const [ann, bob] = await people(t, 'chat', 'Ann', 'Bob');
  await bob.page.click('#chat');
  await fill(bob.page, '#chat-text', 'Hello <b>Ann</b>, see https://example.org/a.');
  await bob.page.press('#chat-text', 'Enter');
  await ann.page.waitForSelector('#chat-mark', { state: 'visible' });
  assert.equal(await ann.page.textContent('#chat-mark'), '1');
  assert.equal(await ann.page.getAttribute('#chat', 'aria-label'), 'Chat, 1 new message');
  await ann.page.click('#chat');
  await ann.page.waitForSelector('#chat-mark', { state: 'hidden' });
  assert.equal(await ann.page.textContent('#chat-log .text'), 'Hello <b>Ann</b>, see https://example.org/a.');
  assert.equal(await ann.page.getAttribute('#chat-log a', 'href'), 'https://example.org/a');
});

test('a raised hand is seen, and a moderator lowers it', async (t) => {
  const [ann, bob] = await people(t, 'hand', 'Ann', 'Bob');
  await bob.page.click('#hand');
  await ann.page.waitForSelector(`${tileOf(bob.id)} .tile-hand`, { state: 'visible' });
  await ann.page.waitForSelector('#notices :text("Bob raised a hand.")');
  await about(ann.page, bob.id, 'Lower hand');
  await bob.page.waitForSelector('#hand[aria-pressed=false]');
  await ann.page.waitForSelector(`${tileOf(bob.id)} .tile-hand`, { state: 'hidden' });
});

test('a person is pinned by pointer and let go by key', async (t) => {
  const [ann, bob] = await people(t, 'pin', 'Ann', 'Bob', 'Cleo');
  await ann.page.click(`${tileOf(bob.id)} .tile-pin`);
  await ann.page.waitForSelector(`${tileOf(bob.id)}[data-role=main].pinned`);
  await ann.page.focus(`${tileOf(bob.id)} .tile-pin`);
  await ann.page.keyboard.press('Enter');
  await ann.page.waitForSelector(`${tileOf(bob.id)}[data-role=grid]:not(.pinned)`);
});

test('a shared screen is shown large until it is stopped', async (t) => {
  const [ann, bob] = await people(t, 'screen', 'Ann', 'Bob');
  await bob.page.click('#share');
  await ann.page.waitForSelector(`.tile.screen[data-participant="${bob.id}"][data-role=main].has-picture`);
  assert.equal(await ann.page.$eval('.tile.screen video', (video) => getComputedStyle(video).objectFit), 'contain');
  await bob.page.click('#share[aria-pressed=true]');
  await ann.page.waitForSelector('.tile.screen', { state: 'detached' });
});

test('a moderator mutes and removes', async (t) => {
  const [ann, bob, cleo] = await people(t, 'moderate', 'Ann', 'Bob', 'Cleo');
  await bob.page.click('#people');
  assert.equal(await bob.page.isVisible('#room-controls'), false);
  await about(ann.page, bob.id, 'Mute microphone');
  await bob.page.waitForSelector('#microphone[aria-pressed=false]');
  await bob.page.waitForSelector('#notices :text("Ann muted your microphone.")');
  await cleo.page.waitForSelector(`${tileOf(bob.id)}.is-muted`);
  await about(ann.page, bob.id, 'Make moderator');
  await bob.page.waitForSelector('#room-controls', { state: 'visible' });
  await about(ann.page, cleo.id, 'Remove Cleo');
  await cleo.page.waitForSelector('#join', { state: 'visible' });
  await cleo.page.waitForSelector('#lobby-words:text("removed")');
  await Promise.all([ann, bob].map(({ page }) => hasTiles(page, 1)));
});

test('a locked room takes nobody, and newcomers wait where a moderator wants it', async (t) => {
  const [ann] = await people(t, 'door', 'Ann');
  await ann.page.click('#people');
  await ann.page.click('#lock');
  await ann.page.waitForSelector('#room-locked', { state: 'visible' });
  const late = await newPage(t, chromium);
  await knock(late, 'Bob');
  await late.waitForSelector('#lobby-words:text("locked")');
  await ann.page.click('#lock');
  await ann.page.waitForSelector('#room-locked', { state: 'hidden' });

  await ann.page.click('#lobby-switch');
  await ann.page.waitForFunction(() => window.plenum.room.lobby, ...waiting(ann.page));
  await late.click('#join');
  await late.waitForSelector('#wait', { state: 'visible' });
  await ann.page.click('[aria-label="Deny Bob"]');
  await late.waitForSelector('#join-form', { state: 'visible' });
  await late.waitForSelector('#lobby-words:text("did not let you in")');
  await late.click('#join');
  await ann.page.click('#waiting-list [aria-label="Admit Bob"]');
  await late.waitForSelector('#call', { state: 'visible' });
  await Promise.all([ann.page, late].map((page) => hasTiles(page, 1)));
});

async function knock(page, name) {
  await page.goto(server.url);
  await fill(page, '#name', name);
  await fill(page, '#room', 'door');
  await page.click('#join');
}

test('keys work, but not while somebody types, nor when they are switched off', async (t) => {
  const [{ page }] = await people(t, 'keys', 'Ann');
  await page.keyboard.press('m');
  await page.waitForSelector('#microphone[aria-pressed=false]');
  await page.keyboard.press('c');
  await page.waitForSelector('#chat-text:focus');
  await page.keyboard.type('mmm vv');
  assert.equal(await page.inputValue('#chat-text'), 'mmm vv');
  assert.equal(await page.getAttribute('#microphone', 'aria-pressed'), 'false');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#panels', { state: 'hidden' });
  await page.keyboard.press('?');
  await page.waitForSelector('#help-dialog[open]');
  await page.uncheck('#shortcuts-switch');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#help-dialog', { state: 'hidden' });
  await page.keyboard.press('m');
  await page.keyboard.press('p');
  assert.equal(await page.getAttribute('#microphone', 'aria-pressed'), 'false');
  assert.equal(await page.isVisible('#panels'), false);
});

for (const colorScheme of ['light', 'dark']) {
  test(`nothing shuts people out (${colorScheme})`, async (t) => {
    const [ann, bob] = await people(t, `axe-${colorScheme}`, 'Ann', 'Bob');
    const { page } = ann;
    // Colours are judged as they are when nothing moves.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await bob.page.click('#hand');
    await page.waitForSelector(`${tileOf(bob.id)} .tile-hand`, { state: 'visible' });
    await accessible(page);
    await page.click('#people');
    await accessible(page);
    await page.click('#chat');
    await accessible(page);
    await page.click('#more');
    await page.waitForSelector('[role=menu]', { state: 'visible' });
    await accessible(page);
    await page.click('[role=menuitem]:has-text("Settings")');
    await page.waitForSelector('#settings-dialog[open]');
    await accessible(page);
    await page.keyboard.press('Escape');
    await page.click('#leave');
    await page.waitForSelector('#join', { state: 'visible' });
    await accessible(page);
  });
}

test('a phone reaches everything and scrolls nowhere sideways', async (t) => {
  const [{ page }] = await people(t, 'phone', 'Ann', 'Bob');
  await page.setViewportSize({ width: 360, height: 740 });
  await page.click('#more');
  const items = await page.$$eval('[role=menuitem] span', (spans) => spans.map(({ textContent }) => textContent));
  for (const item of ['Share screen', 'People', 'Record this call', 'Copy link', 'Settings']) assert.ok(items.includes(item), `${item} of ${items}`);
  await page.click('[role=menuitem]:has-text("People")');
  await page.waitForSelector('#people-panel', { state: 'visible' });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
});
