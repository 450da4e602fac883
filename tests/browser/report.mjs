// How quick a call is, in Chromium: prints medians. Run by `npm run report`; the server should be a release build
// (SERVER=../target/release/plenum).

import { join, sends } from './call.mjs';
import { median, newPage, startChromium, startServer } from './lab.mjs';

const TIMES = Number(process.env.TIMES ?? 15);

/** In the page: from the offer to the answer, and to the first picture, of one other participant. */
export async function measure(viewer, id) {
  return viewer.evaluate(
    (id) =>
      new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error('no picture within ten seconds')), 10_000);
        const pc = new RTCPeerConnection();
        const socket = window.io({ forceNew: true });
        const waiting = [];
        const times = {};
        let begun;
        const finish = () => {
          pc.close();
          socket.close();
          resolve(times);
        };
        pc.onicecandidate = ({ candidate }) =>
          candidate && socket.emit('message', { event: 'candidate', userid: id, roomName: 'quick', candidate: candidate.toJSON() });
        pc.ontrack = ({ track }) => {
          if (track.kind !== 'video') return;
          const video = Object.assign(document.createElement('video'), { muted: true, srcObject: new MediaStream([track]) });
          video.requestVideoFrameCallback(() => {
            times.picture = performance.now() - begun;
            finish();
          });
          video.play();
        };
        socket.on('message', async (message) => {
          if (message.event === 'existingParticipants') {
            pc.addTransceiver('audio', { direction: 'recvonly' });
            pc.addTransceiver('video', { direction: 'recvonly' });
            const offer = await pc.createOffer();
            begun = performance.now();
            socket.emit('message', { event: 'receiveVideoFrom', userid: id, roomName: 'quick', sdpOffer: offer.sdp });
            await pc.setLocalDescription(offer);
          } else if (message.event === 'receiveVideoAnswer') {
            times.answer = performance.now() - begun;
            await pc.setRemoteDescription({ type: 'answer', sdp: message.sdpAnswer });
            for (const candidate of waiting.splice(0)) await pc.addIceCandidate(candidate);
          } else if (message.event === 'candidate' && message.userid === id) {
            if (pc.remoteDescription) await pc.addIceCandidate(message.candidate);
            else waiting.push(message.candidate);
          }
        });
        socket.on('connect', () => socket.emit('message', { event: 'joinRoom', userName: 'viewer', roomName: 'quick' }));
      }),
    id,
  );
}

/** Medians of `times` views of one publisher, for `test`. */
export async function quickness(test, server, chromium, times) {
  const [publisher, viewer] = await Promise.all([newPage(test, chromium), newPage(test, chromium)]);
  const id = await join(publisher, server, 'quick', 'publisher');
  await sends(publisher);
  await viewer.goto(server.url);
  await viewer.waitForFunction(() => window.io);
  const all = [];
  for (let turn = 0; turn < times; turn += 1) all.push(await measure(viewer, id));
  return { answer: median(all.map(({ answer }) => answer)), picture: median(all.map(({ picture }) => picture)) };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const server = await startServer();
  const chromium = await startChromium(server.url);
  const { answer, picture } = await quickness({ after() {} }, server, chromium, TIMES);
  console.log(`offer to answer: ${answer.toFixed(1)} ms; offer to the first picture: ${picture.toFixed(0)} ms (medians of ${TIMES})`);
  await chromium.close();
  await server.stop();
}
