//! The forwarder: the element at the head of every branch from a publisher's tee to one subscriber or into the mix.
//!
//! It works in the publisher's streaming thread, with no queue and no delay. It drops until its gate is open and a
//! keyframe starts, rewrites headers to what the subscriber negotiated while sharing the payload, and asks the publisher
//! for keyframes. Invariants: sequence numbers leave it strictly increasing (a repeated one makes `srtpenc` fail), and
//! it never returns a flow error, so that a dead viewer cannot stop a publisher.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;

use crate::media::Codec;

mod assemble;
mod branch;
mod imp;
mod keyframe;
mod rewrite;
mod stream;
mod throttle;

pub use branch::keyframe_request;
pub use throttle::KeyframeThrottle;

/// The name of the element's factory.
pub const FACTORY: &str = "plenumforwarder";

/// What leaves a forwarder: as the receiving side negotiated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The codec; what comes in must be the same.
    pub codec: Codec,
    /// The payload type.
    pub payload: u8,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The header extensions that stay, as (identifier in, identifier out from 1 to 14). All others are stripped.
    pub extensions: Vec<(u8, u8)>,
}

/// What a forwarder has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ForwarderStats {
    /// Packets pushed downstream.
    pub forwarded: u64,
    /// Bytes of these packets, headers included.
    pub bytes: u64,
    /// Packets dropped while the gate was closed or waited for a keyframe.
    pub gated: u64,
    /// Packets dropped because they, or later ones, had already passed.
    pub duplicates: u64,
    /// Packets dropped because they carried nothing but padding.
    pub padding: u64,
    /// Packets dropped because they were no RTP.
    pub malformed: u64,
    /// Keyframe requests sent to the publisher.
    pub keyframe_requests: u64,
    /// Pushes that downstream did not take.
    pub flow_errors: u64,
}

glib::wrapper! {
    /// The forwarder element; see the [module](self).
    pub struct Forwarder(ObjectSubclass<imp::Forwarder>) @extends gst::Element, gst::Object;
}

impl Forwarder {
    /// A forwarder with a closed gate. All forwarders of one publication share its `throttle`.
    #[must_use]
    pub fn new(name: &str, output: Output, throttle: Arc<KeyframeThrottle>) -> Self {
        let forwarder: Self = glib::Object::builder().property("name", name).build();
        forwarder.imp().branch().set_output(output);
        forwarder.switch(throttle);
        forwarder
    }

    /// Opens the gate, for video from the next keyframe on, or closes it.
    pub fn set_open(&self, open: bool) {
        self.imp().branch().set_open(open);
    }

    /// Another source follows on the sink pad: its packets continue the numbers of those that were sent, for video
    /// from its next keyframe on. That keyframe is requested when its first packet arrives.
    pub fn switch(&self, throttle: Arc<KeyframeThrottle>) {
        self.imp().branch().switch(throttle);
    }

    /// Asks the source that was announced by [`switch`](Self::switch) for a keyframe now, where its `ssrc` is known, rather
    /// than when its first packet arrives. Link the sink pad first.
    pub fn request_keyframe(&self, ssrc: u32) {
        self.imp().request_keyframe(ssrc);
    }

    /// Calls `f` whenever the first packet of a source passes that was announced by [`switch`](Self::switch). Only the first
    /// `f` given counts. It runs in the publisher's streaming thread, so it must not block.
    pub fn on_began(&self, f: impl Fn() + Send + Sync + 'static) {
        self.imp().on_began(Arc::new(f));
    }

    /// Counts how long those packets take through the server whose [arrival](super::arrival) was noted. For what leaves by
    /// a socket.
    pub fn time(&self) {
        self.imp().branch().time();
    }

    /// Changes what leaves; new caps go before the next packet. Under another codec or SSRC, that is a keyframe's.
    pub fn set_output(&self, output: Output) {
        self.imp().branch().set_output(output);
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> ForwarderStats {
        self.imp().branch().stats()
    }

    /// Whether downstream has failed for good. Nothing is pushed then, until the element is stopped and started anew.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.imp().is_dead()
    }

    /// Calls `f` once when downstream fails for good; at once when it already has. It runs in the publisher's streaming
    /// thread, so it must not block.
    pub fn on_dead(&self, f: impl Fn() + Send + Sync + 'static) {
        self.imp().on_dead(Arc::new(f));
    }
}
