// The call as a program sees it: one Socket.IO session, the participants of one room, a peer connection for each.
// It speaks the message dialect of the Kurento group-call tutorial with plenum's extensions. No DOM in here:
// the page (app.js) is one listener among possible others.

import { Connection } from './connection.js';

/**
 * @typedef {'idle' | 'joining' | 'joined' | 'lost'} State  `lost`: the session broke and is being rebuilt
 * @typedef {{ id: string, startedAt: string | number }} Recording
 *
 * @typedef {object} Participant
 * @property {string} id
 * @property {string} name
 * @property {boolean} self
 * @property {'connecting' | 'connected' | 'failed'} state
 * @property {MediaStream} stream  what they send; empty for ourselves
 * @property {Connection | null} connection
 * @property {number} attempts  connections that failed in a row
 *
 * @typedef {object} Socket  the little that is used of socket.io-client
 * @property {boolean} active  false once it will not come back by itself
 * @property {() => unknown} connect
 * @property {() => unknown} disconnect
 * @property {(event: string, listener: (...args: any[]) => void) => unknown} on
 * @property {(event: string, message: object) => unknown} emit
 */

const JOIN_DEADLINE_MS = 10_000;
const KICKED_PAUSE_MS = 2_000;
const MAX_ATTEMPTS = 4;
/** A connection that stood this long has earned a fresh set of attempts. */
const STEADY_MS = 30_000;

/**
 * Events: `state` {state} · `participant-joined`, `participant-left`, `participant-changed` {participant} ·
 * `recording-started` {recording} · `recording-stopped` {id, state, url} · `error` {code, message} · `ended` {message}
 */
export class Client extends EventTarget {
  /** @type {State} */
  state = 'idle';
  /** @type {{ name: string, room: string } | null} */
  place = null;
  /** @type {Participant | null} */
  self = null;
  /** The others, by id. @type {Map<string, Participant>} */
  participants = new Map();
  /** @type {Recording | null} */
  recording = null;

  #openSocket;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {{ audio: MediaStreamTrack | null, video: MediaStreamTrack | null }} */
  #tracks = { audio: null, video: null };
  /** Ids that were ours before a reconnection: the server may still list them for a while. @type {Set<string>} */
  #formerIds = new Set();
  /** @type {{ resolve: () => void, reject: (error: Error) => void } | null} */
  #joining = null;

  /** @param {() => Socket} openSocket  gives a socket that is not yet connected */
  constructor(openSocket) {
    super();
    this.#openSocket = openSocket;
  }

  /**
   * Enter a room. Resolves when the server has let us in.
   * @param {{ name: string, room: string }} place
   * @returns {Promise<void>}
   */
  async join(place) {
    if (this.state !== 'idle') throw new Error('Already in a call: leave it first.');
    this.place = place;
    this.#setState('joining');
    const socket = this.#openSocket();
    this.#socket = socket;
    socket.on('connect', () => this.#send({ event: 'joinRoom', userName: place.name, roomName: place.room }));
    socket.on('disconnect', () => this.#lost(socket));
    socket.on('message', (message) => this.#receive(message));
    let deadline;
    try {
      await new Promise((resolve, reject) => {
        this.#joining = { resolve: () => resolve(undefined), reject };
        deadline = setTimeout(() => reject(new Error('The server does not answer. Try again in a moment.')), JOIN_DEADLINE_MS);
        socket.connect();
      });
    } catch (error) {
      this.leave();
      throw error;
    } finally {
      clearTimeout(deadline);
      this.#joining = null;
    }
  }

  /** Leave the room and forget everything about it. Safe at any time. */
  leave() {
    this.#joining?.reject(new Error('The call was left before it began.'));
    if (this.state === 'joined') this.#send({ event: 'leaveRoom' });
    this.#socket?.disconnect();
    this.#socket = null;
    this.self?.connection?.close();
    for (const participant of [...this.participants.values()]) this.#remove(participant.id);
    this.self = null;
    this.recording = null;
    this.#formerIds.clear();
    this.#setState('idle');
  }

  /**
   * The track to publish for a kind; null publishes nothing of that kind.
   * @param {'audio' | 'video'} kind
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(kind, track) {
    this.#tracks[kind] = track;
    if (this.self?.connection) await this.self.connection.replaceTrack(kind, track);
    else this.#publish();
    this.#fitPicture();
  }

  /**
   * Try a participant again whose connections failed too often.
   * @param {string} id
   */
  retry(id) {
    const participant = this.participants.get(id);
    if (!participant || participant.state !== 'failed') return;
    participant.attempts = 0;
    this.#connect(participant);
  }

  /** @param {any} message */
  #receive(message) {
    if (!this.#socket) return;
    switch (message?.event) {
      case 'existingParticipants':
        return this.#entered(message);
      case 'newParticipantArrived':
        return this.#add({ id: message.userid, name: message.username });
      case 'participantLeft':
        return this.#remove(message.userid);
      case 'receiveVideoAnswer':
        return void this.#find(message.senderid)?.connection?.answer(message.sdpAnswer);
      case 'candidate':
        return void (message.candidate && this.#find(message.userid)?.connection?.candidate(message.candidate));
      case 'recordingStarted':
        return this.#recordingStarted(message);
      case 'recordingStopped':
        this.recording = null;
        return this.#tell('recording-stopped', { id: message.id, state: message.state, url: message.url });
      case 'error':
        return this.#refused(message);
    }
  }

  /**
   * We are in (again). After a reconnection, whoever is still there keeps their place and gets a new connection.
   * @param {{ userid: string, existingUsers?: {id: string, name: string}[], iceServers?: RTCIceServer[], recording?: Recording | null }} message
   */
  #entered({ userid, existingUsers = [], iceServers = [], recording = null }) {
    if (this.self) {
      this.#formerIds.add(this.self.id);
      this.self.connection?.close();
    }
    this.#iceServers = iceServers;
    this.self = newParticipant(userid, this.place?.name ?? '', true);
    this.#setState('joined');
    this.#publish();

    const present = new Set(existingUsers.map(({ id }) => id));
    for (const id of [...this.participants.keys()]) if (!present.has(id)) this.#remove(id);
    for (const user of existingUsers) {
      const known = this.participants.get(user.id);
      if (known) {
        known.attempts = 0;
        this.#connect(known);
      } else this.#add(user);
    }
    if (recording) this.#recordingStarted(recording);
    else if (this.recording) {
      // It ended while we were away; nobody told us how.
      this.#tell('recording-stopped', { id: this.recording.id, state: 'unknown', url: null });
      this.recording = null;
    }
    this.#joining?.resolve();
  }

  /** @param {{ id: string, name: string }} user */
  #add({ id, name }) {
    if (!id || id === this.self?.id || this.#formerIds.has(id) || this.participants.has(id)) return;
    const participant = newParticipant(id, name, false);
    this.participants.set(id, participant);
    this.#tell('participant-joined', { participant });
    this.#connect(participant);
    this.#fitPicture();
  }

  /** @param {string} id */
  #remove(id) {
    const participant = this.participants.get(id);
    if (!participant) return;
    participant.connection?.close();
    participant.connection = null;
    this.participants.delete(id);
    this.#tell('participant-left', { participant });
    this.#fitPicture();
  }

  /** The more people there are, the smaller each picture is shown, here and in a recording. */
  #fitPicture() {
    const columns = Math.ceil(Math.sqrt(this.participants.size + 1));
    const lines = [720, 720, 360, 240][columns] ?? 180;
    void this.self?.connection?.limitHeight(this.participants.size < 2 ? 720 : lines);
  }

  #publish() {
    // Somebody without camera and microphone takes part by watching; there is nothing to connect yet.
    if (this.state === 'joined' && this.self && (this.#tracks.audio || this.#tracks.video)) this.#connect(this.self);
  }

  /**
   * A fresh connection for a participant (ourselves: publish; others: subscribe).
   * @param {Participant} participant
   */
  #connect(participant) {
    participant.connection?.close();
    for (const track of participant.stream.getTracks()) participant.stream.removeTrack(track);
    const about = { userid: participant.id, roomName: this.place?.room };
    const wiring = {
      iceServers: this.#iceServers,
      sendOffer: (/** @type {string} */ sdpOffer) => this.#send({ event: 'receiveVideoFrom', ...about, sdpOffer }),
      sendCandidate: (/** @type {RTCIceCandidateInit} */ candidate) => this.#send({ event: 'candidate', ...about, candidate }),
      onState: (/** @type {import('./connection.js').ConnectionState} */ state) => this.#connectionMoved(participant, state),
      onTrack: (/** @type {MediaStreamTrack} */ track) => {
        participant.stream.addTrack(track);
        this.#tell('participant-changed', { participant });
      },
    };
    participant.state = 'connecting';
    participant.connection = participant.self ? Connection.publish(wiring, this.#tracks) : Connection.subscribe(wiring);
    this.#tell('participant-changed', { participant });
  }

  /**
   * @param {Participant} participant
   * @param {import('./connection.js').ConnectionState} state
   */
  #connectionMoved(participant, state) {
    const connection = participant.connection;
    participant.state = state === 'connected' ? 'connected' : 'connecting';
    if (state === 'connected') {
      if (participant.self) this.#fitPicture();
      setTimeout(() => {
        if (participant.connection === connection && connection?.state === 'connected') participant.attempts = 0;
      }, STEADY_MS);
    }
    if (state === 'failed') {
      participant.attempts += 1;
      if (participant.attempts >= MAX_ATTEMPTS) participant.state = 'failed';
      else {
        setTimeout(() => {
          const current = this.#find(participant.id) === participant && participant.connection === connection;
          if (this.state === 'joined' && current) this.#connect(participant);
        }, 500 * 2 ** participant.attempts);
      }
    }
    this.#tell('participant-changed', { participant });
  }

  /** @param {Recording} recording */
  #recordingStarted({ id, startedAt }) {
    const known = this.recording?.id === id;
    this.recording = { id, startedAt };
    if (!known) this.#tell('recording-started', { recording: this.recording });
  }

  /** @param {{ code: string, message: string, userid?: string }} message */
  #refused({ code, message, userid }) {
    const error = new Error(message || `The server refused: ${code}.`);
    if (this.#joining) return this.#joining.reject(error);
    const participant = userid ? this.#find(userid) : undefined;
    if (participant) return participant.connection?.refuse();
    this.#tell('error', { code, message: error.message });
    if (this.state === 'lost') {
      // The server is back but will not have us: waiting longer helps nobody.
      this.leave();
      this.#tell('ended', { message: error.message });
    }
  }

  /** @param {Socket} socket */
  #lost(socket) {
    if (socket !== this.#socket) return;
    if (this.state === 'joined') this.#setState('lost');
    // Closed by the server (it restarts, perhaps): socket.io does not come back by itself.
    if (!socket.active) setTimeout(() => socket === this.#socket && socket.connect(), KICKED_PAUSE_MS);
  }

  /** @param {string} id */
  #find(id) {
    return id === this.self?.id ? this.self : this.participants.get(id);
  }

  /** @param {object} message */
  #send(message) {
    // While the session is broken, socket.io would queue this for the next one, where our id is another.
    if (this.state === 'lost' && !('userName' in message)) return;
    this.#socket?.emit('message', message);
  }

  /** @param {State} state */
  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell('state', { state });
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * @param {string} id
 * @param {string} name
 * @param {boolean} self
 * @returns {Participant}
 */
function newParticipant(id, name, self) {
  return { id, name: name || 'Nameless', self, state: 'connecting', stream: new MediaStream(), connection: null, attempts: 0 };
}
