// A client as the Kurento group-call tutorial teaches it: one kurento-utils peer for each participant, the verbs of that
// tutorial and none of ours. It guards against nothing, as such clients do: a message about somebody unknown throws.
'use strict';

const socket = io();
const peers = {};
let room;

socket.on('message', (message) => {
  switch (message.event) {
    case 'newParticipantArrived':
      watch(message.userid);
      break;
    case 'existingParticipants':
      publish(message.userid);
      message.existingUsers.forEach((user) => watch(user.id));
      break;
    case 'receiveVideoAnswer':
      peers[message.senderid].processAnswer(message.sdpAnswer, complain);
      break;
    case 'candidate':
      peers[message.userid].addIceCandidate(message.candidate, complain);
      break;
  }
});

// eslint-disable-next-line no-unused-vars -- called by the test
function enter(name, roomName) {
  room = roomName;
  socket.emit('message', { event: 'joinRoom', userName: name, roomName });
}

function publish(id) {
  const constraints = { audio: true, video: { width: { max: 320 }, frameRate: { max: 15 } } };
  start(id, 'WebRtcPeerSendonly', { localVideo: picture(id, 'own'), mediaConstraints: constraints });
}

function watch(id) {
  start(id, 'WebRtcPeerRecvonly', { remoteVideo: picture(id, 'other') });
}

function start(id, kind, options) {
  const onicecandidate = (candidate) => socket.emit('message', { event: 'candidate', userid: id, roomName: room, candidate });
  peers[id] = kurentoUtils.WebRtcPeer[kind]({ ...options, onicecandidate }, function (error) {
    if (error) return complain(error);
    this.generateOffer((failure, sdpOffer) => {
      complain(failure);
      socket.emit('message', { event: 'receiveVideoFrom', userid: id, roomName: room, sdpOffer });
    });
  });
}

function picture(id, kind) {
  const video = document.createElement('video');
  Object.assign(video, { id, className: kind, autoplay: true, muted: kind === 'own', playsInline: true });
  return document.body.appendChild(video);
}

function complain(error) {
  if (error) throw error;
}
