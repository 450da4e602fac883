// The part of the REST API that the pages use. No DOM in here.

import { bearer, withToken } from './token.js';

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

/** A refusal of the REST API. `field` is what of the request it is about, where the server says so. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, code?: string, field?: string }} [more]
   */
  constructor(message, { status = 0, code = '', field = '' } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }

  /** What a refusal says. @param {Response} response */
  static async of(response) {
    const said = await response.json().catch(() => null);
    return new ApiError(said?.message ?? `The server answered ${response.status}.`, { ...said, status: response.status });
  }
}

/**
 * @param {string} method
 * @param {string} path  below /api/v1
 * @param {object} [body]
 * @returns {Promise<any>}
 */
export async function call(method, path, body) {
  let response;
  try {
    const headers = { accept: 'application/json', ...bearer() };
    response = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new ApiError('The server cannot be reached.');
  }
  if (!response.ok) throw await ApiError.of(response);
  return response.json().catch(() => null);
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
  withToken(`/api/v1/recordings/${encodeURIComponent(id)}/${name ? `files/${encodeURIComponent(name)}` : 'file'}`);

/** @param {string} id */
export const recordingThumbnail = (id) => withToken(`/api/v1/recordings/${encodeURIComponent(id)}/thumbnail`);

/** @param {URLSearchParams} query @returns {Promise<{ recordings: Manifest[], next: string | null }>} */
export const listRecordings = (query) => call('GET', `/recordings?${query}`);

/** With all that happened in it. @param {string} id @returns {Promise<Manifest>} */
export const recordingManifest = (id) => call('GET', `/recordings/${encodeURIComponent(id)}/manifest`);

/** @param {string} id */
export const deleteRecording = (id) => call('DELETE', `/recordings/${encodeURIComponent(id)}`);
