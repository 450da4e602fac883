// One endpoint: a peer connection that sends, or one that receives, under a name that is never used again.
// It offers exactly once. There is no renegotiation: what fails is closed, and another endpoint takes its place (line.js).
// Candidates may overtake descriptions in both directions, so both are held back until their description is in place.
// No DOM in here.

import { Refusal, asRefusal } from './protocol.js';

/**
 * @typedef {'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'} ConnectionState
 *   `disconnected` may recover by itself; `failed` and `closed` never do
 *
 * @typedef {object} Wiring
 * @property {string} name
 * @property {RTCIceServer[]} iceServers
 * @property {(connection: Connection) => void} build  adds the transceivers
 * @property {(connection: Connection, offer: string) => Promise<{ answer: string }>} offer
 * @property {(name: string, candidate: RTCIceCandidateInit | null) => void} candidate
 * @property {(connection: Connection) => void} moved  its state is another
 */

/** From the answer to a working path. */
const CONNECT_DEADLINE_MS = 12_000;

export class Connection {
  /** @type {ConnectionState} */
  state = 'new';
  /** Why it failed. @type {Refusal | null} */
  error = null;
  /** Whether it worked once. */
  proven = false;
  /** Whether the server knows of it, as far as we know. */
  known = false;

  #wiring;
  #answered = false;
  /** @type {(RTCIceCandidateInit | null)[]} */
  #localCandidates = [];
  /** @type {RTCIceCandidateInit[]} */
  #remoteCandidates = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #deadline;

  /** @param {Wiring} wiring */
  constructor(wiring) {
    this.#wiring = wiring;
    this.name = wiring.name;
    this.pc = new RTCPeerConnection({ iceServers: wiring.iceServers, bundlePolicy: 'max-bundle' });
    this.pc.addEventListener('icecandidate', ({ candidate }) => this.#localCandidate(candidate));
    this.pc.addEventListener('connectionstatechange', () => this.#followPeer());
  }

  /** Whether it may still become, or is, of use. */
  get hopeful() {
    return this.state !== 'failed' && this.state !== 'closed';
  }

  async open() {
    try {
      this.#wiring.build(this);
      await this.pc.setLocalDescription();
      if (!this.hopeful) return;
      this.known = true;
      const answer = this.#wiring.offer(this, this.pc.localDescription?.sdp ?? '');
      // The offer is on its way: what follows cannot overtake it.
      for (const candidate of this.#localCandidates.splice(0)) this.#wiring.candidate(this.name, candidate);
      this.#move('connecting');
      const sdp = (await answer).answer;
      if (!this.hopeful) return;
      await this.pc.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      return this.fail(asRefusal(error));
    }
    if (!this.hopeful) return;
    this.#answered = true;
    if (!this.proven) {
      const late = new Refusal('endpoint_failed', 'No path to the server was found. A firewall may be in the way.');
      this.#deadline = setTimeout(() => this.fail(late), CONNECT_DEADLINE_MS);
    }
    for (const candidate of this.#remoteCandidates.splice(0)) this.#addCandidate(candidate);
  }

  /** A candidate of the server. @param {RTCIceCandidateInit | null} candidate */
  candidate(candidate) {
    if (!candidate?.candidate || !this.hopeful) return;
    if (this.#answered) this.#addCandidate(candidate);
    else this.#remoteCandidates.push(candidate);
  }

  /** Whoever finds that it does not work says so. @param {Refusal} error */
  fail(error) {
    if (!this.hopeful) return;
    clearTimeout(this.#deadline);
    this.error = error;
    this.#move('failed');
  }

  close() {
    clearTimeout(this.#deadline);
    this.state = 'closed';
    this.pc.close();
  }

  /**
   * The transceiver of an m-line.
   * @param {string} mid
   */
  transceiver(mid) {
    return this.pc.getTransceivers().find((transceiver) => transceiver.mid === mid);
  }

  /** @param {RTCIceCandidate | null} candidate */
  #localCandidate(candidate) {
    // Some browsers mark the end twice: by an empty candidate, and by none.
    if (candidate && !candidate.candidate) return;
    const plain = candidate && candidate.toJSON();
    if (this.state === 'new') this.#localCandidates.push(plain);
    else if (this.hopeful) this.#wiring.candidate(this.name, plain);
  }

  /** @param {RTCIceCandidateInit} candidate */
  #addCandidate(candidate) {
    this.pc.addIceCandidate(candidate).catch((error) => {
      // One bad candidate does not spoil the others.
      if (this.hopeful) console.warn('A candidate was refused:', candidate.candidate, error);
    });
  }

  #followPeer() {
    switch (this.pc.connectionState) {
      case 'connected':
        clearTimeout(this.#deadline);
        this.proven = true;
        return this.#move('connected');
      case 'disconnected':
        return this.#move('disconnected');
      case 'failed':
        return this.fail(new Refusal('endpoint_failed', 'The path to the server broke.'));
    }
  }

  /** @param {ConnectionState} state */
  #move(state) {
    if (!this.hopeful || this.state === state) return;
    this.state = state;
    this.#wiring.moved(this);
  }
}
