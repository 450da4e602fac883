// The dialog that plays a recording, with what happened on its time line.

import { recordingFile, recordingManifest } from '../api.js';
import { elapsed } from './clock.js';
import { byId, make, setText } from './dom.js';
import { moments } from './moments.js';
import { owner } from './owner.js';

/** @typedef {import('../api.js').Manifest} Manifest */

/** More marks than that are a smear. */
const MOST_MARKS = 500;

/** @typedef {Manifest['files'][number]} MediaFile */

/** What is played: one of a recording's files, which may begin later than the recording. @type {{ media: HTMLMediaElement, startMs: number } | null} */
let playing = null;

/** @param {Manifest} recording */
export async function play(recording) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('player'));
  const { files } = recording;
  setText(byId('player-title'), recording.room);
  byId('track').replaceChildren();
  byId('moments').replaceChildren();
  offer(recording);
  load(recording, files[0], 0);
  dialog.addEventListener('close', unload, { once: true });
  dialog.showModal();
  try {
    show(await recordingManifest(recording.id));
  } catch (error) {
    setText(byId('player-words'), `What happened is not known: ${/** @type {Error} */ (error).message}`);
  }
}

/** Lets whoever watches choose among several files. @param {Manifest} recording */
function offer(recording) {
  const { files } = recording;
  const choice = /** @type {HTMLSelectElement} */ (byId('player-file'));
  byId('player-choice').hidden = files.length < 2;
  choice.replaceChildren(...files.map((file, at) => make('option', { value: String(at), text: owner(recording, file) })));
  choice.onchange = () => load(recording, files[Number(choice.value)], now());
}

/** How far the recording is that is seen. */
const now = () => (playing ? playing.media.currentTime * 1000 + playing.startMs : 0);

/** @param {number} ms */
function seek(ms) {
  if (playing) playing.media.currentTime = Math.max(0, ms - playing.startMs) / 1000;
}

/** @param {Manifest} recording @param {MediaFile | undefined} file  the first if there is none @param {number} atMs  how far the recording is */
function load(recording, file, atMs) {
  unload();
  const seen = recording.kind !== 'audio';
  const src = recordingFile(recording.id, recording.files.length > 1 ? file?.name : undefined);
  const media = /** @type {HTMLMediaElement} */ (make(seen ? 'video' : 'audio', { controls: '', preload: 'metadata', playsinline: '', src }));
  playing = { media, startMs: file?.startMs ?? 0 };
  setText(byId('player-words'), '');
  media.addEventListener('error', () => {
    setText(byId('player-words'), 'This browser cannot play the file. Download it to watch it with another player.');
  });
  byId('player-media').replaceChildren(media);
  seek(atMs);
  // Refused where a browser wants a press on the player itself.
  media.play().catch(() => {});
}

/** Stops the download too. */
function unload() {
  const media = playing?.media;
  playing = null;
  media?.pause();
  media?.removeAttribute('src');
  media?.load();
  media?.remove();
}

/** @param {Manifest} manifest */
function show(manifest) {
  const all = moments(manifest);
  const marks = all.slice(0, MOST_MARKS).map(({ atMs, type }) => {
    const mark = make('i', { class: type });
    mark.style.left = `${Math.min(100, (100 * atMs) / Math.max(1, manifest.durationMs))}%`;
    return mark;
  });
  byId('track').replaceChildren(...marks);
  const lines = all.map(({ atMs, words }) => {
    const line = make('button', { type: 'button' }, make('time', { text: elapsed(atMs) }), make('span', { text: words }));
    line.addEventListener('click', () => seek(atMs));
    return make('li', {}, line);
  });
  byId('moments').replaceChildren(...lines);
  byId('moments-title').hidden = lines.length === 0;
}
