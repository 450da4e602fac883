// A bad network between browsers and the server, for the lab's kernel has none: a relay of datagrams that loses, delays
// and cuts, and a proxy of connections that cuts. What is lost depends on the seed and on the order of the packets alone.
//
//   const relay = startRelay({ seed: 1 });
//   const line = await relay.attach(page, { loss: 2, delay: 40, jitter: 10 });   // before page.goto()
//   line.set({ loss: 20 }); line.cut(); line.restore(); line.counts(); relay.stop();
//   const proxy = await startProxy(server.url);                                   // page.goto(proxy.url)
//   await proxy.cut(); await proxy.cut('silence'); await proxy.restore(); await proxy.stop();

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const PERFECT = { loss: 0, delay: 0, jitter: 0 };

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One way of a line, for all its datagrams: they come out in the order in which they went in, or not at all. */
class Way {
  counts = { received: 0, lost: 0, cut: 0, sent: 0 };
  conditions;
  isCut = false;
  #roll;
  #queue = [];
  #last = 0;
  #timer;

  constructor(seed, conditions) {
    this.#roll = dice(seed);
    this.conditions = conditions;
  }

  /** Calls `send` when the datagram is to come out, if it does. */
  take(send) {
    this.counts.received += 1;
    // Two rolls each, whatever comes of them: what happens to a packet does not depend on the conditions before it.
    const [fate, wait] = [this.#roll(), this.#roll()];
    if (this.isCut) return void (this.counts.cut += 1);
    const { loss, delay, jitter } = this.conditions;
    if (fate * 100 < loss) return void (this.counts.lost += 1);
    const now = performance.now();
    const due = Math.max(this.#last, now + delay + wait * jitter);
    this.#last = due;
    if (due <= now && this.#queue.length === 0) return this.#send(send);
    this.#queue.push({ due, send });
    this.#arm();
  }

  #arm() {
    if (this.#timer || this.#queue.length === 0) return;
    // A timer is up to one millisecond early or late; early would be too quick a network.
    this.#timer = setTimeout(() => this.#release(), Math.max(0, Math.ceil(this.#queue[0].due - performance.now())));
  }

  #release() {
    this.#timer = undefined;
    while (this.#queue.length > 0 && this.#queue[0].due <= performance.now()) this.#send(this.#queue.shift().send);
    this.#arm();
  }

  #send(send) {
    if (this.isCut) return void (this.counts.cut += 1);
    this.counts.sent += 1;
    send();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#queue = [];
    this.isCut = true;
  }
}

/** The path of one browser, with all its peer connections. */
class Line {
  #address;
  #up;
  #down;
  /** The socket that stands for a candidate of the server, by peer connection and candidate. */
  #fronts = new Map();
  #sockets = new Set();
  #stopped = false;

  constructor(address, seed, conditions) {
    this.#address = address;
    this.#up = new Way(seed * 2, PERFECT);
    this.#down = new Way(seed * 2 + 1, PERFECT);
    this.set(conditions);
  }

  /** New conditions, `{loss, delay, jitter}` in percent and milliseconds for both ways, or `{up: …, down: …}`. */
  set({ up = {}, down = {}, ...both }) {
    this.#up.conditions = { ...this.#up.conditions, ...both, ...up };
    this.#down.conditions = { ...this.#down.conditions, ...both, ...down };
  }

  /** From now on nothing comes through, what is under way included. */
  cut() {
    this.#up.isCut = this.#down.isCut = true;
  }

  restore() {
    this.#up.isCut = this.#down.isCut = false;
  }

  /** How many datagrams came in, were lost by chance or by the cut, and went out, from the browser and to it. */
  counts() {
    return { up: { ...this.#up.counts }, down: { ...this.#down.counts } };
  }

  /** The ports at which the server sees this browser. */
  ports() {
    return [...this.#sockets].filter(({ faces }) => faces === 'server').map(({ socket }) => socket.address().port);
  }

  /** A port of ours that leads to `host:port`, for the peer connection `owner`. */
  front(owner, host, port) {
    const key = `${owner} ${host} ${port}`;
    if (!this.#fronts.has(key)) this.#fronts.set(key, this.#open(host, port));
    return this.#fronts.get(key);
  }

  async #open(host, port) {
    // Each address of the browser has a socket towards the server, as at a NAT: the server tells them apart by it.
    const backs = new Map();
    const front = await this.#bind('browser');
    front.on('message', (datagram, from) => {
      const source = `${from.address} ${from.port}`;
      if (!backs.has(source)) {
        backs.set(source, this.#bind('server'));
        const relayed = (answer) => this.#down.take(() => send(front, answer, from.port, from.address));
        backs.get(source).then((back) => back.on('message', relayed)).catch(() => {});
      }
      this.#up.take(() => backs.get(source).then((back) => send(back, datagram, port, host)).catch(() => {}));
    });
    return front.address().port;
  }

  async #bind(faces) {
    // A page may try to come back until it is closed; a socket that nobody closes would keep the tests from ending.
    if (this.#stopped) throw new Error('the relay was stopped');
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    // An ICMP error of an earlier datagram: on the network of the test it would have been lost as well.
    socket.on('error', () => {});
    this.#sockets.add({ faces, socket });
    socket.bind(0, this.#address);
    await once(socket, 'listening');
    return socket;
  }

  /** The same candidate by way of this line; null if it cannot be had so (TCP, IPv6, names). */
  async reroute(owner, candidate) {
    const words = candidate.replace(/^a=/, '').split(' ');
    const [, , protocol, , host, port] = words;
    if (protocol?.toLowerCase() !== 'udp' || !/^[\d.]+$/.test(host)) return null;
    words[4] = this.#address;
    words[5] = String(await this.front(owner, host, Number(port)));
    // Where a reflexive candidate comes from would lead around the relay.
    const related = words.indexOf('raddr');
    if (related > 0) words.splice(related, 4, 'raddr', '0.0.0.0', 'rport', '9');
    return words.join(' ');
  }

  stop() {
    this.#stopped = true;
    this.#up.stop();
    this.#down.stop();
    for (const { socket } of this.#sockets) socket.close();
    this.#sockets.clear();
  }
}

function send(socket, datagram, port, host) {
  try {
    socket.send(datagram, port, host);
  } catch {
    // Closed by `stop`.
  }
}

/** A relay at the lab's address. The lines of one relay are all different, and the same in every run. */
export function startRelay({ seed = 1, address = process.env.LAB_ADDRESS ?? '127.0.0.1' } = {}) {
  const lines = [];
  const line = (conditions = {}) => {
    const made = new Line(address, seed * 1000 + lines.length, conditions);
    lines.push(made);
    return made;
  };
  return {
    line,
    /** Leads all peer connections of a page of playwright through a new line. Before the page is loaded. */
    async attach(page, conditions = {}) {
      const made = line(conditions);
      await page.exposeFunction('relayReroute', (owner, candidate) => made.reroute(owner, candidate));
      await page.addInitScript(takeTheRelay);
      return made;
    },
    stop() {
      for (const each of lines) each.stop();
    },
  };
}

/** Runs in the page before its own scripts: peer connections tell and are told of no way but the relay's. */
function takeTheRelay() {
  const Native = window.RTCPeerConnection;
  if (!Native) return;
  const ofDocument = Math.random().toString(36).slice(2);
  let made = 0;
  const without = (sdp) => sdp?.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, '');
  const getter = (name) => Object.getOwnPropertyDescriptor(Native.prototype, name).get;

  class Relayed extends Native {
    #name = `${ofDocument}-${(made += 1)}`;

    constructor(...configuration) {
      super(...configuration);
      // The first to listen: nobody after it hears of our own candidates, so that the server cannot send there. Nor that
      // there are no more of them, for it has none at all and might give up.
      this.addEventListener('icecandidate', (event) => event.stopImmediatePropagation());
    }

    async addIceCandidate(candidate, ...rest) {
      if (!candidate?.candidate) return super.addIceCandidate(candidate, ...rest);
      const rerouted = await window.relayReroute(this.#name, candidate.candidate);
      if (!rerouted) return undefined;
      const { sdpMid = null, sdpMLineIndex = null } = candidate;
      return super.addIceCandidate({ candidate: rerouted, sdpMid, sdpMLineIndex }, ...rest);
    }

    async setRemoteDescription(description, ...rest) {
      const lines = description?.sdp?.split('\n') ?? [];
      const rerouted = lines.map(async (line) => {
        if (!line.startsWith('a=candidate:')) return line;
        const candidate = await window.relayReroute(this.#name, line.trim());
        return candidate && `a=${candidate}\r`;
      });
      const sdp = (await Promise.all(rerouted)).filter((line) => line !== null).join('\n');
      return super.setRemoteDescription({ type: description.type, sdp }, ...rest);
    }
  }
  // What a page reads of its own description has no candidates either.
  for (const name of ['localDescription', 'currentLocalDescription', 'pendingLocalDescription']) {
    const get = getter(name);
    Object.defineProperty(Relayed.prototype, name, {
      get() {
        const own = get.call(this);
        return own && new RTCSessionDescription({ type: own.type, sdp: without(own.sdp) });
      },
    });
  }
  window.RTCPeerConnection = Relayed;
}

/** A proxy in front of a server, `http://host:port`. Its own address is `url`, the same before and after a cut. */
export async function startProxy(target, { address = process.env.LAB_ADDRESS ?? '127.0.0.1' } = {}) {
  const { hostname, port } = new URL(target);
  const pairs = new Set();
  // Of a pair one end may outlive the other, unread: it would keep the listener from closing.
  const open = new Set();
  let silent = false;

  const listener = () =>
    createServer({ noDelay: true }, (near) => {
      const far = connect({ port: Number(port), host: hostname, noDelay: true });
      const pair = [near, far];
      pairs.add(pair);
      for (const [from, to] of [pair, [far, near]]) {
        from.on('error', () => to.destroy());
        open.add(from);
        from.on('close', () => {
          open.delete(from);
          pairs.delete(pair);
          to.end();
        });
        from.pipe(to);
      }
      if (silent) hush(pair);
    });
  const hush = (pair) => pair.forEach((socket) => socket.unpipe());
  const talk = ([near, far]) => {
    near.pipe(far);
    far.pipe(near);
  };

  let server = listener().listen(0, address);
  await once(server, 'listening');
  const own = server.address().port;
  const close = async () => {
    const listening = server;
    server = undefined;
    if (!listening) return;
    const closed = once(listening, 'close');
    listening.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return {
    url: `http://${address}:${own}`,
    connections: () => pairs.size,
    /** Ends all connections and refuses new ones; or, by `silence`, keeps them and lets nothing through. */
    async cut(how = 'refusal') {
      if (how === 'refusal') return close();
      silent = true;
      for (const pair of pairs) hush(pair);
    },
    /** As before; what waited in silence comes through now, as TCP would send it again. */
    async restore() {
      silent = false;
      for (const pair of pairs) talk(pair);
      if (server) return;
      server = listener().listen(own, address);
      await once(server, 'listening');
    },
    stop: close,
  };
}
