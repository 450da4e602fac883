// The page of recordings: finds, plays and deletes them. What is asked for is in the address, so that it can be shared.

import { deleteRecording, listRecordings } from './api.js';
import { claims } from './token.js';
import { wireDialogs } from './ui/dialogs.js';
import { byId, setText } from './ui/dom.js';
import { play } from './ui/player.js';
import { card } from './ui/shelf.js';

/** @typedef {import('./api.js').Manifest} Manifest */

const PAGE = '24';
const KEYS = ['room', 'participant'];

const form = /** @type {HTMLFormElement} */ (byId('filter'));
const deletion = /** @type {HTMLDialogElement} */ (byId('deletion'));
/** @type {string | null} */
let next = null;
/** The one that is about to be deleted, and its card. @type {{ recording: Manifest, holder: HTMLElement } | null} */
let doomed = null;
/** Which question the newest answer has to be to. */
let asked = 0;

/** @param {string} words */
const say = (words) => setText(byId('words'), words);

/** @param {boolean} further  the next page, not the first */
async function load(further) {
  const query = new URLSearchParams({ limit: PAGE });
  for (const [key, value] of new URLSearchParams(location.search)) if (KEYS.includes(key) && value) query.set(key, value);
  const { video } = claims();
  // A token for one room sees no other.
  if (video?.room && !video.roomList && !query.has('room')) query.set('room', video.room);
  if (further && next) query.set('cursor', next);
  const mine = (asked += 1);
  try {
    const page = await listRecordings(query);
    if (mine !== asked) return;
    next = page.next;
    const cards = page.recordings.map((recording) => {
      const holder = card(recording, { play, remove: () => ask({ recording, holder }) });
      return holder;
    });
    if (further) byId('shelf').append(...cards);
    else byId('shelf').replaceChildren(...cards);
    byId('more').hidden = next === null;
    const count = byId('shelf').childElementCount;
    say(count === 0 ? 'There are no recordings here.' : `${count} recording${count === 1 ? '' : 's'}${next === null ? '' : ', and there are more'}`);
  } catch (error) {
    if (mine === asked) say(/** @type {Error} */ (error).message);
  }
}

/** @param {{ recording: Manifest, holder: HTMLElement }} what */
function ask(what) {
  doomed = what;
  const { room, startedAt, upload } = what.recording;
  const fate = upload?.state === 'done' ? `is forgotten here. Its copy in ${upload.location} stays.` : 'cannot be brought back.';
  setText(byId('deletion-words'), `The recording of ${room} of ${new Date(startedAt).toLocaleString()} ${fate}`);
  deletion.showModal();
}

async function remove() {
  if (!doomed) return;
  const { recording, holder } = doomed;
  doomed = null;
  deletion.close();
  try {
    await deleteRecording(recording.id);
    holder.remove();
    say('The recording is deleted.');
    // The card that had the focus is gone.
    byId('room').focus();
  } catch (error) {
    say(/** @type {Error} */ (error).message);
  }
}

function fill() {
  const query = new URLSearchParams(location.search);
  for (const key of KEYS) /** @type {HTMLInputElement} */ (byId(key)).value = query.get(key) ?? '';
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const query = new URLSearchParams();
  for (const key of KEYS) {
    const value = /** @type {HTMLInputElement} */ (byId(key)).value.trim();
    if (value) query.set(key, value);
  }
  history.pushState(null, '', query.size > 0 ? `?${query}` : location.pathname);
  load(false);
});
addEventListener('popstate', () => {
  fill();
  load(false);
});
byId('more').addEventListener('click', () => load(true));
byId('delete').addEventListener('click', remove);
wireDialogs();
fill();
load(false);
