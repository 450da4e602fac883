// One person on the stage: picture, or initials while no picture flows; name; state.

import { byId } from './dom.js';

/** Without a new frame for this long, a picture counts as gone. */
const FRAME_PATIENCE_MS = 3_000;
const SPEECH_LEVEL = 0.02;
const SPEECH_HOLD_MS = 700;

export class Tile {
  element;
  /** Called when a failed connection should be tried again. @type {() => void} */
  onRetry = () => {};
  /** Called when the browser will not play sound without a gesture. @type {() => void} */
  onSilenced = () => {};

  #video;
  #state;
  #retry;
  #self;
  #frames = 0;
  #frameAt = 0;
  #spokeAt = 0;

  /**
   * @param {string} id
   * @param {{ self?: boolean }} [options]
   */
  constructor(id, { self = false } = {}) {
    const template = /** @type {HTMLTemplateElement} */ (/** @type {HTMLElement} */ (byId('tile-template')));
    this.element = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    this.element.dataset.participant = id;
    this.#self = self;
    this.element.classList.toggle('self', self);
    this.#video = this.#part('video', HTMLVideoElement);
    this.#state = this.#part('.tile-state', HTMLElement);
    this.#retry = this.#part('.tile-retry', HTMLButtonElement);
    this.#video.muted = self;
    this.#retry.addEventListener('click', () => this.onRetry());
  }

  /** @param {string} name */
  setName(name) {
    this.#part('.who', HTMLElement).textContent = this.#self ? 'You' : name;
    this.element.setAttribute('aria-label', this.#self ? `${name} (you)` : name);
    this.#part('.face span', HTMLElement).textContent = initials(name);
    this.#part('.face', HTMLElement).style.setProperty('--hue', String(hue(name)));
  }

  /** @param {MediaStream} stream */
  setStream(stream) {
    // An element that waits for a stream without tracks would hold up the page's load event for ever.
    if (stream.getTracks().length === 0) return;
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
    this.play();
  }

  /** Start the picture and, for others, the sound. */
  async play() {
    try {
      await this.#video.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.onSilenced();
      // AbortError: another track arrived meanwhile and started play() anew.
    }
  }

  /** @param {'connecting' | 'connected' | 'failed'} state */
  setState(state) {
    this.element.dataset.state = state;
    this.#state.textContent = state === 'connecting' ? 'Connecting…' : state === 'failed' ? 'No connection' : '';
    this.#retry.hidden = state !== 'failed' || this.#self;
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.element.classList.toggle('is-muted', muted);
  }

  /** For our own tile, which knows without looking. @param {boolean} shown */
  setPicture(shown) {
    this.element.classList.toggle('has-picture', shown);
  }

  /** Look whether frames still come in. @param {number} now */
  checkPicture(now) {
    const frames = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    if (frames !== this.#frames) {
      // A new stream counts from zero again; its first frame is news as well.
      if (frames > 0) this.#frameAt = now;
      this.#frames = frames;
    }
    this.setPicture(this.#frameAt > 0 && now - this.#frameAt < FRAME_PATIENCE_MS);
  }

  /**
   * Show who speaks, from the level of the received sound.
   * @param {RTCPeerConnection | undefined} pc
   * @param {number} now
   */
  async checkSpeech(pc, now) {
    const receiver = pc?.getReceivers().find(({ track }) => track.kind === 'audio');
    if (receiver && (await level(receiver)) > SPEECH_LEVEL) this.#spokeAt = now;
    this.element.classList.toggle('speaks', this.#spokeAt > 0 && now - this.#spokeAt < SPEECH_HOLD_MS);
  }

  remove() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  /**
   * @template {HTMLElement} E
   * @param {string} selector
   * @param {new () => E} type
   * @returns {E}
   */
  #part(selector, type) {
    const part = this.element.querySelector(selector);
    if (!(part instanceof type)) throw new Error(`The tile template lacks ${selector}.`);
    return part;
  }
}

/** @param {RTCRtpReceiver} receiver */
async function level(receiver) {
  // Cheap, but only there if the sender's level travels with the packets.
  const [source] = receiver.getSynchronizationSources();
  if (source?.audioLevel !== undefined) return source.audioLevel;
  for (const report of (await receiver.getStats()).values()) {
    if (report.type === 'inbound-rtp') return report.audioLevel ?? 0;
  }
  return 0;
}

/** Up to two letters that stand for a name. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : ''].map((word) => [...(word ?? '')][0] ?? '');
  return letters.join('').toUpperCase();
}

/** A colour of one's own, the same on every screen. @param {string} name */
function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return sum;
}
