// What is known of the room: its settings, the people, who speaks, what was said. Follows the server's word, and says what
// changed. Knows nothing of media. No DOM in here.

import { Roster } from './roster.js';

/**
 * @typedef {import('./protocol.js').Room} Room
 * @typedef {import('./protocol.js').Joined} Joined
 * @typedef {import('./protocol.js').Recording} Recording
 * @typedef {import('./protocol.js').ChatMessage} ChatMessage
 * @typedef {import('./protocol.js').Waiter} Waiter
 */

export class RoomState {
  roster = new Roster();
  /** @type {Room | null} */
  settings = null;
  /** @type {Waiter[]} */
  waiting = [];
  /** @type {string | null} */
  speaker = null;
  /** @type {ChatMessage[]} */
  messages = [];

  #tell;

  /** @param {(type: string, detail: object) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * Everything there is to know, on coming in or back.
   * @param {Joined} snapshot
   * @param {boolean} fresh  as somebody new
   */
  enter(snapshot, fresh) {
    const before = this.settings?.recordings ?? [];
    const known = new Set(fresh ? [] : this.messages.map(({ id }) => id));
    const { joined, left, changed } = this.roster.reset(snapshot.participants, snapshot.id);
    this.settings = snapshot.room;
    this.messages = [...snapshot.chat];
    for (const participant of left) this.#tell('participant-left', { participant });
    for (const participant of joined) this.#tell('participant-joined', { participant });
    for (const participant of changed) this.#tell('participant-changed', { participant });
    this.#tell('room', { room: this.settings });
    // Moderators are told again.
    this.#waits([]);
    this.#speaks(snapshot.speaker);
    for (const message of this.messages) if (!known.has(message.id)) this.#tell('chat', { message });
    const { recordings } = snapshot.room;
    const among = (/** @type {Recording[]} */ list, /** @type {string} */ id) => list.some((recording) => recording.id === id);
    // They ended while we were away; nobody told us how.
    for (const { id } of before) if (!among(recordings, id)) this.#tell('recording-stopped', { id, state: 'unknown', url: null });
    for (const recording of recordings) this.#tell(among(before, recording.id) ? 'recording-changed' : 'recording-started', { recording });
  }

  /**
   * @param {string} name
   * @param {any} data
   */
  hear(name, data) {
    switch (name) {
      case 'participantJoined':
      case 'participantChanged':
        return this.#put(data.participant);
      case 'participantLeft': {
        const participant = this.roster.remove(data.participant);
        return participant && this.#tell('participant-left', { participant });
      }
      case 'speaker':
        return this.#speaks(data.participant);
      case 'quality':
        return this.judge(data.participant, 'theirs', data.quality);
      case 'chat':
        if (this.messages.some(({ id }) => id === data.id)) return;
        this.messages.push(data);
        return this.#tell('chat', { message: data });
      case 'roomChanged':
        return this.#change(data.room);
      case 'lobby':
        return this.#waits(data.waiting);
      case 'recordingStarted':
        this.#change({ recordings: [...this.#recordings.filter(({ id }) => id !== data.id), data] });
        return this.#tell('recording-started', { recording: data });
      case 'recordingChanged':
        this.#change({ recordings: this.#recordings.map((recording) => (recording.id === data.id ? data : recording)) });
        return this.#tell('recording-changed', { recording: data });
      case 'recordingStopped':
        this.#change({ recordings: this.#recordings.filter(({ id }) => id !== data.id) });
        return this.#tell('recording-stopped', data);
    }
  }

  /**
   * How well somebody's media arrives, in the opinion of the server (`theirs`) or our own.
   * @param {string} id
   * @param {'theirs' | 'ours'} whose
   * @param {import('./protocol.js').Quality} quality
   */
  judge(id, whose, quality) {
    const participant = this.roster.judge(id, whose, quality);
    if (participant) this.#tell('participant-changed', { participant });
  }

  /** Nothing of it is left. */
  clear() {
    for (const participant of this.roster.clear()) this.#tell('participant-left', { participant });
    this.settings = null;
    this.waiting = [];
    this.speaker = null;
    this.messages = [];
  }

  /** @param {import('./protocol.js').Member} member */
  #put(member) {
    const { participant, fresh } = this.roster.put(member);
    this.#tell(fresh ? 'participant-joined' : 'participant-changed', { participant });
    if (participant.self && participant.role !== 'moderator') this.#waits([]);
  }

  /** @param {Waiter[]} waiting */
  #waits(waiting) {
    if (waiting.length === 0 && this.waiting.length === 0) return;
    this.waiting = waiting;
    this.#tell('lobby', { waiting });
  }

  /** @param {string | null} id */
  #speaks(id) {
    if (this.speaker === id) return;
    this.speaker = id;
    this.#tell('speaker', { participant: id });
  }

  /** @returns {Recording[]} */
  get #recordings() {
    return this.settings?.recordings ?? [];
  }

  /** @param {Partial<Room>} change */
  #change(change) {
    if (!this.settings) return;
    this.settings = { ...this.settings, ...change };
    this.#tell('room', { room: this.settings });
  }
}
