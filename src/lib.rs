//! plenum: a native media server for rooms.
//!
//! Browsers hold a group call through it; it forwards, mixes, records and streams the call. One process, no headless
//! browser, no sidecar.
//!
//! # The map
//! Each module imports only those left of it; `tests/architecture.rs` holds this line against the code.
//!
//! ```text
//! id, config, metrics, telemetry ← access ← media ← elements ← webrtc ← mix ← egress ← recompose ← room ← signaling
//! ← http ← check ← server ← main
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | [`id`], [`config`], [`metrics`], [`telemetry`] | names, settings, what is counted, logs |
//! | [`access`] | who may do what: keys, tokens, what they grant |
//! | [`media`] | generic GStreamer: pipelines with one clock, their messages, grafting, links, descriptions |
//! | [`elements`] | our own elements: the forwarder, the gatherer, the meter, the fitter; and what others of them may dial |
//! | [`webrtc`] | one peer connection, answering a client or offering to a server: SDP, ICE, the check of the DTLS certificate |
//! | [`mix`] | many tracks become one picture and one sound: layout, compositor, audio, which encoder this machine has |
//! | [`egress`] | where a mix goes: recordings, their catalogue and their upload; what is pushed, and served by HLS; pictures |
//! | [`recompose`] | a layout rendered afterwards, from what everybody sent: `plenum recompose` |
//! | [`room`] | who is there, what they may, who gets what: one task per room, commands in, events out |
//! | [`signaling`] | Socket.IO sessions and their dialects: the tutorial's and our own |
//! | [`http`] | page, REST API, HLS, WHEP and WHIP, metrics, health, errors |
//! | [`check`], [`server`] | what is missing on this machine; everything wired together |
//!
//! # Threads
//! - **Tokio workers** run the tasks: one per room ([`room`]), one per connection ([`signaling`]), one per pipeline's bus.
//!   Only a room's task touches that room's state; it never blocks.
//! - **Streaming threads** belong to GStreamer. Those of a publisher's webrtcbin carry its packets all the way to the
//!   sockets of all viewers: there is no queue in between. Our code there takes one short lock per packet or list.
//! - **One thread per mix** ([`mix`]) alone changes that mix's pipeline, and starts and ends decoders, so the room never waits.
//!   A decoder has a pipeline of its own, and all mixes of a room take from it.
//! - **GStreamer's pool** ends what is taken off a pipeline, since that may have to wait.
//!
//! # Four flows
//! A **packet** of Ann for Bob: UDP → Ann's publishing webrtcbin (ICE, DTLS, SRTP, jitter buffer) → tee → the
//! [forwarder](elements::forwarder) of the slot in which Bob has Ann (gate, rewriting) → Bob's webrtcbin → UDP. Bob's
//! keyframe requests take the same way back and are limited there.
//!
//! A **message**: websocket → socketioxide → [`signaling`]'s queue → session → [`room::Command`] → the room's task →
//! reply and [`room::Event`] → session → websocket. What webrtcbin has to say arrives in the same task as an
//! [`EndpointEvent`](webrtc::EndpointEvent).
//!
//! A **look**: Bob says what he looks at, or the [meters](elements::meter) hear that somebody else speaks → the room
//! decides, in pure code, which slot of Bob's carries whom → branches move from tee to tee → the forwarder goes on with the
//! new track at its next keyframe, and says so → Bob is told whose slot it is now. And the largest look at Ann is what Ann is
//! asked to encode.
//!
//! A **recording**: `POST …/recordings` → [`room::Command::StartRecording`] → the room starts the [mix](mix::Mix)
//! that was asked for, shows its [scene](mix::scene), opens a tap on every tee and links it to the mix → decoders → compositor and audiomixer → encoders → links → the
//! [recording](egress::recording)'s own pipeline → file. Stopping sends EOS into that last pipeline only.
//! If recordings are to begin before they are asked for, mix and taps are there from the beginning, and their outlets keep
//! what passed lately; a link takes that first. What everybody is told meanwhile is noted in its manifest, and the [catalogue](egress::catalogue) finds it afterwards.
//! Where that is wanted, its [upload](egress::upload) follows once its files have their checksums.
//! An [output](egress::outputs), pushed or served by HLS, takes the outlets of the same encoders, into a pipeline that is tried again
//! for as long as it is wanted, and goes nowhere that the operator [forbids](egress::outputs::Reach). One by WHIP makes the mix
//! RTP itself, and [sends](webrtc::Sender) it once the server has proved who it is. A [snapshot](egress::snapshot)
//! takes one raw picture off the mixer, and encodes it. Whoever [watches](http) by WHEP gets the encoded mix as RTP: made so once in
//! the room's own pipeline, and forwarded to each viewer as a participant's packets are.

#![warn(clippy::unwrap_used, clippy::print_stdout)]

pub mod access;
pub mod check;
pub mod config;
pub mod egress;
pub mod elements;
pub mod http;
pub mod id;
pub mod media;
pub mod metrics;
pub mod mix;
pub mod recompose;
pub mod room;
pub mod server;
pub mod signaling;
pub mod telemetry;
pub mod webrtc;
