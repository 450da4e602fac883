// The dialog that plays a recording, with what happened on its time line.

import { recordingFile, recordingManifest } from '../api.js';
import { elapsed } from './clock.js';
import { byId, make, setText } from './dom.js';
import { moments } from './moments.js';

/** @typedef {import('../api.js').Manifest} Manifest */

/** More marks than that are a smear. */
const MOST_MARKS = 500;

/** @param {Manifest} recording */
export async function play(recording) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('player'));
  const media = /** @type {HTMLMediaElement} */ (
    make(recording.kind === 'audio' ? 'audio' : 'video', { controls: '', preload: 'metadata', playsinline: '', src: recordingFile(recording.id) })
  );
  setText(byId('player-title'), recording.room);
  setText(byId('player-words'), '');
  byId('player-media').replaceChildren(media);
  byId('track').replaceChildren();
  byId('moments').replaceChildren();
  media.addEventListener('error', () => {
    setText(byId('player-words'), 'This browser cannot play the file. Download it to watch it with another player.');
  });
  dialog.addEventListener('close', () => end(media), { once: true });
  dialog.showModal();
  // Refused where a browser wants a press on the player itself.
  media.play().catch(() => {});
  try {
    show(await recordingManifest(recording.id), media);
  } catch (error) {
    setText(byId('player-words'), `What happened is not known: ${/** @type {Error} */ (error).message}`);
  }
}

/** Stops the download too. @param {HTMLMediaElement} media */
function end(media) {
  media.pause();
  media.removeAttribute('src');
  media.load();
  media.remove();
}

/** @param {Manifest} manifest @param {HTMLMediaElement} media */
function show(manifest, media) {
  const all = moments(manifest);
  const seek = (/** @type {number} */ ms) => {
    // The first of several files may begin later than the recording.
    media.currentTime = Math.max(0, ms - (manifest.files[0]?.startMs ?? 0)) / 1000;
  };
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
