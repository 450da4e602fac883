// The token of whoever opened the page: it comes in the address, as `?token=`, and is taken out of it at once, so that it is
// neither copied with it nor kept in the history. It lasts as long as the tab. No DOM in here.

const KEY = 'token';

/**
 * @typedef {object} Claims  as far as the page wants to know; the server alone verifies them
 * @property {string} [name]
 * @property {string} [sub]
 * @property {number} [exp]
 * @property {{ room?: string, roomAdmin?: boolean, roomRecord?: boolean, roomList?: boolean }} [video]
 */

/** @type {string | null} */
const token = take();

function take() {
  if (!globalThis.location || !globalThis.sessionStorage) return null;
  const address = new URL(location.href);
  const given = address.searchParams.get(KEY);
  try {
    if (given === null) return sessionStorage.getItem(KEY);
    address.searchParams.delete(KEY);
    history.replaceState(history.state, '', address);
    // An empty one forgets the last.
    if (given) sessionStorage.setItem(KEY, given);
    else sessionStorage.removeItem(KEY);
  } catch {
    // No storage: until the page is loaded again, then.
  }
  return given || null;
}

/** The token, if there is one. */
export const ownToken = () => token;

/** For a request that has headers. @returns {Record<string, string>} */
export const bearer = () => (token ? { authorization: `Bearer ${token}` } : {});

/** For what the browser loads by its address alone. @param {string} address  without a query */
export const withToken = (address) => (token ? `${address}?${new URLSearchParams({ token })}` : address);

/** What a token says. @param {string | null} [of] @returns {Claims} */
export function claims(of = token) {
  try {
    const part = (of ?? '').split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

/** Whether we may record, as far as our token says. */
export function mayRecord() {
  const { video } = claims();
  return token === null || Boolean(video?.roomAdmin || video?.roomRecord);
}
