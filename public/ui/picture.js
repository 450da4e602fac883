// A track in a <video>, which is shown only while frames of that very track arrive. One slot carries one person after
// another, and a video element keeps the last frame it had: nobody's face may stand under somebody else's name.

/** Without a new frame for this long, a camera's picture counts as gone. */
const PATIENCE_MS = 4_000;
/** A frame's arrival is stamped by another clock than the message that names its sender. */
const CLOCK_SLACK_MS = 20;

export class Picture {
  /** Called when the picture appears or goes. @type {(shown: boolean) => void} */
  onShown = () => {};
  /** The last frame's size. */
  width = 0;
  height = 0;

  #video;
  #patient;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #since = 0;
  #frameAt = 0;
  #shown = false;
  #attachment = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {{ patient?: boolean }} [options]  patient: a picture that stands still is no news (screens)
   */
  constructor(video, { patient = false } = {}) {
    this.#video = video;
    this.#patient = patient;
    // Sound has elements of its own.
    video.muted = true;
  }

  /** @param {MediaStreamTrack | null} track */
  attach(track) {
    if (track === this.#track) return;
    this.#track = track;
    this.#attachment += 1;
    this.#set(false);
    this.#video.srcObject = track ? new MediaStream([track]) : null;
    if (!track) return;
    this.#since = performance.now();
    this.#frameAt = 0;
    this.#await(this.#attachment);
    // AbortError: another track arrived meanwhile.
    this.#video.play().catch(() => {});
  }

  /** Look whether frames still come in. A hidden page renders none, which says nothing. @param {number} now */
  check(now) {
    if (this.#shown && !this.#patient && now - this.#frameAt > PATIENCE_MS) this.#set(false);
  }

  /** @param {number} attachment */
  #await(attachment) {
    if (!('requestVideoFrameCallback' in this.#video)) return this.#awaitByEvent(attachment);
    this.#video.requestVideoFrameCallback((now, frame) => {
      if (attachment !== this.#attachment) return;
      const stale = frame.receiveTime !== undefined && frame.receiveTime < this.#since - CLOCK_SLACK_MS;
      this.width = frame.width;
      this.height = frame.height;
      if (!stale) {
        this.#frameAt = now;
        this.#set(true);
      }
      this.#await(attachment);
    });
  }

  /** Browsers without frame callbacks still tell when time goes on. @param {number} attachment */
  #awaitByEvent(attachment) {
    this.#video.addEventListener('timeupdate', () => {
      if (attachment !== this.#attachment) return;
      this.#frameAt = performance.now();
      this.width = this.#video.videoWidth;
      this.height = this.#video.videoHeight;
      this.#set(this.width > 0);
      this.#awaitByEvent(attachment);
    }, { once: true });
  }

  /** @param {boolean} shown */
  #set(shown) {
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.onShown(shown);
  }
}
