// The part of the REST API that the pages use. No DOM in here.

/**
 * @typedef {{ atMs: number, type: string, participant?: string | null, source?: string, text?: string }} Moment
 *
 * @typedef {object} Manifest  see docs/recording.schema.json
 * @property {string} id
 * @property {string} room
 * @property {string} kind
 * @property {string} container
 * @property {string} state
 * @property {number} startedAt
 * @property {number} durationMs
 * @property {number} bytes
 * @property {string | null} error
 * @property {{ state: string, location: string, localDeleted: boolean, error?: string } | null} [upload]
 * @property {{ name: string, startMs: number, streams: { codec: string, participant?: string | null, source?: string | null }[] }[]} files
 * @property {{ id: string, name: string }[]} participants
 * @property {Moment[]} [events]
 */

/**
 * @param {string} method
 * @param {string} path  below /api/v1
 * @returns {Promise<any>}
 */
async function call(method, path) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers: { accept: 'application/json' } });
  } catch {
    throw new Error('The server cannot be reached.');
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.message ?? `The server answered ${response.status}.`);
  return body;
}

/**
 * @param {string} room
 * @param {string} resume  the secret of the last join
 */
export const leaveByBeacon = (room, resume) => navigator.sendBeacon(`/api/v1/rooms/${encodeURIComponent(room)}/leave`, resume);

/** @param {string} room */
export const startRecording = (room) => call('POST', `/rooms/${encodeURIComponent(room)}/recordings`);

/** @param {string} id */
export const pauseRecording = (id) => call('POST', `/recordings/${encodeURIComponent(id)}/pause`);

/** @param {string} id */
export const resumeRecording = (id) => call('POST', `/recordings/${encodeURIComponent(id)}/resume`);

/** @param {string} id */
export const stopRecording = (id) => call('POST', `/recordings/${encodeURIComponent(id)}/stop`);

/** One file of several, or the only one, or the first. @param {string} id @param {string} [name] */
export const recordingFile = (id, name) =>
  `/api/v1/recordings/${encodeURIComponent(id)}/${name ? `files/${encodeURIComponent(name)}` : 'file'}`;

/** @param {string} id */
export const recordingThumbnail = (id) => `/api/v1/recordings/${encodeURIComponent(id)}/thumbnail`;

/** @param {URLSearchParams} query @returns {Promise<{ recordings: Manifest[], next: string | null }>} */
export const listRecordings = (query) => call('GET', `/recordings?${query}`);

/** With all that happened in it. @param {string} id @returns {Promise<Manifest>} */
export const recordingManifest = (id) => call('GET', `/recordings/${encodeURIComponent(id)}/manifest`);

/** @param {string} id */
export const deleteRecording = (id) => call('DELETE', `/recordings/${encodeURIComponent(id)}`);
