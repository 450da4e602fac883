// What happened in a recording, in words. No DOM in here.

/** @typedef {import('../api.js').Manifest} Manifest */
/** @typedef {import('../api.js').Moment} Moment */

/** @type {Record<string, string>} */
const SOURCES = { microphone: 'microphone', camera: 'camera', screen: 'screen', screenAudio: "screen's sound" };

/**
 * @param {Moment} moment
 * @param {(id: string) => string} nameOf
 * @returns {string | null}  null for what nobody looks for
 */
function words({ type, participant, source, text }, nameOf) {
  if (type === 'speaker') return participant ? `${nameOf(participant)} speaks` : null;
  if (!participant) return null;
  const who = nameOf(participant);
  const what = SOURCES[source ?? ''] ?? source;
  switch (type) {
    case 'joined':
      return `${who} joined`;
    case 'left':
      return `${who} left`;
    case 'reconnecting':
      return `${who} lost the connection`;
    case 'reconnected':
      return `${who} is back`;
    case 'published':
      return source === 'screen' ? `${who} shares the screen` : null;
    case 'unpublished':
      return source === 'screen' ? `${who} no longer shares the screen` : null;
    case 'muted':
      return `${who} turned the ${what} off`;
    case 'unmuted':
      return `${who} turned the ${what} on`;
    case 'chat':
      return `${who}: ${text}`;
    default:
      return null;
  }
}

/**
 * The moments of a recording that are worth a line.
 * @param {Manifest} manifest
 * @returns {{ atMs: number, type: string, words: string }[]}
 */
export function moments({ participants, events = [] }) {
  const names = new Map(participants.map(({ id, name }) => [id, name]));
  const nameOf = (/** @type {string} */ id) => names.get(id) ?? 'Somebody';
  return events.flatMap((event) => {
    const said = words(event, nameOf);
    return said === null ? [] : [{ atMs: event.atMs, type: event.type, words: said }];
  });
}
