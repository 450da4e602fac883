// One peer connection: our own publication (sendonly) or our view of one other participant (recvonly).
// It offers exactly once. There is no renegotiation: what fails is closed, and a new connection takes its place.
// Candidates may overtake descriptions in both directions, so both are held back until their description is in place.
// No DOM in here.

/**
 * @typedef {'new' | 'connecting' | 'connected' | 'failed' | 'closed'} ConnectionState
 *
 * @typedef {object} Wiring
 * @property {RTCIceServer[]} iceServers
 * @property {(sdp: string) => void} sendOffer
 * @property {(candidate: RTCIceCandidateInit) => void} sendCandidate
 * @property {(state: ConnectionState) => void} onState
 * @property {(track: MediaStreamTrack) => void} [onTrack]
 */

/** From the answer to a working path; an unanswered offer waits as long as the server likes. */
const CONNECT_DEADLINE_MS = 20_000;

export class Connection {
  /** @type {ConnectionState} */
  state = 'new';
  /** The bare peer connection, for getStats(). */
  pc;

  #wiring;
  #offerSent = false;
  #answered = false;
  /** @type {RTCIceCandidateInit[]} */
  #localCandidates = [];
  /** @type {RTCIceCandidateInit[]} */
  #remoteCandidates = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #deadline;

  /** @param {Wiring} wiring */
  constructor(wiring) {
    this.#wiring = wiring;
    this.pc = new RTCPeerConnection({ iceServers: wiring.iceServers });
    this.pc.addEventListener('icecandidate', ({ candidate }) => candidate && this.#localCandidate(candidate.toJSON()));
    this.pc.addEventListener('track', ({ track }) => wiring.onTrack?.(track));
    this.pc.addEventListener('connectionstatechange', () => this.#followPeer());
  }

  /**
   * Publish. Both kinds get a place even when a track is missing, so that a camera may be switched on later.
   * @param {Wiring} wiring
   * @param {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null }} tracks
   */
  static publish(wiring, tracks) {
    const connection = new Connection(wiring);
    const streams = [new MediaStream()];
    for (const kind of /** @type {const} */ (['audio', 'video'])) {
      connection.pc.addTransceiver(tracks[kind] ?? kind, { direction: 'sendonly', streams });
    }
    return connection.#open();
  }

  /**
   * Receive another participant's sound and picture.
   * @param {Wiring} wiring
   */
  static subscribe(wiring) {
    const connection = new Connection(wiring);
    connection.pc.addTransceiver('audio', { direction: 'recvonly' });
    connection.pc.addTransceiver('video', { direction: 'recvonly' });
    return connection.#open();
  }

  /**
   * Exchange (or, with null, silence) the published track of a kind without a new offer.
   * @param {'audio' | 'video'} kind
   * @param {MediaStreamTrack | null} track
   */
  async replaceTrack(kind, track) {
    const transceiver = this.pc.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
    if (transceiver && this.state !== 'closed') await transceiver.sender.replaceTrack(track);
  }

  /**
   * Send no more lines of picture than anybody shows. The camera itself is left as it is.
   * @param {number} lines
   */
  async limitHeight(lines) {
    const sender = this.pc.getSenders().find(({ track }) => track?.kind === 'video');
    const height = sender?.track?.getSettings().height;
    if (!sender || !height || this.state === 'closed') return;
    const parameters = sender.getParameters();
    const scale = Math.max(1, height / lines);
    if (!parameters.encodings?.length || parameters.encodings[0].scaleResolutionDownBy === scale) return;
    parameters.encodings[0].scaleResolutionDownBy = scale;
    // Not every browser lets every camera be scaled; the full picture is right as well.
    await sender.setParameters(parameters).catch(() => {});
  }

  /** @param {string} sdp */
  async answer(sdp) {
    try {
      await this.pc.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      this.#fail('the answer was refused', error);
      return;
    }
    this.#answered = true;
    this.#deadline = setTimeout(() => this.#fail('no path to the server was found in time'), CONNECT_DEADLINE_MS);
    this.#followPeer();
    for (const candidate of this.#remoteCandidates.splice(0)) await this.#addCandidate(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  async candidate(candidate) {
    if (this.#answered) await this.#addCandidate(candidate);
    else this.#remoteCandidates.push(candidate);
  }

  /** The server said that this connection will not work. */
  refuse() {
    this.#fail('the server refused it');
  }

  close() {
    clearTimeout(this.#deadline);
    this.state = 'closed';
    this.pc.close();
  }

  #open() {
    this.#offer().catch((error) => this.#fail('no offer could be made', error));
    return this;
  }

  async #offer() {
    await this.pc.setLocalDescription(await this.pc.createOffer());
    if (this.state === 'closed') return;
    this.#wiring.sendOffer(this.pc.localDescription?.sdp ?? '');
    this.#offerSent = true;
    for (const candidate of this.#localCandidates.splice(0)) this.#wiring.sendCandidate(candidate);
    this.#move('connecting');
  }

  /** @param {RTCIceCandidateInit} candidate */
  #localCandidate(candidate) {
    if (this.#offerSent) this.#wiring.sendCandidate(candidate);
    else this.#localCandidates.push(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #addCandidate(candidate) {
    try {
      await this.pc.addIceCandidate(candidate);
    } catch (error) {
      // One bad candidate does not spoil the others.
      if (this.state !== 'closed') console.warn('A candidate was refused:', candidate.candidate, error);
    }
  }

  #followPeer() {
    switch (this.pc.connectionState) {
      case 'connected':
        clearTimeout(this.#deadline);
        return this.#move('connected');
      case 'disconnected':
        return this.#move('connecting');
      case 'failed':
        return this.#fail('the path to the server broke');
    }
  }

  /**
   * @param {string} why
   * @param {unknown} [error]
   */
  #fail(why, error) {
    if (this.state === 'closed' || this.state === 'failed') return;
    console.warn(`A connection failed: ${why}.`, error ?? '');
    clearTimeout(this.#deadline);
    this.#move('failed');
  }

  /** @param {ConnectionState} state */
  #move(state) {
    if (this.state === 'closed' || this.state === 'failed' || this.state === state) return;
    this.state = state;
    this.#wiring.onState(state);
  }
}
