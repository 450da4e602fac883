// Who is in a mix: everybody in the room in a row, to be pinned, hidden, left out, and called something else.

import { byId, fromTemplate, icon, make, part, setIcon, setText } from '../ui/dom.js';
import { hue, initials } from '../ui/words.js';
import { including, labelled, labelOf, mark, strays, without } from './whom.js';
import { say } from './wrong.js';

/**
 * @typedef {import('../mixes.js').Mix} Mix
 * @typedef {import('./whom.js').Person} Person
 * @typedef {'pins' | 'hide' | 'exclude'} List
 */

/** All shared screens together: a person of the kind's name, so to speak. */
const SCREENS = 'screen';

/** @type {{ list: List, selector: string, does: (name: string) => string }[]} */
const BUTTONS = [
  { list: 'pins', selector: '.cast-pin', does: (name) => `Pin ${name}` },
  { list: 'hide', selector: '.cast-hide', does: (name) => `Hide ${name}` },
  { list: 'exclude', selector: '.cast-out', does: (name) => `Leave out ${name}` },
];

export class Cast {
  #desk;
  #people;
  #list = byId('cast');
  #strays = byId('cast-strays');
  #wrong = byId('cast-wrong');
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {import('./desk.js').Desk} desk
   * @param {() => Person[]} people
   */
  constructor(desk, people) {
    this.#desk = desk;
    this.#people = people;
  }

  /** @param {Mix} mix */
  render(mix) {
    const people = this.#people();
    const keys = [...people.map(({ id }) => id), SCREENS];
    for (const [key, row] of this.#rows) {
      if (keys.includes(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    for (const [index, key] of keys.entries()) {
      const person = people[index];
      const row = this.#rows.get(key) ?? this.#open(key, person);
      if (person) followPerson(row, mix, person);
      else followScreens(row, mix);
      if (this.#list.children[index] !== row) this.#list.insertBefore(row, this.#list.children[index] ?? null);
    }
    this.#renderStrays(mix, people);
  }

  /** @param {string} words  nothing is wrong if there are none */
  refuse(words) {
    say(this.#wrong, words);
  }

  /** @param {string} key @param {Person | undefined} person */
  #open(key, person) {
    const row = fromTemplate('cast-template');
    const name = person?.name ?? 'shared screens';
    row.dataset.participant = key;
    const face = make('span', { class: 'mini-face', 'aria-hidden': 'true', text: person ? initials(name) : '' });
    face.style.setProperty('--hue', String(hue(name)));
    if (!person) face.append(icon('screen'));
    row.prepend(face);
    setText(part(row, '.name'), person ? name : 'Shared screens');
    for (const { list, selector, does } of BUTTONS) {
      const button = part(row, selector);
      button.setAttribute('aria-label', does(name));
      button.addEventListener('click', () => this.#toggle(list, key));
    }
    const label = /** @type {HTMLInputElement} */ (part(row, '.cast-label'));
    part(row, '.cast-buttons').setAttribute('aria-label', name);
    if (!person) {
      label.remove();
      row.classList.add('cast-screens');
    } else this.#wireLabel(label, person);
    this.#rows.set(key, row);
    return row;
  }

  /** @param {HTMLInputElement} label @param {Person} person */
  #wireLabel(label, person) {
    label.placeholder = person.name;
    label.title = 'What is shown instead of the name';
    label.setAttribute('aria-label', `Name shown for ${person.name}`);
    label.addEventListener('change', () => {
      const { mix } = this.#desk;
      if (mix) this.#desk.change({ labels: labelled(mix.labels, person, this.#people(), label.value.trim()) });
    });
    label.addEventListener('keydown', (event) => {
      const was = labelOf(this.#desk.mix?.labels ?? {}, person) ?? '';
      if (event.key === 'Enter') label.blur();
      if (event.key !== 'Escape' || label.value === was) return;
      // The first Escape takes back what was written, the next one closes the director.
      event.preventDefault();
      label.value = was;
    });
  }

  /** @param {List} list @param {string} key */
  #toggle(list, key) {
    const { mix } = this.#desk;
    if (!mix) return;
    const entries = mix[list];
    if (key === SCREENS) {
      const others = entries.filter((entry) => entry !== SCREENS);
      return this.#desk.change({ [list]: others.length < entries.length ? others : [SCREENS, ...entries] });
    }
    const people = this.#people();
    const person = people.find(({ id }) => id === key);
    if (!person) return;
    const { named } = mark(entries, person);
    this.#desk.change({ [list]: named ? without(entries, person, people) : including(entries, person, people) });
  }

  /** @param {Mix} mix @param {Person[]} people */
  #renderStrays(mix, people) {
    const lists = /** @type {const} */ ([['pins', 'Pinned'], ['hide', 'Hidden'], ['exclude', 'Left out']]);
    const rest = lists.flatMap(([list, words]) => strays(mix[list], people).filter((entry) => entry !== SCREENS).map((entry) => ({ list, words, entry })));
    const chips = [...rest, ...mix.include.map((entry) => /** @type {const} */ ({ list: 'include', words: 'Only', entry }))];
    this.#strays.hidden = chips.length === 0;
    // Drawn anew only when it differs, for a button in it may have the focus.
    const key = JSON.stringify(chips);
    if (this.#strays.dataset.key === key) return;
    this.#strays.dataset.key = key;
    this.#strays.replaceChildren(...chips.map(({ list, words, entry }) => {
      const button = make('button', { type: 'button', class: 'plain', 'aria-label': `Take back: ${words} ${entry}` }, icon('close'));
      button.addEventListener('click', () => {
        const now = this.#desk.mix?.[list] ?? [];
        this.#desk.change({ [list]: now.filter((each) => each !== entry) });
        byId('cast-title').focus();
      });
      return make('li', { class: 'stray' }, make('span', { class: 'soft', text: words }), make('b', { text: entry }), button);
    }));
  }
}

/** @param {HTMLElement} row @param {Mix} mix @param {Person} person */
function followPerson(row, mix, person) {
  const marks = { pins: mark(mix.pins, person), hide: mark(mix.hide, person), exclude: mark(mix.exclude, person) };
  for (const { list, selector } of BUTTONS) press(row, selector, marks[list].named, marks[list].by);
  const pinned = mix.pins.findIndex((entry) => mark([entry], person).named);
  setText(part(row, '.cast-pin b'), pinned >= 0 && mix.pins.length > 1 ? String(pinned + 1) : '');
  const is = (/** @type {List} */ list) => marks[list].named || marks[list].by !== null;
  const included = mark(mix.include, person);
  const among = mix.include.length === 0 || included.named || included.by !== null;
  follow(row, !among || is('exclude'), is('hide'));
  const label = /** @type {HTMLInputElement} */ (part(row, '.cast-label'));
  if (document.activeElement !== label) label.value = labelOf(mix.labels, person) ?? '';
}

/** @param {HTMLElement} row @param {Mix} mix */
function followScreens(row, mix) {
  for (const { list, selector } of BUTTONS) press(row, selector, mix[list].includes(SCREENS), null);
  const pinned = mix.pins.indexOf(SCREENS);
  setText(part(row, '.cast-pin b'), pinned >= 0 && mix.pins.length > 1 ? String(pinned + 1) : '');
  follow(row, mix.exclude.includes(SCREENS), mix.hide.includes(SCREENS));
}

/** @param {HTMLElement} row @param {boolean} out @param {boolean} hidden */
function follow(row, out, hidden) {
  row.classList.toggle('out', out);
  row.classList.toggle('not-seen', hidden && !out);
  setText(part(row, '.role'), out ? 'Not in this mix' : hidden ? 'Heard, not seen' : '');
  setIcon(part(row, '.cast-hide'), hidden ? 'eye-off' : 'eye');
}

/** @param {HTMLElement} row @param {string} selector @param {boolean} on @param {string | null} by  a pattern that does it */
function press(row, selector, on, by) {
  const button = /** @type {HTMLButtonElement} */ (part(row, selector));
  button.setAttribute('aria-pressed', String(on || by !== null));
  button.disabled = by !== null;
  button.title = by === null ? (button.getAttribute('aria-label') ?? '') : `By ${by}, below`;
}
