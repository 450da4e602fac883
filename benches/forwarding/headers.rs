//! Telling packets by their RTP headers alone, which SRTP leaves in clear: what was sent, and where a stream stands in it.
//!
//! Owner: the load thread. Invariant: a packet is told only if sequence number, timestamp and marker all fit what its
//! publisher sent; whatever does not fit has to be decrypted, and begins anew.

use std::collections::{HashMap, VecDeque};

use crate::packets::{Packet, Stamp, Track};

/// So many packets of each track are remembered: fifteen seconds of video, forty of sound.
const KEPT: usize = 2048;

/// What is used of an RTP header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
}

impl Header {
    /// Reads it, if the datagram is RTP: not STUN or DTLS (RFC 7983), nor RTCP (RFC 5761).
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [0x80..=0xbf, kind, s0, s1, t0, t1, t2, t3, a, b, c, d, ..] = *bytes else { return None };
        (!(192..=223).contains(&kind)).then(|| Self {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            marker: kind & 0x80 != 0,
        })
    }
}

#[derive(Debug)]
struct Entry {
    stamp: Stamp,
    timestamp: u32,
    marker: bool,
}

/// What the publishers sent lately, by number and track.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Vec<[VecDeque<Entry>; 2]>);

impl Ledger {
    /// Remembers a packet; those of a track come in order.
    pub(crate) fn record(&mut self, packet: &Packet) {
        let Packet { stamp, timestamp, marker, .. } = *packet;
        let source = usize::from(stamp.source);
        if self.0.len() <= source {
            self.0.resize_with(source + 1, Default::default);
        }
        let kept = &mut self.0[source][stamp.track as usize];
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Entry { stamp, timestamp, marker });
    }

    fn at(&self, source: u16, track: Track, counter: u32) -> Option<&Entry> {
        let kept = &self.0.get(usize::from(source))?[track as usize];
        let first = kept.front()?.stamp.counter;
        kept.get(counter.checked_sub(first)? as usize)
    }
}

/// The last packet of a stream that is known for sure.
#[derive(Debug)]
struct Anchor {
    stamp: Stamp,
    /// With the times that it wrapped around.
    sequence: u64,
    timestamp: u32,
}

impl Anchor {
    /// The full sequence number, which is at most half a round away.
    fn extend(&self, sequence: u16) -> u64 {
        self.sequence.wrapping_add_signed(self.ahead(sequence))
    }

    fn ahead(&self, sequence: u16) -> i64 {
        i64::from(sequence.wrapping_sub(self.sequence as u16).cast_signed())
    }

    fn follow(&mut self, ledger: &Ledger, header: &Header) -> Option<Stamp> {
        let Stamp { source, track, counter, .. } = self.stamp;
        let ahead = self.ahead(header.sequence);
        let known = ledger.at(source, track, counter)?;
        let found = ledger.at(source, track, counter.checked_add_signed(i32::try_from(ahead).ok()?)?)?;
        let elapsed = found.timestamp.wrapping_sub(known.timestamp);
        // The marker of sound means the begin of a talk spurt, which a server may see otherwise.
        let fits = header.timestamp.wrapping_sub(self.timestamp) == elapsed
            && (track == Track::Audio || found.marker == header.marker);
        let stamp = fits.then_some(found.stamp)?;
        if ahead > 0 {
            *self = Self { stamp, sequence: self.extend(header.sequence), timestamp: header.timestamp };
        }
        Some(stamp)
    }
}

/// What a header told.
#[derive(Debug)]
pub(crate) enum Told {
    /// Which packet it is.
    Packet(Stamp),
    /// Only decryption can tell.
    Nothing,
    /// Likewise, as the stream carries something else now; it wrapped around so many times.
    Changed(u64),
}

/// Where the streams of a connection stand, by SSRC.
#[derive(Debug, Default)]
pub(crate) struct Anchors(HashMap<u32, Anchor>);

impl Anchors {
    /// Notes a packet that was decrypted.
    pub(crate) fn learn(&mut self, ssrc: u32, stamp: Stamp, sequence: u64, timestamp: u32) {
        self.0.insert(ssrc, Anchor { stamp, sequence, timestamp });
    }

    /// Tells a packet.
    pub(crate) fn tell(&mut self, ledger: &Ledger, header: &Header) -> Told {
        let Some(anchor) = self.0.get_mut(&header.ssrc) else { return Told::Nothing };
        if let Some(stamp) = anchor.follow(ledger, header) {
            return Told::Packet(stamp);
        }
        let rounds = anchor.extend(header.sequence) >> 16;
        self.0.remove(&header.ssrc);
        Told::Changed(rounds)
    }
}
