// Who is in the room. Each person is one object from coming to going, so that whoever shows them may hold on to it.
// No DOM in here.

import { worst } from './protocol.js';

/**
 * @typedef {import('./protocol.js').Member} Member
 * @typedef {import('./protocol.js').Source} Source
 * @typedef {import('./protocol.js').Quality} Quality
 *
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} name
 * @property {import('./protocol.js').Role} role
 * @property {'connected' | 'reconnecting'} connection
 * @property {boolean} hand
 * @property {boolean} self
 * @property {Map<Source, { muted: boolean }>} tracks  what they publish
 * @property {Quality} quality  the worse of what the server says and what our own figures say
 * @property {Map<Source, MediaStreamTrack>} media  their pictures, while they arrive
 */

export class Roster {
  /** @type {Participant | null} */
  self = null;
  /** The others, in the order in which they came. @type {Map<string, Participant>} */
  others = new Map();

  /** What the server says and what we found ourselves. @type {Map<string, { theirs?: Quality, ours?: Quality }>} */
  #qualities = new Map();

  /**
   * Everybody, as of now.
   * @param {Member[]} members
   * @param {string} selfId
   * @returns {{ joined: Participant[], left: Participant[], changed: Participant[] }}
   */
  reset(members, selfId) {
    const left = [...this.others.keys()].filter((id) => id === selfId || !members.some((member) => member.id === id));
    const gone = left.map((id) => this.remove(id)).filter((participant) => participant !== null);
    if (this.self && this.self.id !== selfId) this.self = null;
    /** @type {Participant[]} */
    const joined = [];
    /** @type {Participant[]} */
    const changed = [];
    for (const member of members) {
      const { participant, fresh } = this.#take(member, member.id === selfId);
      (fresh && !participant.self ? joined : changed).push(participant);
    }
    const order = members.map(({ id }) => id);
    this.others = new Map([...this.others].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
    return { joined, left: gone, changed };
  }

  /**
   * Somebody came, or is another than before.
   * @param {Member} member
   */
  put(member) {
    return this.#take(member, member.id === this.self?.id);
  }

  /** @param {string} id @returns {Participant | null} */
  remove(id) {
    const participant = this.others.get(id) ?? null;
    this.others.delete(id);
    this.#qualities.delete(id);
    return participant;
  }

  /** @param {string | undefined} id */
  find(id) {
    return (id === this.self?.id ? this.self : id && this.others.get(id)) || null;
  }

  clear() {
    const left = [...this.others.keys()].map((id) => this.remove(id)).filter((participant) => participant !== null);
    this.#qualities.clear();
    this.self = null;
    return left;
  }

  /**
   * How well their media arrives, in somebody's opinion. Returns them if that changes anything.
   * @param {string} id
   * @param {'theirs' | 'ours'} whose
   * @param {Quality} quality
   */
  judge(id, whose, quality) {
    const participant = this.find(id);
    if (!participant) return null;
    const opinions = this.#qualities.get(id) ?? {};
    opinions[whose] = quality;
    this.#qualities.set(id, opinions);
    const together = worst(opinions.theirs, opinions.ours);
    if (participant.quality === together) return null;
    participant.quality = together;
    return participant;
  }

  /**
   * The pictures that arrive now. Returns what came or went.
   * @param {Map<string, Map<Source, { track: MediaStreamTrack }>>} places
   */
  show(places) {
    const changes = [];
    for (const participant of this.others.values()) {
      for (const source of /** @type {const} */ (['camera', 'screen'])) {
        // Who publishes it no longer has no picture, whatever a slot still holds.
        const track = participant.tracks.has(source) ? places.get(participant.id)?.get(source)?.track : undefined;
        if (participant.media.get(source) === track) continue;
        if (track) participant.media.set(source, track);
        else participant.media.delete(source);
        changes.push({ participant, source });
      }
    }
    return changes;
  }

  /** @param {Member} member @param {boolean} self */
  #take(member, self) {
    const { id, name, role, connection, hand } = member;
    const tracks = new Map(member.tracks.map(({ source, muted }) => [source, { muted }]));
    const known = this.find(id);
    if (known) {
      Object.assign(known, { name, role, connection, hand, tracks });
      return { participant: known, fresh: false };
    }
    /** @type {Participant} */
    const participant = { id, name, role, connection, hand, self, tracks, quality: 'good', media: new Map() };
    if (self) this.self = participant;
    else this.others.set(id, participant);
    return { participant, fresh: true };
  }
}
