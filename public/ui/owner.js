// Whose files a recording has.

/** @typedef {import('../api.js').Manifest} Manifest */

/** @param {Manifest} recording @param {Manifest['files'][number]} file */
export function owner({ participants }, { streams: [{ participant, source }] }) {
  const name = participants.find(({ id }) => id === participant)?.name;
  if (!name) return 'The mix';
  return source?.startsWith('screen') ? `${name}'s screen` : name;
}
