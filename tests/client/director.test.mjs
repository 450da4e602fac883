// What the director's panel knows without a page: whom lists mean, what waits for the server, what WHEP says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Desk } from '../../public/director/desk.js';
import { including, labelled, mark, strays, without, wordFor } from '../../public/director/whom.js';
import { fragment, iceServersOf } from '../../public/whep.js';

const ann = { id: '01a', name: 'Ann' };
const bob = { id: '01b', name: 'Bob' };
const other = { id: '01c', name: 'Bob' };
const named = (entry, by = null) => ({ named: entry, by });

test('people are meant by name, unless others have it or it means many', () => {
  const people = [ann, bob, other];
  assert.equal(wordFor(ann, people), 'Ann');
  assert.equal(wordFor(bob, people), '01b');
  assert.equal(wordFor({ id: '01d', name: 'A*' }, people), '01d');
  assert.equal(wordFor({ id: '01e', name: 'screen' }, people), '01e');
});

test('lists mean people by names, identifiers and patterns, as the server has it', () => {
  assert.deepEqual(mark(['Ann'], ann), named(true));
  assert.deepEqual(mark(['01a'], ann), named(true));
  assert.deepEqual(mark(['ann', 'An', 'screen'], ann), named(false));
  for (const pattern of ['A*', '*', '*n*n', '01*', 'camera']) assert.deepEqual(mark([pattern], ann), named(false, pattern), pattern);
  assert.deepEqual(mark(['A.n*', '*n*n*n'], ann), named(false));
  assert.deepEqual(mark(['screen'], { id: '01e', name: 'screen' }), named(false), 'that is what is shared');
  assert.deepEqual(mark(['(a+)+*'], { id: '01f', name: '(a+)+b' }), named(false, '(a+)+*'));
});

test('who is taken out of a list takes nobody along', () => {
  const people = [ann, bob, other];
  assert.deepEqual(including(['01a', 'screen'], bob, people), ['01b', '01a', 'screen']);
  assert.deepEqual(including(['Ann', 'Zoë'], ann, people), ['Ann', 'Zoë'], 'nobody twice');
  assert.deepEqual(without(['Bob', 'Ann'], bob, people), ['01c', 'Ann']);
  assert.deepEqual(without(['A*', '01a', 'Ann'], ann, people), ['A*']);
  assert.deepEqual(strays(['Ann', 'Zoë', 'B*', '01c', 'screen'], people), ['Zoë', 'B*', 'screen']);
});

test('a label is for one', () => {
  const people = [ann, bob, other];
  assert.deepEqual(labelled({ Zoë: 'Z' }, ann, people, 'Dr Ann'), { Zoë: 'Z', Ann: 'Dr Ann' });
  assert.deepEqual(labelled({ Ann: 'a', '01a': 'b' }, ann, people, ''), {});
  assert.deepEqual(labelled({ Bob: 'both' }, bob, people, 'one'), { '01b': 'one', '01c': 'both' });
});

/** A server of mixes that answers when it is told to. */
function serve(t) {
  const asked = [];
  let mixes = [{ name: 'default', layout: 'grid', pins: [], hide: [] }];
  t.mock.method(globalThis, 'fetch', (path, { method, body }) => {
    const answer = (status, said) => new Response(JSON.stringify(said), { status });
    if (method === 'GET') return Promise.resolve(answer(200, path.endsWith('/mixes') ? { mixes } : { outputs: [] }));
    return new Promise((resolve) => {
      const change = JSON.parse(body);
      asked.push({
        method,
        path,
        change,
        grant() {
          mixes = [{ ...mixes[0], ...change }];
          resolve(answer(200, mixes[0]));
        },
        refuse: (said) => resolve(answer(400, said)),
      });
    });
  });
  return asked;
}

const next = (desk, type) => new Promise((resolve) => desk.addEventListener(type, ({ detail }) => resolve(detail), { once: true }));

test('a change shows at once, and one that is refused is taken back', async (t) => {
  const asked = serve(t);
  const desk = new Desk();
  t.after(() => desk.close());
  desk.open('tea time');
  await next(desk, 'change');
  desk.change({ layout: 'speaker' });
  assert.equal(desk.mix.layout, 'speaker');
  assert.equal(asked[0].path, '/api/v1/rooms/tea%20time/mixes/default');
  const refused = next(desk, 'refused');
  asked[0].refuse({ code: 'bad_mix', message: 'no such layout', field: 'layout' });
  const { error, change } = await refused;
  assert.deepEqual([error.message, error.field, error.status, change], ['no such layout', 'layout', 400, { layout: 'speaker' }]);
  assert.equal(desk.mix.layout, 'grid');
});

test('changes go one after another, and those that wait go together', async (t) => {
  const asked = serve(t);
  const desk = new Desk();
  t.after(() => desk.close());
  desk.open('tea');
  await next(desk, 'change');
  for (const pins of [['a'], ['b'], ['c']]) desk.change({ pins });
  desk.change({ hide: ['d'] });
  desk.change({ layout: { regions: 5 } }, { early: false });
  assert.deepEqual([desk.mix.pins, desk.mix.hide, desk.mix.layout], [['c'], ['d'], 'grid']);
  assert.deepEqual(asked.map(({ change }) => change), [{ pins: ['a'] }]);
  let accepted = next(desk, 'accepted');
  asked[0].grant();
  await accepted;
  assert.deepEqual(desk.mix.pins, ['c'], 'what waits still shows');
  assert.deepEqual(asked.slice(1).map(({ change }) => change), [{ pins: ['c'], hide: ['d'] }]);
  accepted = next(desk, 'accepted');
  asked[1].grant();
  await accepted;
  assert.deepEqual(asked.slice(2).map(({ change }) => change), [{ layout: { regions: 5 } }]);
});

test('what was asked before a change was answered is old', async (t) => {
  const asked = serve(t);
  const desk = new Desk();
  t.after(() => desk.close());
  desk.open('tea');
  await next(desk, 'change');
  desk.change({ layout: 'pip' });
  const old = globalThis.fetch('/api/v1/rooms/tea/mixes', { method: 'GET' });
  t.mock.method(globalThis, 'fetch', async (path) => (path.endsWith('/mixes') ? old : new Response('{"outputs": []}')));
  desk.open('tea');
  asked[0].grant();
  await next(desk, 'trouble');
  assert.equal(desk.mix.layout, 'pip');
});

test('candidates are told as a fragment of SDP', () => {
  const sdp = ['v=0', 'a=group:BUNDLE 0 1', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:u1', 'a=ice-pwd:p1', 'a=mid:0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:1', ''].join('\r\n');
  const told = fragment(sdp, [{ candidate: 'candidate:1 1 udp 1 10.0.0.1 5000 typ host' }], true);
  const lines = ['a=ice-ufrag:u1', 'a=ice-pwd:p1', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:0', 'a=candidate:1 1 udp 1 10.0.0.1 5000 typ host', 'a=end-of-candidates', ''];
  assert.deepEqual(told.split('\r\n'), lines);
});

test('servers for ICE are found in links', () => {
  assert.deepEqual(iceServersOf(null), []);
  const turn = '<turn:t.example.org?transport=udp>; rel="ice-server"; username="u\\",1"; credential="c;d"; credential-type="password"';
  assert.deepEqual(iceServersOf(`<stun:s.example.org>; rel="ice-server", <http://a/b>; rel=next, ${turn}`), [
    { urls: 'stun:s.example.org', username: undefined, credential: undefined },
    { urls: 'turn:t.example.org?transport=udp', username: 'u",1', credential: 'c;d' },
  ]);
});
