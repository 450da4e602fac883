// The tiles of everyone in the call. It renders what the client knows, whenever it is told that something changed:
// there is no state of a person here that could differ from the client's.

import { arrange, heightFor } from './arrange.js';
import { listen, make } from './dom.js';
import { Tile } from './tile.js';
import { hue, initials } from './words.js';

const LOOK_MS = 500;
/** A page that is hidden for a moment only need not ask for everything again. */
const HIDDEN_MS = 4_000;

/**
 * @typedef {import('../client.js').Client} Client
 * @typedef {import('../client.js').Participant} Participant
 * @typedef {import('./arrange.js').Look & { person: Participant }} Look
 */

/** Events: `pin` {participant} when the pinned person changed. */
export class Stage extends EventTarget {
  /** @type {import('./arrange.js').Mode} */
  mode = 'grid';
  /** @type {string | null} */
  pinned = null;
  /** Called for a person's figures. @type {(id: string) => void} */
  onDetails = () => {};
  /** Called for those who do not fit. @type {() => void} */
  onMore = () => {};
  /** Our own pictures do not come over the network. @type {{ camera: MediaStreamTrack | null, screen: MediaStreamTrack | null }} */
  own = { camera: null, screen: null };

  #container;
  #client;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** When whom spoke last. @type {Map<string, number>} */
  #spoke = new Map();
  /** @type {import('./arrange.js').Scene} */
  #scene = { places: [], more: null };
  #more = /** @type {HTMLButtonElement} */ (make('button', { class: 'tile-more', type: 'button' }));
  #pending = false;
  #hidden = false;

  /**
   * @param {HTMLElement} container
   * @param {Client} client
   */
  constructor(container, client) {
    super();
    this.#container = container;
    this.#client = client;
    this.#more.addEventListener('click', () => this.onMore());
    new ResizeObserver(() => this.render()).observe(container);
    for (const type of ['participant-joined', 'participant-changed', 'participant-left', 'media', 'state']) {
      client.addEventListener(type, () => this.update());
    }
    listen(client, 'speaker', ({ participant }) => {
      if (participant) this.#spoke.set(participant, Date.now());
      this.update();
    });
    setInterval(() => this.#check(), LOOK_MS);
    this.#followVisibility();
  }

  /** Something changed: draw soon, once for all that changed together. */
  update() {
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      this.render();
    });
  }

  /** @param {string} key */
  pin(key) {
    this.pinned = this.pinned === key ? null : key;
    this.render();
    this.dispatchEvent(new CustomEvent('pin'));
  }

  /** @param {string} id */
  isPinned(id) {
    return this.pinned === `${id}/camera`;
  }

  clear() {
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
    this.#spoke.clear();
    this.#more.remove();
    this.#scene = { places: [], more: null };
    this.pinned = null;
  }

  render() {
    const { clientWidth: width, clientHeight: height } = this.#container;
    const { self } = this.#client;
    if (!self || width === 0 || height === 0) return;
    const looks = this.#looks(self);
    if (!looks.some(({ key }) => key === this.pinned)) this.pinned = null;
    const before = this.#scene.places.filter(({ role }) => role !== 'main').map(({ key }) => key);
    const large = this.#scene.places.find(({ role }) => role === 'main')?.key ?? null;
    this.#scene = arrange({ looks, mode: this.mode, pinned: this.pinned, before, large }, { width, height });
    this.#draw(new Map(looks.map((look) => [look.key, look])));
    this.#tellView(looks);
  }

  /**
   * @param {Participant} self
   * @returns {Look[]}
   */
  #looks(self) {
    const { speaker, participants } = this.#client;
    return [self, ...participants.values()].flatMap((person) => {
      const spoke = person.id === speaker ? Date.now() : (this.#spoke.get(person.id) ?? 0);
      const look = { person, self: person === self, spoke };
      const camera = { ...look, key: `${person.id}/camera`, screen: false };
      const shares = person === self ? this.own.screen !== null : person.tracks.has('screen');
      return shares ? [camera, { ...look, key: `${person.id}/screen`, screen: true }] : [camera];
    });
  }

  /** @param {Map<string, Look>} looks */
  #draw(looks) {
    const { places, more } = this.#scene;
    const placed = new Set(places.map(({ key }) => key));
    for (const [key, tile] of this.#tiles) {
      if (placed.has(key)) continue;
      tile.remove();
      this.#tiles.delete(key);
    }
    for (const [index, { key, rect, role }] of places.entries()) {
      const look = /** @type {Look} */ (looks.get(key));
      const tile = this.#tiles.get(key) ?? this.#open(look);
      tile.follow(look.person);
      tile.setTrack(this.#trackOf(look));
      tile.setPinned(key === this.pinned);
      tile.setSpeaks(look.person.id === this.#client.speaker);
      tile.place(rect, role);
      // Order in the document is reading order; a tile that stays is not touched, for its video would blink.
      if (this.#container.children[index] !== tile.element) this.#container.insertBefore(tile.element, this.#container.children[index] ?? null);
    }
    if (more) this.#drawMore(more, looks);
    else this.#more.remove();
  }

  /** @param {Look} look */
  #open({ key, person, self, screen }) {
    const tile = new Tile(person.id, { self, screen });
    tile.onPin = () => this.pin(key);
    tile.onDetails = () => this.onDetails(person.id);
    this.#tiles.set(key, tile);
    return tile;
  }

  /** @param {Look} look */
  #trackOf({ person, self, screen }) {
    const source = screen ? 'screen' : 'camera';
    if (self) return this.own[source];
    const published = person.tracks.get(source);
    return published && !published.muted ? (person.media.get(source) ?? null) : null;
  }

  /**
   * @param {NonNullable<import('./arrange.js').Scene['more']>} more
   * @param {Map<string, Look>} looks
   */
  #drawMore({ rect, hidden }, looks) {
    const names = hidden.map((key) => looks.get(key)?.person.name ?? '');
    const faces = names.slice(0, 3).map((name) => {
      const face = make('span', { class: 'mini-face', text: initials(name) });
      face.style.setProperty('--hue', String(hue(name)));
      return face;
    });
    this.#more.replaceChildren(make('span', { class: 'faces', 'aria-hidden': 'true' }, ...faces), make('span', { text: `+${hidden.length}` }));
    this.#more.setAttribute('aria-label', `${hidden.length} more people: open the list`);
    Object.assign(this.#more.style, { left: `${rect.x}px`, top: `${rect.y}px`, width: `${rect.width}px`, height: `${rect.height}px` });
    this.#more.classList.toggle('tiny', rect.width < 200);
    if (this.#container.lastElementChild !== this.#more) this.#container.append(this.#more);
  }

  /** Ask for what is seen, as large as it is seen, and for nothing else. @param {Look[]} looks */
  #tellView(looks) {
    const others = looks.filter(({ self }) => !self);
    const rects = new Map(this.#scene.places.map(({ key, rect }) => [key, rect]));
    const order = new Map(this.#scene.places.map(({ key }, index) => [key, index]));
    const view = others
      .sort((a, b) => (order.get(a.key) ?? Infinity) - (order.get(b.key) ?? Infinity) || 0)
      .map(({ key, person, screen }) => {
        const rect = this.#hidden && !screen ? undefined : rects.get(key);
        return {
          participant: person.id,
          source: /** @type {'screen' | 'camera'} */ (screen ? 'screen' : 'camera'),
          height: rect ? heightFor(rect, screen, devicePixelRatio) : 0,
          pinned: key === this.pinned,
        };
      });
    this.#client.setView(view);
  }

  #check() {
    if (document.hidden) return;
    const now = performance.now();
    for (const tile of this.#tiles.values()) tile.check(now);
  }

  #followVisibility() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    document.addEventListener('visibilitychange', () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#hidden = document.hidden;
        this.render();
      }, document.hidden ? HIDDEN_MS : 0);
    });
  }
}
