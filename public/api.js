// The part of the REST API that the page uses. No DOM in here.

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

/** @param {string} id */
export const recordingFile = (id) => `/api/v1/recordings/${encodeURIComponent(id)}/file`;
