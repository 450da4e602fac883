// Whom the lists of a mix mean: names, identifiers, and patterns. The rules are those of the server (docs/layouts.md).
// Pure.

/**
 * @typedef {{ id: string, name: string }} Person
 * @typedef {{ named: boolean, by: string | null }} Mark  whether somebody is in a list, by name or by a pattern that means others too
 */

/** Words that mean all of a kind. */
const KINDS = ['camera', 'screen'];

/** @param {string} entry */
const isPattern = (entry) => KINDS.includes(entry) || entry.includes('*');

/** Whether an entry names somebody, and no kind of people. @param {string} entry @param {Person} person */
const names = (entry, { id, name }) => entry === id || (entry === name && !isPattern(entry));

/** @param {string} entry @param {Person} person */
function means(entry, { id, name }) {
  if (KINDS.includes(entry)) return entry === 'camera';
  if (!entry.includes('*')) return false;
  const parts = entry.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}/-]/gu, '\\$&'));
  const pattern = new RegExp(`^${parts.join('.*')}$`, 'su');
  return pattern.test(name) || pattern.test(id);
}

/** @param {string[]} list @param {Person} person @returns {Mark} */
export function mark(list, person) {
  const named = list.some((entry) => names(entry, person));
  return { named, by: named ? null : (list.find((entry) => means(entry, person)) ?? null) };
}

/**
 * The word that means somebody: their name, so that they are meant too when they come again, unless others have it.
 * @param {Person} person
 * @param {Person[]} people
 */
export function wordFor(person, people) {
  const shared = people.some(({ id, name }) => id !== person.id && name === person.name);
  return shared || isPattern(person.name) ? person.id : person.name;
}

/**
 * The list with somebody in front of all others.
 * @param {string[]} list
 * @param {Person} person
 * @param {Person[]} people
 */
export const including = (list, person, people) => [wordFor(person, people), ...list.filter((entry) => !names(entry, person))];

/**
 * The list without somebody. Those of the same name stay.
 * @param {string[]} list
 * @param {Person} person
 * @param {Person[]} people
 */
export const without = (list, person, people) =>
  list.flatMap((entry) => {
    if (!names(entry, person)) return [entry];
    return people.filter((other) => other.id !== person.id && names(entry, other)).map(({ id }) => id);
  });

/**
 * Entries that name nobody who is here: patterns, and those who are away.
 * @param {string[]} list
 * @param {Person[]} people
 */
export const strays = (list, people) => list.filter((entry) => !people.some((person) => names(entry, person)));

/** @param {Record<string, string>} labels @param {Person} person */
export const labelOf = (labels, { id, name }) => labels[id] ?? labels[name];

/**
 * The labels with another one for somebody, or none.
 * @param {Record<string, string>} labels
 * @param {Person} person
 * @param {Person[]} people
 * @param {string} text
 */
export function labelled(labels, person, people, text) {
  const others = Object.entries(labels).filter(([key]) => key !== person.id && key !== person.name);
  // What others of the same name were called they still are.
  const kept = people.filter(({ id, name }) => id !== person.id && name === person.name && labels[name] !== undefined && labels[id] === undefined);
  const theirs = text ? [[wordFor(person, people), text]] : [];
  return Object.fromEntries([...others, ...kept.map(({ id, name }) => [id, labels[name]]), ...theirs]);
}
