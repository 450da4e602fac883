// The tiles of everyone in the call, fitted to the window.

import { bestGrid } from './grid.js';
import { Tile } from './tile.js';

const GAP = 8;
const LOOK_MS = 400;

/** @typedef {import('../client.js').Participant} Participant */

export class Stage {
  #container;
  #hear;
  #retry;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Map<string, Participant>} */
  #people = new Map();
  /** @type {Tile | null} */
  #own = null;

  /**
   * @param {HTMLElement} container
   * @param {HTMLElement} hear  the button that appears when sound needs a gesture
   * @param {(id: string) => void} retry
   */
  constructor(container, hear, retry) {
    this.#container = container;
    this.#hear = hear;
    this.#retry = retry;
    new ResizeObserver(() => this.#fit()).observe(container);
    setInterval(() => this.#look(), LOOK_MS);
    hear.addEventListener('click', () => {
      hear.hidden = true;
      for (const tile of this.#tiles.values()) tile.play();
    });
  }

  /** Ourselves, always there during a call. @param {string} name */
  setSelf(name) {
    this.#own?.remove();
    this.#own = new Tile('self', { self: true });
    this.#own.setName(name);
    this.#container.prepend(this.#own.element);
    this.#fit();
    return this.#own;
  }

  /** Add a participant or follow their change. @param {Participant} participant */
  show(participant) {
    let tile = this.#tiles.get(participant.id);
    if (!tile) {
      tile = new Tile(participant.id);
      tile.setName(participant.name);
      tile.onRetry = () => this.#retry(participant.id);
      tile.onSilenced = () => (this.#hear.hidden = false);
      this.#tiles.set(participant.id, tile);
      this.#people.set(participant.id, participant);
      this.#container.append(tile.element);
      this.#fit();
    }
    tile.setState(participant.state);
    tile.setStream(participant.stream);
  }

  /** @param {string} id */
  remove(id) {
    this.#tiles.get(id)?.remove();
    this.#tiles.delete(id);
    this.#people.delete(id);
    this.#fit();
  }

  clear() {
    for (const id of [...this.#tiles.keys()]) this.remove(id);
    this.#own?.remove();
    this.#own = null;
    this.#hear.hidden = true;
  }

  #fit() {
    // With one other person, the other fills the stage and we are a small picture in its corner.
    const floating = this.#tiles.size === 1;
    this.#own?.element.classList.toggle('floating', floating);
    const { clientWidth, clientHeight } = this.#container;
    const tile = bestGrid(this.#tiles.size + (floating ? 0 : 1), clientWidth, clientHeight, GAP);
    this.#container.style.setProperty('--tile-width', `${tile.width}px`);
    this.#container.style.setProperty('--tile-height', `${tile.height}px`);
    this.#container.classList.toggle('crowded', tile.width < 200);
  }

  #look() {
    // A hidden page renders no frames, which says nothing about anybody's camera.
    if (document.hidden) return;
    const now = performance.now();
    for (const [id, tile] of this.#tiles) {
      tile.checkPicture(now);
      tile.checkSpeech(this.#people.get(id)?.connection?.pc, now);
    }
  }
}
