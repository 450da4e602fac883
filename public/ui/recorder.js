// The Record button, and the sign that everyone in the room sees while a recording runs.

import { recordingFile, startRecording, stopRecording } from '../api.js';
import { byId, listen, setIcon } from './dom.js';

/** @typedef {import('../client.js').Client} Client */

export class Recorder {
  #client;
  #notices;
  #button = /** @type {HTMLButtonElement} */ (byId('record'));
  #badge = byId('recording-badge');
  #time = byId('recording-time');
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;
  #since = 0;
  #takeBack = () => {};

  /**
   * @param {Client} client
   * @param {import('./notices.js').Notices} notices
   */
  constructor(client, notices) {
    this.#client = client;
    this.#notices = notices;
    listen(client, 'recording-started', ({ recording }) => this.#started(recording));
    listen(client, 'recording-stopped', (stopped) => this.#stopped(stopped));
  }

  get running() {
    return Boolean(this.#client.room?.recording);
  }

  /** On entering: what runs already is told until it is dismissed. */
  enter() {
    const recording = this.#client.room?.recording;
    if (recording) this.#started(recording, { stay: true });
  }

  /** Forget the recording of a room that we left; it goes on without us. */
  reset() {
    clearInterval(this.#clock);
    this.#takeBack();
    this.#badge.hidden = true;
    this.#label(false);
  }

  /** Begin or end the recording. */
  async press() {
    const { room, place } = this.#client;
    if (!place) return;
    const recording = room?.recording;
    this.#button.disabled = true;
    try {
      if (recording) await stopRecording(recording.id);
      else await startRecording(place.room);
    } catch (error) {
      this.#notices.show(`${recording ? 'The recording could not be stopped' : 'The recording could not be started'}: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.#button.disabled = false;
    }
  }

  /**
   * @param {{ startedAt: number | string }} recording
   * @param {{ stay?: boolean }} [options]
   */
  #started({ startedAt }, { stay = false } = {}) {
    // Our clock and the server's need not agree: never count from the future.
    const began = new Date(startedAt).getTime();
    this.#since = Number.isNaN(began) ? Date.now() : Math.min(began, Date.now());
    clearInterval(this.#clock);
    this.#clock = setInterval(() => this.#tick(), 500);
    this.#tick();
    this.#badge.hidden = false;
    this.#label(true);
    this.#takeBack();
    this.#takeBack = this.#notices.show('This call is being recorded.', { stay });
  }

  /** @param {{ id: string, state: string, url: string | null }} stopped */
  #stopped({ id, state, url }) {
    this.reset();
    if (state === 'failed') {
      this.#notices.show('The recording failed. What was saved until then is kept on the server.', { stay: true });
      return;
    }
    const link = document.createElement('a');
    link.href = url || recordingFile(id);
    link.download = '';
    link.textContent = 'Download';
    this.#notices.show('The recording is saved.', { stay: true, extra: link });
  }

  #tick() {
    this.#time.textContent = elapsed(Date.now() - this.#since);
  }

  /** @param {boolean} running */
  #label(running) {
    setIcon(this.#button, running ? 'stop' : 'record');
    this.#button.classList.toggle('running', running);
    const text = this.#button.querySelector('span');
    if (text) text.textContent = running ? 'Stop' : 'Record';
    this.#button.setAttribute('aria-label', running ? 'Stop recording' : 'Record this call');
  }
}

/** 75000 → 1:15. @param {number} ms */
export function elapsed(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
