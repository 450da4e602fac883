// How loud the microphone is, live.

/** Below this the meter shows nothing (dB of full scale). */
const FLOOR_DB = -55;

export class Meter {
  #element;
  #bar;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AnalyserNode | null} */
  #analyser = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #level = 0;
  #spokenAt = 0;

  /** @param {HTMLElement} element  of role meter, with the bar in it */
  constructor(element) {
    this.#element = element;
    this.#bar = /** @type {HTMLElement} */ (element.firstElementChild);
  }

  /** Listen to a track; null stops. @param {MediaStreamTrack | null} track */
  follow(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.#source?.disconnect();
    this.#source = null;
    this.#draw(0);
    if (!track) return void this.#context?.suspend();
    this.#context ??= new AudioContext();
    this.#analyser ??= Object.assign(this.#context.createAnalyser(), { fftSize: 1024 });
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
    void this.#context.resume();
    this.#run(track);
  }

  /** @param {MediaStreamTrack} track */
  #run(track) {
    const samples = new Float32Array(1024);
    const step = () => {
      if (track !== this.#track) return;
      this.#analyser?.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const level = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-12) - FLOOR_DB) / -FLOOR_DB));
      // Quick to rise, slow to fall, as the ear expects.
      this.#draw(Math.max(level, this.#level - 0.02));
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** @param {number} level */
  #draw(level) {
    this.#level = level;
    this.#bar.style.transform = `scaleX(${level.toFixed(3)})`;
    const now = performance.now();
    if (now - this.#spokenAt < 1_000) return;
    this.#spokenAt = now;
    this.#element.setAttribute('aria-valuenow', String(Math.round(level * 100)));
  }
}
