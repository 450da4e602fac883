//! What a viewer received of one publisher, judged packet by packet.
//!
//! Owner: the load thread. Invariant: only packets sent inside the window count, so its edges lose nothing.

use crate::packets::{Stamp, Track};

/// The measured span, in nanoseconds since the load began, by send time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Window {
    /// First nanosecond of the span.
    pub(crate) start: u64,
    /// First nanosecond after it; 0 while nothing is measured.
    pub(crate) end: u64,
}

impl Window {
    /// Whether a packet sent then belongs to the span.
    pub(crate) fn contains(&self, sent: u64) -> bool {
        (self.start..self.end).contains(&sent)
    }
}

#[derive(Debug, Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Notes a number; false if it was there already.
    fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1u64 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let fresh = self.0[word] & bit == 0;
        self.0[word] |= bit;
        fresh
    }
}

#[derive(Debug, Default)]
struct Sequence {
    span: Option<(u64, u64)>,
    count: u64,
}

impl Sequence {
    fn note(&mut self, number: u64) {
        let (low, high) = self.span.unwrap_or((number, number));
        self.span = Some((low.min(number), high.max(number)));
        self.count += 1;
    }

    fn missing(&self) -> u64 {
        self.span.map_or(0, |(low, high)| (high - low + 1).saturating_sub(self.count))
    }
}

/// Counters of one subscription: audio and video of one publisher at one viewer.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    seen: [Seen; 2],
    sequences: [Sequence; 2],
    heard: [bool; 2],
    /// Packets of the window that arrived, each counted once.
    pub(crate) delivered: u64,
    /// The same packet again.
    pub(crate) duplicates: u64,
    /// Packets of a publisher that was not subscribed to, or not ours at all.
    pub(crate) strays: u64,
    /// Microseconds from send to arrival.
    pub(crate) delays: Vec<u32>,
    /// Video frames of the window that arrived whole.
    pub(crate) frames: u64,
    /// Frames of which a part has come, with how much of it.
    parts: Vec<(u32, u8)>,
}

impl Tally {
    /// Counts a packet with the RTP sequence number the viewer saw; true if a video frame is whole by it.
    pub(crate) fn note(
        &mut self,
        expected: u16,
        window: Window,
        stamp: Option<Stamp>,
        sequence: u64,
        arrived: u64,
    ) -> bool {
        let Some(stamp) = stamp.filter(|stamp| stamp.source == expected) else {
            self.strays += 1;
            return false;
        };
        let track = stamp.track as usize;
        self.heard[track] = true;
        let fresh = self.seen[track].insert(stamp.counter);
        if !window.contains(stamp.sent) {
            return false;
        }
        if fresh {
            self.delivered += 1;
            self.sequences[track].note(sequence);
            self.delays.push((arrived.saturating_sub(stamp.sent) / 1000) as u32);
            return stamp.track == Track::Video && self.assemble(stamp);
        }
        self.duplicates += 1;
        false
    }

    fn assemble(&mut self, stamp: Stamp) -> bool {
        let found = self.parts.iter().position(|(frame, _)| *frame == stamp.frame);
        let at = found.unwrap_or_else(|| {
            self.parts.push((stamp.frame, 0));
            self.parts.len() - 1
        });
        self.parts[at].1 += 1;
        let whole = self.parts[at].1 == stamp.of;
        if whole {
            self.parts.swap_remove(at);
            self.frames += 1;
        }
        whole
    }

    /// Packets of one track that arrived, each counted once.
    pub(crate) fn of(&self, track: Track) -> u64 {
        self.sequences[track as usize].count
    }

    /// Whether audio and video have arrived at least once.
    pub(crate) fn heard(&self) -> [bool; 2] {
        self.heard
    }

    /// Forgets the counts of an earlier window; what has been seen stays known, or late copies would look new.
    pub(crate) fn reset(&mut self) {
        let Self { seen, heard, .. } = std::mem::take(self);
        *self = Self { seen, heard, ..Self::default() };
    }

    /// Holes in the sequence numbers that the viewer saw.
    pub(crate) fn gaps(&self) -> u64 {
        self.sequences.iter().map(Sequence::missing).sum()
    }
}
