// Rules that need nothing but their input.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bitrateFor, encodingFor, fit } from '../../public/encoding.js';
import { worst } from '../../public/protocol.js';
import { linesFor } from '../../public/receiver.js';
import { Roster } from '../../public/roster.js';
import { arrival, grade, path, receivedVideo, sentVideo } from '../../public/stats.js';
import { claims } from '../../public/token.js';
import { tidy } from '../../public/view.js';
import { member } from './fakes.mjs';

test('a picture is encoded as large as somebody shows it', () => {
  assert.deepEqual(encodingFor(360, 720), { active: true, scaleResolutionDownBy: 2, maxBitrate: 600_000 });
  assert.deepEqual(encodingFor(2160, 720), { active: true, scaleResolutionDownBy: 1, maxBitrate: 2_000_000 }, 'never enlarged');
  assert.deepEqual(encodingFor(null, 1080), { active: true, scaleResolutionDownBy: 1, maxBitrate: 3_500_000 }, 'nothing said');
  assert.equal(encodingFor(0, 720).active, false, 'nobody looks');
  assert.equal(encodingFor(180, undefined).scaleResolutionDownBy, 1, 'a camera that does not tell its height');
});

test('bitrates rise with heights', () => {
  assert.deepEqual([1, 180, 360, 720, 1080, 9999].map(bitrateFor), [80_000, 150_000, 600_000, 2_000_000, 3_500_000, 3_500_000]);
  assert.equal(bitrateFor(270), 375_000);
});

test('of encodings that come at once, the last one stays', async () => {
  const sender = {
    encodings: [{}],
    calls: 0,
    getParameters() {
      return { encodings: structuredClone(this.encodings) };
    },
    async setParameters({ encodings }) {
      this.calls += 1;
      await null;
      this.encodings = encodings;
    },
  };
  void fit(sender, encodingFor(90, 720));
  void fit(sender, encodingFor(180, 720));
  await fit(sender, encodingFor(0, 720));
  for (let turn = 0; turn < 9; turn += 1) await null;
  assert.equal(sender.encodings[0].active, false);
  assert.equal(sender.calls, 2, 'the one between was never needed');
  void fit(sender, encodingFor(720, 720));
  await null;
  await null;
  assert.deepEqual(sender.encodings[0], encodingFor(720, 720), 'back to full by one call');
});

test('as many endpoints as pictures need, and as the server allows', () => {
  const limits = { endpoints: 8, slots: 64 };
  assert.deepEqual([0, 1, 9, 10, 18, 19, 999].map((count) => linesFor(count, limits)), [1, 1, 1, 2, 2, 3, 5]);
  assert.equal(linesFor(99, { endpoints: 2, slots: 10 }), 1, 'one there must be');
});

test('a view is told in whole pixels', () => {
  const looks = [{ participant: 'a', source: 'camera', height: 179.6, pinned: false }, { participant: 'b', source: 'screen', height: -3, pinned: true }];
  assert.deepEqual(tidy(looks), [{ participant: 'a', source: 'camera', height: 180 }, { participant: 'b', source: 'screen', height: 0, pinned: true }]);
});

test('the worst of what is said of a quality counts', () => {
  assert.equal(worst('good', undefined, 'poor', 'fair'), 'poor');
  assert.equal(worst(undefined), 'good');
});

test('people keep their object as long as they are there', () => {
  const roster = new Roster();
  const first = roster.reset([member('a'), member('me'), member('b')], 'me');
  assert.deepEqual(first.joined.map(({ id }) => id), ['a', 'b']);
  const b = roster.others.get('b');
  const second = roster.reset([member('b', { hand: true }), member('me'), member('c')], 'me');
  assert.deepEqual(second.left.map(({ id }) => id), ['a']);
  assert.deepEqual(second.joined.map(({ id }) => id), ['c']);
  assert.equal(roster.others.get('b'), b);
  assert.equal(b.hand, true);
  roster.reset([member('me'), member('me2'), member('b')], 'me2');
  assert.equal(roster.self.id, 'me2');
  assert.deepEqual([...roster.others.keys()], ['me', 'b'], 'who we were is somebody else now, while they linger');
});

test('a picture is shown while it is published and arrives', () => {
  const roster = new Roster();
  roster.reset([member('me'), member('a', { tracks: [{ source: 'camera', muted: false }] })], 'me');
  const places = new Map([['a', new Map([['camera', { track: 'T' }], ['screen', { track: 'S' }]])]]);
  assert.deepEqual(roster.show(places).map(({ source }) => source), ['camera'], 'no screen is published');
  assert.deepEqual(roster.show(places), [], 'told once');
  roster.put(member('a'));
  assert.deepEqual(roster.show(places).map(({ source }) => source), ['camera']);
  assert.equal(roster.others.get('a').media.size, 0);
});

const at = (timestamp, more) => ({
  at: timestamp,
  entries: [
    { type: 'inbound-rtp', mid: '3', timestamp, codecId: 'C', frameWidth: 640, frameHeight: 360, framesPerSecond: 14.7, jitter: 0.02, ...more },
    { type: 'codec', id: 'C', mimeType: 'video/VP8' },
    { type: 'transport', selectedCandidatePairId: 'P' },
    { type: 'candidate-pair', id: 'Q', nominated: true, state: 'succeeded', localCandidateId: 'L' },
    { type: 'candidate-pair', id: 'P', currentRoundTripTime: 0.031, localCandidateId: 'L' },
    { type: 'local-candidate', id: 'L', candidateType: 'host', protocol: 'udp' },
  ],
});

test('rates come from differences', () => {
  const before = at(1000, { bytesReceived: 1000, packetsReceived: 100, packetsLost: 5, freezeCount: 1 });
  const now = at(3000, { bytesReceived: 101_000, packetsReceived: 190, packetsLost: 15, freezeCount: 2 });
  const figures = receivedVideo(now, before, { mid: '3' }, 4);
  assert.deepEqual(figures, { width: 640, height: 360, fps: 15, kbps: 400, codec: 'VP8', lost: 10, jitterMs: 20, freezes: 4 });
  assert.equal(arrival(now, before, { mid: '3' }).freezes, 1);
  assert.equal(receivedVideo(now, undefined, { mid: '3' }, 0).kbps, 0, 'nothing to compare with');
  assert.equal(receivedVideo(now, before, { mid: '4' }, 0), null);
  assert.deepEqual(path(now), { rttMs: 31, path: 'udp' });
});

test('what is sent is described by what the server reports of it', () => {
  const entries = [
    { type: 'outbound-rtp', id: 'O', mid: '1', timestamp: 2000, bytesSent: 50_000, frameHeight: 180, frameWidth: 320 },
    { type: 'remote-inbound-rtp', localId: 'O', fractionLost: 0.04, jitter: 0.003 },
  ];
  const figures = sentVideo({ at: 2000, entries }, undefined, '1');
  assert.equal(figures.lost, 4);
  assert.equal(figures.jitterMs, 3);
  assert.equal(figures.height, 180);
});

test('what arrives is graded', () => {
  const fine = { packets: 100, loss: 0, jitterMs: 9, freezes: 0, frozenMs: 0 };
  assert.equal(grade(fine), 'good');
  assert.equal(grade({ ...fine, loss: 0.03 }), 'fair');
  assert.equal(grade({ ...fine, freezes: 1, frozenMs: 300 }), 'fair');
  assert.equal(grade({ ...fine, loss: 0.1 }), 'poor');
  assert.equal(grade({ ...fine, frozenMs: 1500 }), 'poor');
});

test('what a token says is read, and rubbish says nothing', () => {
  const part = Buffer.from(JSON.stringify({ name: 'Zoë', video: { room: 'tea', roomAdmin: true } })).toString('base64url');
  assert.deepEqual(claims(`e30.${part}.c2ln`), { name: 'Zoë', video: { room: 'tea', roomAdmin: true } });
  for (const rubbish of ['', 'a.b', 'a.%.c', `a.${Buffer.from('null').toString('base64url')}.c`, null]) assert.deepEqual(claims(rubbish), {});
});
