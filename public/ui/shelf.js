// The cards of recordings.

import { recordingFile, recordingThumbnail } from '../api.js';
import { elapsed } from './clock.js';
import { fromTemplate, part } from './dom.js';
import { owner } from './owner.js';

/** @typedef {import('../api.js').Manifest} Manifest */

/** @type {Record<string, string>} */
const STATES = {
  recording: 'Recording now',
  paused: 'Recording, paused',
  complete: '',
  interrupted: 'Cut off when the server stopped',
  recovered: 'Recovered after the server stopped',
  failed: 'Failed; what was recorded before plays',
};

/** @param {NonNullable<Manifest['upload']>} upload */
function whereabouts({ state, location, localDeleted, error }) {
  if (state === 'done') return localDeleted ? `Moved to ${location}` : `Copied to ${location}`;
  if (state === 'failed') return 'The upload was given up';
  return error ? 'The upload failed and is tried again' : 'To be uploaded';
}

/** @param {Manifest} recording */
const runs = ({ state }) => state === 'recording' || state === 'paused';

/** @param {number} bytes */
function size(bytes) {
  const [unit, name] = bytes >= 1e9 ? [1e9, 'GB'] : bytes >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
  return `${(bytes / Number(unit)).toFixed(bytes >= Number(unit) * 10 ? 0 : 1)} ${name}`;
}

/**
 * @param {Manifest} recording
 * @param {{ play: (recording: Manifest) => void, remove: (recording: Manifest) => void }} deeds
 */
export function card(recording, deeds) {
  const holder = fromTemplate('card');
  const began = new Date(recording.startedAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const names = recording.participants.map(({ name }) => name);
  part(holder, 'h2').textContent = recording.room;
  part(holder, '.when').textContent = `${began}, ${size(recording.bytes)}, ${recording.container.toUpperCase()}`;
  part(holder, '.who').textContent = names.join(', ');
  part(holder, '.length').textContent = elapsed(recording.durationMs);
  const state = part(holder, '.state');
  state.textContent = STATES[recording.state] ?? recording.state;
  state.classList.toggle('bad', recording.state === 'failed' || recording.state === 'interrupted');
  state.hidden = !state.textContent;
  if (recording.error) state.title = recording.error;
  const { upload } = recording;
  const copy = part(holder, '.copy');
  copy.textContent = upload ? whereabouts(upload) : '';
  copy.classList.toggle('bad', upload?.state === 'failed');
  copy.hidden = !upload;
  if (upload?.error) copy.title = upload.error;
  const away = upload?.localDeleted === true;

  const poster = /** @type {HTMLButtonElement} */ (part(holder, '.poster'));
  const image = /** @type {HTMLImageElement} */ (part(holder, 'img'));
  poster.setAttribute('aria-label', `Play the recording of ${recording.room}, ${began}, ${elapsed(recording.durationMs)}`);
  poster.disabled = runs(recording) || away;
  poster.addEventListener('click', () => deeds.play(recording));
  image.addEventListener('error', () => image.remove());
  if (recording.kind === 'audio') {
    image.remove();
    part(holder, '.poster use').setAttribute('href', '#i-sound');
  } else if (runs(recording)) image.remove();
  else image.src = recordingThumbnail(recording.id);

  const link = /** @type {HTMLAnchorElement} */ (part(holder, 'a'));
  const files = away ? [] : recording.files.length > 1 ? recording.files : [undefined];
  const links = files.map((file) => {
    const each = /** @type {HTMLAnchorElement} */ (link.cloneNode(true));
    const whose = file ? owner(recording, file) : '';
    if (whose) each.textContent = whose;
    each.href = recordingFile(recording.id, file?.name);
    each.setAttribute('aria-label', `Download the recording of ${whose ? `${whose} in ` : ''}${recording.room}, ${began}`);
    return each;
  });
  link.replaceWith(...links);
  const remove = /** @type {HTMLButtonElement} */ (part(holder, '.delete'));
  remove.setAttribute('aria-label', `Delete the recording of ${recording.room}, ${began}`);
  remove.disabled = runs(recording);
  remove.addEventListener('click', () => deeds.remove(recording));
  return holder;
}
