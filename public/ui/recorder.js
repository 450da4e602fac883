// The Record button, and the sign that everyone in the room sees while a recording runs.

import { pauseRecording, recordingFile, resumeRecording, startRecording, stopRecording } from '../api.js';
import { withToken } from '../token.js';
import { elapsed } from './clock.js';
import { byId, listen, setIcon } from './dom.js';

/** @typedef {import('../client.js').Client} Client */
/** @typedef {import('../protocol.js').Recording} Recording */

export class Recorder {
  #client;
  #notices;
  #button = /** @type {HTMLButtonElement} */ (byId('record'));
  #badge = byId('recording-badge');
  #words = byId('recording-words');
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
    listen(client, 'recording-changed', ({ recording }) => this.#changed(recording));
    listen(client, 'recording-stopped', (stopped) => this.#stopped(stopped));
  }

  /** What the button and the badge are about: programs may record beside it. */
  get #current() {
    return this.#client.room?.recordings[0];
  }

  get running() {
    return this.#current !== undefined;
  }

  get paused() {
    return Boolean(this.#current?.paused);
  }

  /** On entering: what runs already is told until it is dismissed. */
  enter() {
    const recording = this.#current;
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
    const { place } = this.#client;
    if (!place) return;
    const recording = this.#current;
    if (recording) await this.#try('The recording could not be stopped', () => stopRecording(recording.id));
    else await this.#try('The recording could not be started', () => startRecording(place.room));
  }

  /** Hold the recording, or let it go on. */
  async hold() {
    const recording = this.#current;
    if (!recording) return;
    if (recording.paused) await this.#try('The recording could not be continued', () => resumeRecording(recording.id));
    else await this.#try('The recording could not be paused', () => pauseRecording(recording.id));
  }

  /**
   * @param {string} failure
   * @param {() => Promise<unknown>} act
   */
  async #try(failure, act) {
    this.#button.disabled = true;
    try {
      await act();
    } catch (error) {
      this.#notices.show(`${failure}: ${/** @type {Error} */ (error).message}`);
    } finally {
      this.#button.disabled = false;
    }
  }

  /**
   * @param {Recording} recording
   * @param {{ stay?: boolean }} [options]
   */
  #started(recording, { stay = false } = {}) {
    this.#show(recording);
    this.#label(true);
    this.#takeBack();
    this.#takeBack = this.#notices.show('This call is being recorded.', { stay });
  }

  /** @param {Recording} recording */
  #changed(recording) {
    if (recording.id !== this.#current?.id) return;
    const was = this.#badge.classList.contains('paused');
    this.#show(recording);
    if (was === recording.paused) return;
    this.#takeBack();
    this.#takeBack = this.#notices.show(recording.paused ? 'The recording is paused.' : 'The recording goes on.');
  }

  /** @param {Recording} recording */
  #show({ paused, elapsedMs }) {
    // Counted by our clock from what the server says: the two need not agree.
    this.#since = Date.now() - elapsedMs;
    clearInterval(this.#clock);
    if (!paused) this.#clock = setInterval(() => this.#tick(), 500);
    this.#tick();
    this.#words.textContent = paused ? 'Recording paused' : 'Recording';
    this.#badge.classList.toggle('paused', paused);
    this.#badge.hidden = false;
  }

  /** @param {{ id: string, state: string, url: string | null }} stopped */
  #stopped({ id, state, url }) {
    this.reset();
    if (this.#current) {
      this.#show(this.#current);
      this.#label(true);
    }
    if (state === 'failed') {
      this.#notices.show('The recording failed. What was saved until then is kept on the server.', { stay: true });
      return;
    }
    const link = document.createElement('a');
    link.href = url ? withToken(url) : recordingFile(id);
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
