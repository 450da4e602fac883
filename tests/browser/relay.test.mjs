// The bad network itself: it loses and delays what it was told to, the same in every run, and nothing goes around it.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { join, seesAndHears, waiting } from './call.mjs';
import { newPage, startChromium, startServer, until } from './lab.mjs';
import { startProxy, startRelay } from './relay.mjs';

const ADDRESS = process.env.LAB_ADDRESS;

async function socket(t) {
  const made = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 }).bind(0, ADDRESS);
  t.after(() => made.close());
  await once(made, 'listening');
  return made;
}

/** Sends `count` numbered datagrams through a line, a few each millisecond; gives what arrived, and after how long. */
async function sendThrough(t, line, count) {
  const [near, far] = [await socket(t), await socket(t)];
  const port = await line.front('test', ADDRESS, far.address().port);
  const arrived = [];
  far.on('message', (datagram) => {
    arrived.push({ number: datagram.readUInt32BE(0), delay: performance.now() - datagram.readDoubleBE(4) });
  });
  const { promise, resolve } = withResolver();
  let sent = 0;
  const timer = setInterval(() => {
    for (let burst = 0; burst < 5 && sent < count; burst += 1, sent += 1) {
      const datagram = Buffer.alloc(100);
      datagram.writeUInt32BE(sent, 0);
      datagram.writeDoubleBE(performance.now(), 4);
      near.send(datagram, port, ADDRESS);
    }
    if (sent === count) resolve();
  }, 1);
  await promise;
  clearInterval(timer);
  const done = () => line.counts().up;
  await until('all datagrams to be sent or lost', () => {
    const { received, lost, cut } = done();
    return received === count && arrived.length === count - lost - cut;
  });
  return arrived;
}

function withResolver() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

test('loss and delay are what they were said to be, and the same for the same seed', async (t) => {
  const runs = [];
  for (const seed of [7, 7, 8]) {
    const relay = startRelay({ seed });
    t.after(() => relay.stop());
    runs.push(await sendThrough(t, relay.line({ loss: 5, delay: 40, jitter: 20 }), 4000));
  }
  const numbers = runs.map((run) => run.map(({ number }) => number));
  assert.deepEqual(numbers[0], numbers[1]);
  assert.notDeepEqual(numbers[0], numbers[2]);
  for (const run of runs) {
    const lost = 100 * (1 - run.length / 4000);
    const delays = run.map(({ delay }) => delay).sort((a, b) => a - b);
    const [least, middle] = [delays[0], delays[delays.length >> 1]];
    t.diagnostic(`lost ${lost.toFixed(2)} %; delay ${least.toFixed(1)} ms at least, ${middle.toFixed(1)} ms in the middle`);
    assert.ok(lost > 3.5 && lost < 6.5, `lost ${lost} %`);
    assert.ok(least >= 39, `${least} ms`);
    // Order is kept, so the median is that of the slowest before it: near the upper end. The rest is this machine's.
    assert.ok(middle >= 40 && middle < 85, `${middle} ms`);
    assert.ok(run.every(({ number }, at) => at === 0 || number > run[at - 1].number), 'out of order');
  }
});

test('a line carries both ways, and nothing while it is cut', async (t) => {
  const relay = startRelay();
  t.after(() => relay.stop());
  const line = relay.line();
  const [near, far] = [await socket(t), await socket(t)];
  const port = await line.front('test', ADDRESS, far.address().port);
  far.on('message', (datagram, from) => far.send(`${datagram}!`, from.port, from.address));
  const heard = [];
  near.on('message', (datagram) => heard.push(String(datagram)));
  near.send('one', port, ADDRESS);
  await until('an echo', () => heard.length === 1);
  line.cut();
  near.send('two', port, ADDRESS);
  await until('it to be cut', () => line.counts().up.cut === 1);
  line.restore();
  near.send('three', port, ADDRESS);
  await until('an echo', () => heard.length === 2);
  assert.deepEqual(heard, ['one!', 'three!']);
  line.set({ down: { loss: 100 } });
  near.send('four', port, ADDRESS);
  await until('its echo to be lost', () => line.counts().down.lost === 1);
  assert.equal(line.counts().up.sent, 3);
});

test('a proxy refuses, or is silent, and comes back at the same address', async (t) => {
  const echo = createServer((each) => each.pipe(each).on('error', () => {})).listen(0, ADDRESS);
  await once(echo, 'listening');
  const proxy = await startProxy(`http://${ADDRESS}:${echo.address().port}`);
  t.after(async () => {
    await proxy.stop();
    echo.close();
  });
  const { connect } = await import('node:net');
  const open = async () => {
    const made = connect(Number(new URL(proxy.url).port), ADDRESS);
    made.heard = '';
    made.on('data', (data) => (made.heard += data)).on('error', (error) => (made.failed = error.code));
    await once(made, 'connect');
    return made;
  };
  const first = await open();
  first.write('one');
  await until('an echo', () => first.heard === 'one');
  await proxy.cut('silence');
  first.write('two');
  const second = await open();
  second.write('three');
  await proxy.restore();
  await until('what waited', () => first.heard === 'onetwo' && second.heard === 'three');
  await proxy.cut();
  await until('the connections to end', () => first.destroyed && second.destroyed);
  await assert.rejects(open(), { code: 'ECONNREFUSED' });
  await proxy.restore();
  const third = await open();
  third.write('four');
  await until('an echo', () => third.heard === 'four');
  third.destroy();
});

test('a call goes through the relay, and only there', async (t) => {
  const server = await startServer();
  const proxy = await startProxy(server.url);
  const chromium = await startChromium(proxy.url);
  const relay = startRelay({ seed: 3 });
  t.after(async () => {
    await chromium.close();
    relay.stop();
    await proxy.stop();
    await server.stop();
  });
  const pages = await Promise.all([1, 2].map(() => newPage(t, chromium)));
  const lines = [];
  for (const page of pages) lines.push(await relay.attach(page, { delay: 20, loss: 1 }));
  for (const [index, page] of pages.entries()) await join(page, { url: proxy.url }, 'relayed', `person ${index}`);
  await Promise.all(pages.map((page) => seesAndHears(page, 1)));
  for (const line of lines) {
    const { up, down } = await until('media to go through the line', () => {
      const counts = line.counts();
      return counts.up.sent > 300 && counts.down.sent > 300 && counts;
    });
    t.diagnostic(JSON.stringify({ up, down }));
    assert.ok(up.lost > 0 && up.lost < up.received / 20, 'some of it is lost');
  }
  // What one sees stands still when the line is cut, and goes on when it is restored.
  const [page] = pages;
  const decoded = () =>
    page.evaluate(() => {
      const videos = [...document.querySelectorAll('#stage .tile:not(.self) video')];
      return videos.reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0);
    });
  lines[0].cut();
  await until('what is buffered to be shown', async () => (await decoded()) === (await settle(page, decoded)));
  const still = await decoded();
  const before = lines[0].counts().down.cut;
  await until('the server to send in vain', () => lines[0].counts().down.cut > before + 100);
  assert.equal(await decoded(), still, 'pictures came around the relay');
  lines[0].restore();
  await page.waitForFunction((seen) => {
    const videos = [...document.querySelectorAll('#stage .tile:not(.self) video')];
    return videos.reduce((sum, video) => sum + video.getVideoPlaybackQuality().totalVideoFrames, 0) > seen + 15;
  }, ...waiting(page, still));
});

/** The value of `read` after the page has painted fifteen times more. */
async function settle(page, read) {
  await page.evaluate(async () => {
    for (let painted = 0; painted < 15; painted += 1) await new Promise(requestAnimationFrame);
  });
  return read();
}
