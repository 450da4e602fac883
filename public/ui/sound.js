// What is heard: one <audio> for each track that the client receives, on the loudspeaker of the person's choice.

import { make } from './dom.js';
import { recall, remember } from './remember.js';

/** Whether the browser lets a page choose where sound comes out. */
export const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

export class Sound {
  /** The chosen loudspeaker; empty for the system's. */
  speaker = canChooseSpeaker ? recall('speaker', '') : '';

  #client;
  #holder = make('div', { hidden: '' });
  #hear;
  /** @type {Map<MediaStreamTrack, HTMLAudioElement>} */
  #elements = new Map();

  /**
   * @param {import('../client.js').Client} client
   * @param {HTMLElement} hear  the button that appears when sound needs a gesture
   */
  constructor(client, hear) {
    this.#client = client;
    this.#hear = hear;
    document.body.append(this.#holder);
    client.addEventListener('audio', () => this.update());
    hear.addEventListener('click', () => {
      hear.hidden = true;
      for (const element of this.#elements.values()) this.#play(element);
    });
  }

  /** Follow the client's tracks. */
  update() {
    const wanted = new Set(this.#client.audio);
    for (const [track, element] of this.#elements) {
      if (wanted.has(track)) continue;
      element.srcObject = null;
      element.remove();
      this.#elements.delete(track);
    }
    for (const track of wanted) {
      if (this.#elements.has(track)) continue;
      const element = document.createElement('audio');
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
      this.#elements.set(track, element);
      this.#holder.append(element);
      void this.#route(element);
      void this.#play(element);
    }
    if (wanted.size === 0) this.#hear.hidden = true;
  }

  /**
   * @param {string} id  of the loudspeaker
   * @returns {Promise<string>} what went wrong, in words, or nothing
   */
  async choose(id) {
    const former = this.speaker;
    this.speaker = id;
    const results = await Promise.all([...this.#elements.values()].map((element) => this.#route(element)));
    if (results.includes(false)) {
      this.speaker = former;
      return 'This speaker cannot be used: perhaps it was unplugged. Choose another one.';
    }
    remember('speaker', id);
    return '';
  }

  /** A short tone, to try the speaker. */
  async test() {
    const element = new Audio(chime());
    await this.#route(element);
    await element.play().catch(() => {});
    element.addEventListener('ended', () => URL.revokeObjectURL(element.src));
  }

  /** @param {HTMLAudioElement} element */
  async #route(element) {
    if (!canChooseSpeaker || (this.speaker === '' && !element.sinkId)) return true;
    try {
      await element.setSinkId(this.speaker);
      return true;
    } catch {
      // Remembered from another day and gone: the system's own will do.
      return false;
    }
  }

  /** @param {HTMLAudioElement} element */
  async #play(element) {
    try {
      await element.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#hear.hidden = false;
    }
  }
}

/** Half a second of two soft tones, as the address of a WAV file. */
function chime() {
  const rate = 16_000;
  const samples = Int16Array.from({ length: rate * 0.7 }, (_, index) => {
    const time = index / rate;
    const tone = time < 0.25 ? 523 : 659;
    const since = time < 0.25 ? time : time - 0.25;
    return Math.sin(2 * Math.PI * tone * time) * Math.exp(-6 * since) * Math.min(1, since * 80) * 9_000;
  });
  const header = new DataView(new ArrayBuffer(44));
  for (const [at, text] of /** @type {const} */ ([[0, 'RIFF'], [8, 'WAVE'], [12, 'fmt '], [36, 'data']])) {
    for (let index = 0; index < 4; index += 1) header.setUint8(at + index, text.charCodeAt(index));
  }
  header.setUint32(4, 36 + samples.byteLength, true);
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  header.setUint32(40, samples.byteLength, true);
  return URL.createObjectURL(new Blob([header, samples], { type: 'audio/wav' }));
}
