// Watching by WHEP (draft-ietf-wish-whep): an offer is posted, the answer comes with the address of a session, candidates
// follow, and the session is deleted in the end. One object is one session. No DOM in here.

import { ApiError } from './api.js';
import { bearer } from './token.js';

/** How long the server may take to answer, and then media to come. */
const ANSWER_MS = 15_000;
const CONNECT_MS = 15_000;
/** Candidates that come so close together go in one request. */
const GATHER_MS = 50;

/** Events: `ended` {message} when it is over without having been closed. */
export class Whep extends EventTarget {
  /** What is watched, as it arrives. */
  stream = new MediaStream();

  #endpoint;
  #pc = new RTCPeerConnection();
  /** The session's address, and what its candidates have to match. @type {{ url: string, tag: string | null } | null} */
  #session = null;
  #closed = false;
  /** Candidates that the server does not know yet. @type {RTCIceCandidate[]} */
  #gathered = [];
  #allGathered = false;
  /** The last request with candidates: each waits for the one before. @type {Promise<void>} */
  #trickled = Promise.resolve();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #trickle;

  /** @param {string} endpoint */
  constructor(endpoint) {
    super();
    this.#endpoint = endpoint;
    const pc = this.#pc;
    for (const kind of ['video', 'audio']) pc.addTransceiver(kind, { direction: 'recvonly' });
    pc.addEventListener('track', ({ track }) => this.stream.addTrack(track));
    pc.addEventListener('icecandidate', ({ candidate }) => this.#gather(candidate));
    pc.addEventListener('connectionstatechange', () => {
      if (pc.connectionState === 'failed') this.#end('The connection to what is watched was lost.');
    });
  }

  /**
   * Begins to watch. Resolves once media can come; whoever closes meanwhile gets nothing.
   * @throws {ApiError} when the server refuses, or no way to it is found
   */
  async open() {
    const pc = this.#pc;
    const offer = await pc.createOffer();
    const response = await this.#post(offer.sdp ?? '');
    const location = response.headers.get('location');
    if (location) this.#session = { url: new URL(location, response.url).href, tag: response.headers.get('etag') };
    if (this.#closed) return this.#leave();
    try {
      const sdp = await response.text();
      // Gathering begins with the local description: not before the servers for it are known, which come with the answer.
      const iceServers = iceServersOf(response.headers.get('link'));
      if (iceServers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: 'answer', sdp });
      await this.#connected();
    } catch (error) {
      if (this.#closed) return;
      this.close();
      throw error instanceof ApiError ? error : new ApiError(`The answer of the server is of no use: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** Ends watching. Safe at any time. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#trickle);
    this.#pc.close();
    for (const track of this.stream.getTracks()) track.stop();
    this.#leave();
  }

  /** @param {string} body */
  async #post(body) {
    let response;
    try {
      const headers = { 'content-type': 'application/sdp', accept: 'application/sdp', ...bearer() };
      response = await fetch(this.#endpoint, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
    } catch {
      this.close();
      throw new ApiError('The server did not answer.');
    }
    if (response.ok) return response;
    this.close();
    throw await ApiError.of(response);
  }

  #connected() {
    const pc = this.#pc;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new ApiError('No way to the server was found for sound and picture.')), CONNECT_MS);
      const look = () => {
        if (pc.connectionState === 'new' || pc.connectionState === 'connecting') return;
        clearTimeout(deadline);
        pc.removeEventListener('connectionstatechange', look);
        if (pc.connectionState === 'connected') resolve(undefined);
        else reject(new ApiError('No way to the server was found for sound and picture.'));
      };
      pc.addEventListener('connectionstatechange', look);
      look();
    });
  }

  /** @param {RTCIceCandidate | null} candidate */
  #gather(candidate) {
    if (candidate?.candidate) this.#gathered.push(candidate);
    if (!candidate) this.#allGathered = true;
    clearTimeout(this.#trickle);
    this.#trickle = setTimeout(() => {
      this.#trickled = this.#trickled.then(() => this.#send());
    }, this.#allGathered ? 0 : GATHER_MS);
  }

  async #send() {
    const session = this.#session;
    const description = this.#pc.localDescription;
    if (!session || !description || this.#closed || (this.#gathered.length === 0 && !this.#allGathered)) return;
    const body = fragment(description.sdp, this.#gathered.splice(0), this.#allGathered);
    /** @type {Record<string, string>} */
    const headers = { 'content-type': 'application/trickle-ice-sdpfrag', ...bearer() };
    if (session.tag) headers['if-match'] = session.tag;
    // Whoever takes no candidates may still find us by ours; if not, the deadline tells.
    await fetch(session.url, { method: 'PATCH', headers, body, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => {});
  }

  #leave() {
    if (!this.#session) return;
    const { url } = this.#session;
    this.#session = null;
    // Also when the page goes away.
    void fetch(url, { method: 'DELETE', headers: bearer(), keepalive: true }).catch(() => {});
  }

  /** @param {string} message */
  #end(message) {
    if (this.#closed) return;
    this.close();
    this.dispatchEvent(new CustomEvent('ended', { detail: { message } }));
  }
}

/**
 * Candidates as RFC 8840, section 9, has them: all belong to the bundle's first m-line.
 * @param {string} sdp  of the offer
 * @param {{ candidate: string }[]} candidates
 * @param {boolean} ended  there are no more
 */
export function fragment(sdp, candidates, ended) {
  const line = (/** @type {string} */ start) => sdp.split(/\r?\n/u).find((each) => each.startsWith(start));
  const lines = [
    ...['a=ice-ufrag:', 'a=ice-pwd:', 'm=', 'a=mid:'].map(line),
    ...candidates.map(({ candidate }) => `a=${candidate}`),
    ended ? 'a=end-of-candidates' : undefined,
  ];
  return lines.filter(Boolean).map((each) => `${each}\r\n`).join('');
}

/**
 * The servers for ICE in a `Link` (RFC 9725, section 4.6).
 * @param {string | null} link
 * @returns {RTCIceServer[]}
 */
export function iceServersOf(link) {
  // Not by commas: there may be some inside of quotes.
  const links = link?.match(/<[^>]*>(?:\s*;\s*[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))*/gu) ?? [];
  return links.flatMap((each) => {
    const [, urls = ''] = /^<([^>]*)>/u.exec(each) ?? [];
    const value = (/** @type {string} */ name) => {
      const [, quoted, bare] = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;,"]+))`, 'u').exec(each) ?? [];
      return quoted?.replace(/\\(.)/gu, '$1') ?? bare;
    };
    return value('rel') === 'ice-server' ? [{ urls, username: value('username'), credential: value('credential') }] : [];
  });
}
