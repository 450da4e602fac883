// The choice of camera, microphone and speaker: the same in the lobby and in the settings.

import { fromTemplate, part } from './dom.js';
import { Meter } from './meter.js';
import { canChooseSpeaker } from './sound.js';

let count = 0;

export class DevicePicker {
  #media;
  #sound;
  #element = fromTemplate('devices-template');
  #meter;
  #shown = false;
  /** @type {Record<'audioinput' | 'videoinput' | 'audiooutput', HTMLSelectElement>} */
  #selects;

  /**
   * @param {HTMLElement} holder
   * @param {import('./media.js').LocalMedia} media
   * @param {import('./sound.js').Sound} sound
   */
  constructor(holder, media, sound) {
    this.#media = media;
    this.#sound = sound;
    this.#meter = new Meter(part(this.#element, '.meter'));
    const select = (/** @type {string} */ name) => this.#label(name);
    this.#selects = { audioinput: select('microphone'), videoinput: select('camera'), audiooutput: select('speaker') };
    part(this.#element, '.device-speaker').hidden = !canChooseSpeaker;
    this.#on('audioinput', (id) => media.choose('audio', id));
    this.#on('videoinput', (id) => media.choose('video', id));
    this.#on('audiooutput', (id) => sound.choose(id));
    part(this.#element, '.test-speaker').addEventListener('click', () => sound.test());
    media.addEventListener('change', () => this.#update());
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#update());
    holder.append(this.#element);
  }

  /** Listen and list only while somebody looks. @param {boolean} shown */
  show(shown) {
    this.#shown = shown;
    return this.#update();
  }

  /** Labels need ids, and there are two pickers in the page. @param {string} name */
  #label(name) {
    const field = part(this.#element, `.device-${name}`);
    const select = /** @type {HTMLSelectElement} */ (part(field, 'select'));
    select.id = `device-${name}-${(count += 1)}`;
    part(field, 'label').setAttribute('for', select.id);
    return select;
  }

  /**
   * @param {'audioinput' | 'videoinput' | 'audiooutput'} kind
   * @param {(id: string) => Promise<string>} choose
   */
  #on(kind, choose) {
    const select = this.#selects[kind];
    select.addEventListener('change', async () => {
      const words = part(this.#element, '.device-words');
      words.textContent = await choose(select.value);
      await this.#update();
    });
  }

  async #update() {
    const { tracks } = this.#media;
    this.#meter.follow(this.#shown && tracks.audio?.enabled ? tracks.audio : null);
    if (!this.#shown || !this.#media.supported) return;
    const devices = await navigator.mediaDevices.enumerateDevices();
    const using = {
      audioinput: tracks.audio?.getSettings().deviceId ?? this.#media.chosen.audio,
      videoinput: tracks.video?.getSettings().deviceId ?? this.#media.chosen.video,
      audiooutput: this.#sound.speaker,
    };
    for (const [kind, select] of Object.entries(this.#selects)) {
      fill(select, devices.filter((device) => device.kind === kind && device.deviceId), using[/** @type {keyof typeof using} */ (kind)]);
    }
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {string} using
 */
function fill(select, devices, using) {
  const none = select.dataset.none ?? '';
  const options = devices.map(({ deviceId, label }, index) => new Option(label || `Device ${index + 1}`, deviceId));
  const known = devices.some(({ deviceId }) => deviceId === using);
  if (options.length === 0) options.push(new Option(none, ''));
  else if (!known) options.unshift(new Option('System default', ''));
  select.replaceChildren(...options);
  select.disabled = devices.length === 0;
  select.value = known ? using : options[0].value;
}
