// The page: joins the client (what happens in the call) to the views (what is seen of it).

import { Client } from './client.js';
import { Director } from './director/director.js';
import { mayRecord, ownToken } from './token.js';
import { Actions } from './ui/actions.js';
import { CallWords } from './ui/call.js';
import { Chat } from './ui/chat.js';
import { reflectCount, reflectDevices, reflectMode, reflectOn } from './ui/controls.js';
import { Details } from './ui/details.js';
import { DevicePicker } from './ui/devices.js';
import { wireDialogs } from './ui/dialogs.js';
import { byId, listen } from './ui/dom.js';
import { copyLink } from './ui/link.js';
import { Lobby } from './ui/lobby.js';
import { LocalMedia } from './ui/media.js';
import { menu } from './ui/menu.js';
import { Notices } from './ui/notices.js';
import { Panels } from './ui/panels.js';
import { People } from './ui/people.js';
import { Recorder } from './ui/recorder.js';
import { recall, remember } from './ui/remember.js';
import { Screen } from './ui/screen.js';
import { Shortcuts } from './ui/shortcuts.js';
import { Sound } from './ui/sound.js';
import { Stage } from './ui/stage.js';

const client = new Client(() => {
  if (!window.io) throw new Error('The server did not hand out its Socket.IO client (/socket.io/socket.io.js). Reload the page in a moment.');
  return window.io({ autoConnect: false });
});
/** For tests and for the curious: state, participants, and their peer connections. */
window.plenum = client;

const media = new LocalMedia();
const screen = new Screen(client);
const sound = new Sound(client, byId('hear'));
const notices = new Notices(byId('notices'));
const panels = new Panels();
const details = new Details(client);
const stage = new Stage(byId('stage'), client);
const chat = new Chat(client, panels, notices);
const people = new People(client, stage, notices, (id) => details.open(id));
const words = new CallWords(client, notices, people);
const recorder = new Recorder(client, notices);
const director = new Director(client);
const lobby = new Lobby(media, sound);
const settings = /** @type {HTMLDialogElement} */ (byId('settings-dialog'));
const picker = new DevicePicker(byId('settings-devices'), media, sound);
wireDialogs();

const inCall = () => !byId('call').hidden;

/** @param {'audio' | 'video'} kind */
async function toggle(kind) {
  const problem = await media.set(kind, !media.isOn(kind));
  if (problem) notices.show(problem);
}

async function share() {
  const problem = await (screen.track ? screen.stop() : screen.start());
  if (problem) notices.show(problem);
}

async function raise() {
  const raised = !client.self?.hand;
  await client.raiseHand(raised).catch((error) => notices.show(error.message));
}

function changeLayout() {
  stage.mode = stage.mode === 'grid' ? 'speaker' : 'grid';
  remember('layout', stage.mode);
  reflectMode(stage.mode);
  stage.render();
}

async function fullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen().catch(() => notices.show('The browser does not allow full screen here.'));
}

function openSettings() {
  settings.showModal();
  void picker.show(true);
}
settings.addEventListener('close', () => picker.show(false));

const viewer = () => client.self?.role === 'viewer';
const actions = new Actions([
  { id: 'microphone', icon: 'mic', label: 'Microphone', key: 'm', offered: () => client.maySend('microphone'), run: () => toggle('audio') },
  { id: 'camera', icon: 'camera', label: 'Camera', key: 'v', offered: () => client.maySend('camera'), run: () => toggle('video') },
  { id: 'share', icon: 'screen', label: 'Share screen', words: () => (screen.track ? 'Stop sharing' : 'Share screen'), key: 's', inMenu: true, offered: () => screen.supported && client.maySend('screen'), run: share },
  { id: 'hand', icon: 'hand', label: 'Raise hand', words: () => (client.self?.hand ? 'Lower hand' : 'Raise hand'), key: 'h', inMenu: true, run: raise },
  { id: 'chat', icon: 'chat', label: 'Chat', key: 'c', inMenu: true, run: () => panels.toggle('chat') },
  { id: 'people', icon: 'people', label: 'People', key: 'p', inMenu: true, run: () => panels.toggle('people') },
  { id: 'record', icon: 'record', label: 'Record this call', words: () => (recorder.running ? 'Stop recording' : 'Record this call'), inMenu: true, offered: mayRecord, run: () => recorder.press() },
  { id: 'hold', icon: 'pause', label: 'Pause recording', words: () => (recorder.paused ? 'Continue recording' : 'Pause recording'), inMenu: true, offered: () => recorder.running && mayRecord(), run: () => recorder.hold() },
  { id: 'director', icon: 'director', label: 'Director', words: () => 'Direct what is mixed', key: 'd', inMenu: true, offered: () => director.allowed, run: () => director.open() },
  { id: 'layout', icon: 'grid', label: 'Layout', words: () => (stage.mode === 'grid' ? 'Show the speaker large' : 'Show everyone equally large'), key: 'l', inMenu: true, run: changeLayout },
  { id: 'full-screen', icon: 'full', label: 'Full screen', key: 'f', inMenu: true, offered: () => document.fullscreenEnabled, run: fullScreen },
  { id: 'copy-link', icon: 'link', label: 'Copy link', inMenu: true, run: () => copyLink(client.place?.room ?? '', notices) },
  { id: 'settings', icon: 'settings', label: 'Settings', inMenu: true, run: openSettings },
  { id: 'own-details', icon: 'quality', label: 'My connection', inMenu: true, run: () => client.self && details.open(client.self.id) },
  { id: 'help', icon: 'keyboard', label: 'Keyboard shortcuts', key: '?', inMenu: true, run: () => /** @type {HTMLDialogElement} */ (byId('help-dialog')).showModal() },
  { id: 'leave', icon: 'leave', label: 'Leave', run: () => leave() },
]);
byId('more').addEventListener('click', () => menu.toggle(byId('more'), 'More', actions.menuItems()));
byId('invite').addEventListener('click', () => copyLink(client.place?.room ?? '', notices));
new Shortcuts(actions, inCall);

stage.mode = recall('layout', 'grid');
reflectMode(stage.mode);
stage.onDetails = (/** @type {string} */ id) => details.open(id);
stage.onMore = () => panels.toggle('people');

lobby.onJoin = async (/** @type {import('./ui/lobby.js').Place} */ place) => {
  await publish();
  const token = ownToken();
  await client.join({ ...place, ...(token && { token }) });
  if (client.state === 'waiting') lobby.wait(place.room);
  else enter();
};
lobby.onCancel = () => leave('You no longer wait to be let in.');

/** What we send, told to the client. */
async function publish() {
  const { audio, video } = media.tracks;
  await Promise.all([
    // First whether it is muted: the client switches the track that it is given accordingly.
    audio && client.mute('microphone', !audio.enabled),
    client.setTrack('microphone', audio),
    client.setTrack('camera', video),
  ]);
}

/** We are in. */
function enter() {
  if (inCall()) return;
  const room = client.place?.room ?? '';
  byId('call').hidden = false;
  lobby.hide();
  document.title = `${room} · Plenum`;
  byId('room-name').textContent = room;
  byId('room-name').focus();
  actions.refresh();
  reflect();
  sound.update();
  stage.render();
  people.render();
  chat.load();
  words.enter();
  recorder.enter();
  if (media.silent && !viewer()) notices.show('You joined without camera and microphone: you see and hear the others, they see your name.');
}

/** @param {string} [farewell] */
function leave(farewell = 'You left the room.') {
  void screen.stop().catch(() => {});
  client.leave();
  menu.close(false);
  panels.close(false);
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  if (document.fullscreenElement) void document.exitFullscreen();
  stage.clear();
  sound.update();
  recorder.reset();
  chat.clear();
  notices.clear();
  words.clear();
  byId('call').hidden = true;
  lobby.show(farewell);
}

function reflect() {
  reflectDevices(media);
  reflectOn('share', screen.track !== null);
  reflectOn('hand', Boolean(client.self?.hand));
  stage.own = { camera: media.tracks.video, screen: screen.track };
  stage.update();
}

listen(client, 'state', ({ state }) => {
  byId('call').dataset.state = state;
  if (state === 'reconnecting') words.say('The connection to the server is lost. Trying to reconnect…');
  if (state !== 'joined') return;
  words.say('');
  // From the waiting room nobody but the server lets us in.
  if (!byId('wait').hidden) enter();
});
listen(client, 'participant-changed', ({ participant }) => {
  if (!participant.self) return;
  // What may be done depends on the role.
  actions.refresh();
  reflect();
});
listen(client, 'muted', ({ source }) => {
  if (source === 'microphone') void media.set('audio', false);
  if (source === 'camera') void media.set('video', false);
  if (source === 'screen') void screen.stop();
});
listen(client, 'ended', ({ message }) => leave(message));

media.addEventListener('change', () => {
  reflect();
  void publish().catch((error) => notices.show(error.message));
});
screen.addEventListener('change', reflect);
// It may end without us: the connection failed, or the server ended it.
listen(client, 'screen', ({ shared }) => !shared && screen.stop());
listen(media, 'lost', (/** @type {{ words: string }} */ lost) => notices.show(lost.words));
chat.addEventListener('unread', () => reflectCount('chat', chat.unread, 'Chat', chat.unread === 1 ? 'new message' : 'new messages'));
panels.addEventListener('change', () => {
  for (const name of /** @type {const} */ (['chat', 'people'])) byId(name).setAttribute('aria-expanded', String(panels.open === name));
  if (panels.open === 'people') people.render();
});
document.addEventListener('fullscreenchange', () => reflectOn('full-screen', document.fullscreenElement !== null));

// Closing the page should not leave a frozen picture behind until the server notices.
addEventListener('pagehide', () => client.vanish());

lobby.show();
