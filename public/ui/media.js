// Our own camera and microphone, and plain words for what goes wrong with them.

import { recall, remember } from './remember.js';

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const DEVICE = { audio: 'microphone', video: 'camera' };

/** @typedef {'audio' | 'video'} Kind */

/** Events: `change` after any track came, went, or was muted · `lost` {words} when a device vanished. */
export class LocalMedia extends EventTarget {
  /** @type {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null }} */
  tracks = { audio: null, video: null };
  /** For the preview: always holds the present tracks. */
  stream = new MediaStream();
  /** What went wrong with the last attempt, in words; empty when nothing did. */
  problem = '';
  /** Whether open() was tried. */
  tried = false;
  /** The devices of choice, by id; empty for the browser's own choice. @type {{ audio: string, video: string }} */
  chosen = recall('devices', { audio: '', video: '' });

  /** @type {Promise<void> | null} */
  #opening = null;

  /** Browsers offer devices only on https and localhost. */
  get supported() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get silent() {
    return !this.tracks.audio && !this.tracks.video;
  }

  /** Whether opening the devices would ask nobody anything. */
  async permitted() {
    if (!this.supported) return false;
    const states = await Promise.all([permission('camera'), permission('microphone')]);
    return states.every((state) => state === 'granted');
  }

  /**
   * Get both devices, or the one that can be had. Never throws: `problem` tells. Who asks while they are being opened
   * waits for that: a second answer would replace a microphone that has been muted meanwhile.
   */
  open() {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #open() {
    if (!this.supported) {
      this.tried = true;
      this.problem = 'This page did not come over https, so the browser offers no camera or microphone. You can still join to watch and listen.';
      return;
    }
    const error = await this.#get(this.#wanted('audio', 'video'));
    this.tried = true;
    this.problem = '';
    if (error) {
      const [camera, microphone] = await Promise.all([permission('camera'), permission('microphone')]);
      const refused = error.name === 'NotAllowedError';
      // Asking again for one device is only polite where the browser would not simply show the same question again.
      const audioError = refused && (microphone === 'denied' || camera !== 'denied') ? error : await this.#get(this.#wanted('audio'));
      const videoError = refused && (camera === 'denied' || microphone !== 'denied') ? error : await this.#get(this.#wanted('video'));
      if (audioError && videoError) this.problem = `${explain(error, 'camera or microphone')} You can join without them.`;
      else if (videoError) this.problem = `${explain(videoError, 'camera')} You can join with your voice only.`;
      else if (audioError) this.problem = `${explain(audioError, 'microphone')} The others will not hear you.`;
    }
    this.#changed();
  }

  /** @param {Kind} kind */
  isOn(kind) {
    return Boolean(this.tracks[kind]?.enabled);
  }

  /**
   * Switch a device. A muted microphone stays open (to be back at once); a camera that is off is off, its light too.
   * @param {Kind} kind
   * @param {boolean} on
   * @returns {Promise<string>} what went wrong, in words, or nothing
   */
  async set(kind, on) {
    const track = this.tracks[kind];
    if (on && !track) {
      if (!this.supported) return `This page did not come over https, so the browser offers no ${DEVICE[kind]}.`;
      const error = await this.#get(this.#wanted(kind));
      if (error) return explain(error, DEVICE[kind]);
    } else if (track && kind === 'video' && !on) this.#drop('video');
    else if (track) track.enabled = on;
    this.#changed();
    return '';
  }

  /**
   * Use another device; what was muted stays muted, and a camera that is off stays off.
   * @param {Kind} kind
   * @param {string} id
   * @returns {Promise<string>} what went wrong, in words, or nothing
   */
  async choose(kind, id) {
    const former = this.chosen;
    const track = this.tracks[kind];
    this.chosen = { ...former, [kind]: id };
    if (track) {
      const error = await this.#get(this.#wanted(kind));
      if (error) {
        this.chosen = former;
        this.#changed();
        return explain(error, DEVICE[kind]);
      }
      const now = this.tracks[kind];
      if (now) now.enabled = track.enabled;
    }
    remember('devices', this.chosen);
    this.#changed();
    return '';
  }

  /** Let go of all devices. */
  close() {
    this.#drop('audio');
    this.#drop('video');
    this.tried = false;
    this.#changed();
  }

  /**
   * The devices of choice. They are named exactly: to merely prefer them, browsers weigh against the picture's size.
   * @param {...Kind} kinds
   * @returns {MediaStreamConstraints}
   */
  #wanted(...kinds) {
    const device = (/** @type {Kind} */ kind) => (this.chosen[kind] ? { deviceId: { exact: this.chosen[kind] } } : {});
    return {
      audio: kinds.includes('audio') && { ...device('audio') },
      video: kinds.includes('video') && { ...PICTURE, ...device('video') },
    };
  }

  /**
   * @param {MediaStreamConstraints} constraints
   * @returns {Promise<Error | null>}
   */
  async #get(constraints) {
    try {
      const got = await navigator.mediaDevices.getUserMedia(constraints);
      for (const track of got.getTracks()) this.#take(track);
      return null;
    } catch (error) {
      const chosen = Boolean(this.chosen.audio || this.chosen.video);
      if (chosen && error instanceof Error && error.name === 'OverconstrainedError') {
        // The device of choice is not there any more: any will do.
        this.chosen = { audio: '', video: '' };
        const { audio, video } = constraints;
        return this.#get(this.#wanted(.../** @type {Kind[]} */ ([audio && 'audio', video && 'video'].filter(Boolean))));
      }
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** @param {MediaStreamTrack} track */
  #take(track) {
    const kind = /** @type {Kind} */ (track.kind);
    this.#drop(kind);
    this.tracks[kind] = track;
    this.stream.addTrack(track);
    track.addEventListener('ended', () => {
      if (this.tracks[kind] !== track) return;
      this.#drop(kind);
      this.#changed();
      this.dispatchEvent(new CustomEvent('lost', { detail: { words: `The ${DEVICE[kind]} is gone: unplugged, or taken away by the browser.` } }));
    });
  }

  /** @param {Kind} kind */
  #drop(kind) {
    const track = this.tracks[kind];
    if (!track) return;
    this.tracks[kind] = null;
    this.stream.removeTrack(track);
    track.stop();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * @param {'camera' | 'microphone'} name
 * @returns {Promise<PermissionState | 'unknown'>}
 */
async function permission(name) {
  try {
    return (await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) })).state;
  } catch {
    return 'unknown';
  }
}

/**
 * @param {Error} error  from getUserMedia
 * @param {string} device
 */
function explain(error, device) {
  switch (error.name) {
    case 'NotAllowedError':
      return `The browser was not allowed to use the ${device}. Allow it in the site settings beside the address.`;
    case 'NotFoundError':
      return `No ${device} was found on this device.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${device} cannot be opened: perhaps another program is using it.`;
    default:
      return `The ${device} cannot be used (${error.message || error.name}).`;
  }
}
