// Sharing one's screen.

/** Events: `change` when sharing began or ended. */
export class Screen extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  track = null;
  #client;

  /** @param {import('../client.js').Client} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /** Phones have no screens to share. */
  get supported() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
  }

  /** @returns {Promise<string>} what went wrong, in words, or nothing */
  async start() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true });
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      // Whoever closes the browser's own question knows what they did.
      return name === 'NotAllowedError' || name === 'AbortError' ? '' : `The screen cannot be shared (${message || name}).`;
    }
    const [track] = stream.getVideoTracks();
    // Text must stay sharp; that it moves less smoothly is the smaller evil.
    track.contentHint = 'detail';
    track.addEventListener('ended', () => this.#ended(track));
    this.track = track;
    this.dispatchEvent(new Event('change'));
    try {
      await this.#client.shareScreen(stream);
      return '';
    } catch (error) {
      for (const each of stream.getTracks()) each.stop();
      this.#ended(track);
      return `The screen cannot be shared: ${/** @type {Error} */ (error).message}`;
    }
  }

  async stop() {
    const { track } = this;
    if (!track) return;
    track.stop();
    this.#ended(track);
    await this.#client.stopScreen();
  }

  /** @param {MediaStreamTrack} track */
  #ended(track) {
    if (this.track !== track) return;
    this.track = null;
    this.dispatchEvent(new Event('change'));
  }
}
