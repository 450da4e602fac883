//! The gate and the numbers together: what becomes of each packet. Pure.

use super::keyframe;
use super::rewrite::{Numbers, Place, Rewriter};
use crate::elements::packet::Packet;
use crate::media::{Codec, Kind};

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It passes under these numbers; `first` when what passed before is not its predecessor.
    Forward { numbers: Numbers, first: bool },
    /// The gate is closed.
    Closed,
    /// The gate waits for a keyframe, which the publisher should be asked for.
    Awaiting,
    /// It, or a later one, has passed before.
    Stale,
    /// It carries nothing.
    Empty,
}

/// One outgoing stream.
#[derive(Debug)]
pub(super) struct Stream {
    codec: Codec,
    open: bool,
    rewriter: Rewriter,
}

impl Stream {
    pub(super) fn new(codec: Codec, ssrc: u32) -> Self {
        Self { codec, open: false, rewriter: Rewriter::new(ssrc, codec.clock_rate()) }
    }

    pub(super) fn set_open(&mut self, open: bool) {
        if open != self.open {
            self.open = open;
            self.restart();
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Goes on under another name; for video from the next keyframe on.
    pub(super) fn rename(&mut self, codec: Codec, ssrc: u32) {
        self.codec = codec;
        self.rewriter.rename(ssrc, codec.clock_rate());
    }

    /// Whatever comes next follows at once on what was sent; for video from the next keyframe on.
    pub(super) fn restart(&mut self) {
        self.rewriter.restart();
    }

    /// Whether a keyframe starts in this packet. Never for sound, which has none.
    pub(super) fn starts_keyframe(&self, packet: &Packet<'_>) -> bool {
        self.codec.kind() == Kind::Video && keyframe::starts(self.codec, packet.payload())
    }

    /// Decides about a packet sent at `time`, in nanoseconds of running time.
    pub(super) fn judge(&mut self, packet: &Packet<'_>, keyframe: bool, time: Option<u64>) -> Verdict {
        if !self.open {
            return Verdict::Closed;
        }
        let input = Numbers { ssrc: packet.ssrc(), sequence: packet.sequence(), timestamp: packet.timestamp() };
        let first = match self.rewriter.place(input) {
            Place::Stale => return Verdict::Stale,
            Place::First => true,
            Place::Ahead => false,
        };
        if packet.payload().is_empty() {
            self.rewriter.skip(input);
            return Verdict::Empty;
        }
        if first && !keyframe && self.codec.kind() == Kind::Video {
            return Verdict::Awaiting;
        }
        Verdict::Forward { numbers: self.rewriter.forward(input, time), first }
    }
}
