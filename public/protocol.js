// The words of the native protocol (docs/protocol.md), as types, and the few rules that follow from them. Pure.

/**
 * @typedef {'camera' | 'microphone' | 'screen' | 'screenAudio'} Source
 * @typedef {'good' | 'fair' | 'poor' | 'lost'} Quality
 * @typedef {'moderator' | 'participant' | 'viewer'} Role
 * @typedef {{ id: string, startedAt: number, paused: boolean, elapsedMs: number }} Recording
 * @typedef {{ name: string, locked: boolean, lobby: boolean, recordings: Recording[] }} Room
 * @typedef {{ id: number, from: string, name: string, text: string, at: number }} ChatMessage
 * @typedef {{ id: string, name: string }} Waiter
 * @typedef {{ participant: string, source: Source }} TrackName
 * @typedef {{ mid: string, track: TrackName | null }} Slot
 * @typedef {{ participant: string, source: Source, height: number, pinned?: boolean }} Look
 *
 * @typedef {object} Member
 * @property {string} id
 * @property {string} name
 * @property {Role} role
 * @property {'connected' | 'reconnecting'} connection
 * @property {boolean} hand
 * @property {{ source: Source, muted: boolean }[]} tracks
 *
 * @typedef {object} Joined  everything there is to know on coming in
 * @property {string} id
 * @property {string} resume
 * @property {Member[]} participants
 * @property {Room} room
 * @property {string | null} speaker
 * @property {ChatMessage[]} chat
 * @property {string[]} endpoints
 * @property {Source[]} [sends]  what we may send, where our token does not allow all of it
 * @property {RTCIceServer[]} iceServers
 * @property {{ endpoints: number, slots: number, chatCharacters: number, reconnectSeconds: number }} limits
 */

/** What the server tells by itself. */
export const EVENTS = /** @type {const} */ ([
  'admitted', 'participantJoined', 'participantChanged', 'participantLeft', 'slots', 'candidate', 'speaker', 'demand', 'quality',
  'roomChanged', 'lobby', 'muted', 'chat', 'recordingStarted', 'recordingChanged', 'recordingStopped', 'error', 'removed',
]);

/** Why a request was not done: `code` is for programs, `message` for people. */
export class Refusal extends Error {
  /**
   * @param {string} code  one of the server's, or `offline`, `timeout`, `left`
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

/** @param {unknown} error */
export const asRefusal = (error) =>
  error instanceof Refusal ? error : new Refusal('internal', error instanceof Error ? error.message : String(error));

/** @type {Quality[]} */
const WORST_FIRST = ['lost', 'poor', 'fair', 'good'];

/**
 * The worst of some qualities; good when there are none.
 * @param {(Quality | undefined)[]} qualities
 * @returns {Quality}
 */
export const worst = (...qualities) => WORST_FIRST.find((quality) => qualities.includes(quality)) ?? 'good';

/** @param {Source} source @returns {'audio' | 'video'} */
export const kindOf = (source) => (source === 'camera' || source === 'screen' ? 'video' : 'audio');
