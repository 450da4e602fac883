// The page: joins the client (what happens in the call) to the views (what is seen of it).

import { Client } from './client.js';
import { byId, listen, setToggle } from './ui/dom.js';
import { Lobby } from './ui/lobby.js';
import { LocalMedia } from './ui/media.js';
import { Notices } from './ui/notices.js';
import { Recorder } from './ui/recorder.js';
import { Stage } from './ui/stage.js';

const client = new Client(() => {
  if (!window.io) throw new Error('The server did not hand out its Socket.IO client (/socket.io/socket.io.js). Reload the page in a moment.');
  return window.io({ autoConnect: false });
});
/** For tests and for the curious: state, participants, and their peer connections. */
window.plenum = client;

const media = new LocalMedia();
const notices = new Notices(byId('notices'));
const stage = new Stage(byId('stage'), byId('hear'), (id) => client.retry(id));
const recorder = new Recorder(client, notices);
const lobby = new Lobby(media);
const banner = byId('banner');
/** @type {import('./ui/tile.js').Tile | null} */
let own = null;

lobby.onJoin = async (/** @type {import('./ui/lobby.js').Place} */ place) => {
  await Promise.all([client.setTrack('audio', media.tracks.audio), client.setTrack('video', media.tracks.video)]);
  enter(place);
  try {
    await client.join(place);
  } catch (error) {
    exit();
    throw error;
  }
  byId('call').hidden = false;
  lobby.hide();
  document.title = `${place.room} · Plenum`;
  byId('room-name').focus();
  if (media.silent) notices.show('You joined without camera and microphone: you see and hear the others, they see your name.');
};

/** Make the stage ready before the first participant is announced. @param {import('./ui/lobby.js').Place} place */
function enter(place) {
  byId('room-name').textContent = place.room;
  own = stage.setSelf(place.name);
  reflectMedia();
  count();
}

function exit() {
  stage.clear();
  own = null;
  recorder.reset();
  notices.clear();
  say('');
}

/** @param {string} [words] */
function leave(words = 'You left the room.') {
  client.leave();
  exit();
  byId('call').hidden = true;
  lobby.show(words);
}

/** A lasting condition, in words; none when empty. @param {string} words */
function say(words) {
  banner.textContent = words;
  banner.hidden = !words;
}

function count() {
  byId('count').textContent = String(client.participants.size + 1);
}

function reflectMedia() {
  setToggle(byId('microphone'), media.isOn('audio'), 'mic');
  setToggle(byId('camera'), media.isOn('video'), 'camera');
  own?.setStream(media.stream);
  own?.setPicture(media.isOn('video'));
  own?.setMuted(!media.isOn('audio'));
}

listen(client, 'state', ({ state }) => {
  if (state === 'lost') say('The server is gone; trying to reconnect…');
  if (state === 'joined') say('');
});
listen(client, 'participant-joined', ({ participant }) => {
  stage.show(participant);
  count();
  // Those who were here before us are no news.
  if (!byId('call').hidden) notices.show(`${participant.name} joined.`);
});
listen(client, 'participant-left', ({ participant }) => {
  stage.remove(participant.id);
  count();
  if (client.state === 'joined') notices.show(`${participant.name} left.`);
});
listen(client, 'participant-changed', ({ participant }) => {
  if (!participant.self) stage.show(participant);
  else if (participant.state === 'failed') say('The others cannot see or hear you: no path to the server was found. A firewall may be in the way.');
  else own?.setState(participant.state);
});
listen(client, 'error', ({ message }) => notices.show(message));
listen(client, 'ended', ({ message }) => leave(message));

media.addEventListener('change', () => {
  reflectMedia();
  client.setTrack('audio', media.tracks.audio);
  client.setTrack('video', media.tracks.video);
});
listen(media, 'lost', ({ words }) => notices.show(words));

for (const [id, kind] of /** @type {const} */ ([['microphone', 'audio'], ['camera', 'video']])) {
  byId(id).addEventListener('click', async () => {
    const problem = await media.set(kind, !media.isOn(kind));
    if (problem) notices.show(problem);
  });
}

byId('copy-link').addEventListener('click', async () => {
  // The room only: whoever follows the link has a name of their own.
  const link = new URL(location.pathname, location.href);
  link.searchParams.set('room', client.place?.room ?? '');
  try {
    await navigator.clipboard.writeText(link.href);
    notices.show('The link to this room is copied.');
  } catch {
    // No clipboard without https or permission: show it, ready to be copied by hand.
    const field = document.createElement('input');
    field.readOnly = true;
    field.value = link.href;
    field.setAttribute('aria-label', 'Link to this room');
    notices.show('Copy this link:', { stay: true, extra: field });
    field.select();
  }
});
byId('leave').addEventListener('click', () => leave());
// Closing the page should not leave a frozen picture behind until the server notices.
addEventListener('pagehide', () => client.leave());

lobby.show();
