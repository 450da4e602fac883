//! A look at what passes a pad: how loud it is, and how much of it is missing. Nothing is decoded or changed.
//!
//! Works in the streaming thread of the pad; lock-free, as each packet passes here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::extensions;
use super::packet::Packet;

/// What arrived since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    /// Packets that came.
    pub received: u32,
    /// Packets that are missing between them.
    pub lost: u32,
    /// Bytes of those that came.
    pub bytes: u32,
}

/// Sequence numbers further apart than this are another stream's, not a loss.
const FAR: u16 = 1000;

/// The silence of RFC 6464: -127 dBov.
const SILENCE: u8 = 127;

/// What a [`Meter`] has seen.
#[derive(Debug, Default)]
pub struct Meter {
    loudness: AtomicU8,
    received: AtomicU32,
    lost: AtomicU32,
    bytes: AtomicU32,
    /// The last sequence number, with bit 16 set once there is one.
    last: AtomicU32,
    ssrc: AtomicU32,
}

impl Meter {
    /// Watches `pad`. `level` is the identifier of the audio level header extension (RFC 6464), if it was negotiated.
    #[must_use]
    pub fn attach(pad: &gst::Pad, level: Option<u8>) -> Arc<Self> {
        let meter = Arc::new(Self::default());
        let watching = Arc::clone(&meter);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => watching.look(buffer, level),
                Some(gst::PadProbeData::BufferList(list)) => {
                    list.iter().for_each(|buffer| watching.look(buffer, level))
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
        meter
    }

    /// The loudest since it was last asked, from 0 (silence, or nothing came) to 127.
    #[must_use]
    pub fn take_loudness(&self) -> u8 {
        self.loudness.swap(0, Relaxed)
    }

    /// What arrived since it was last asked.
    #[must_use]
    pub fn take_arrival(&self) -> Arrival {
        Arrival {
            received: self.received.swap(0, Relaxed),
            lost: self.lost.swap(0, Relaxed),
            bytes: self.bytes.swap(0, Relaxed),
        }
    }

    /// The source (SSRC) of the last packet; 0 before the first.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc.load(Relaxed)
    }

    fn look(&self, buffer: &gst::BufferRef, level: Option<u8>) {
        let Ok(map) = buffer.map_readable() else { return };
        if let Some(packet) = Packet::parse(&map) {
            self.bytes.fetch_add(u32::try_from(map.len()).unwrap_or(0), Relaxed);
            self.note(&packet, level);
        }
    }

    fn note(&self, packet: &Packet<'_>, level: Option<u8>) {
        let sequence = packet.sequence();
        self.ssrc.store(packet.ssrc(), Relaxed);
        let last = self.last.swap(u32::from(sequence) | 1 << 16, Relaxed);
        let step = sequence.wrapping_sub(last as u16);
        if last != 0 && (2..FAR).contains(&step) {
            self.lost.fetch_add(u32::from(step - 1), Relaxed);
        }
        self.received.fetch_add(1, Relaxed);
        if let (Some(level), Some((profile, block))) = (level, packet.extension()) {
            extensions::each(profile, block, |id, data| {
                if id == level
                    && let [first, ..] = data
                {
                    self.loudness.fetch_max(SILENCE - (first & SILENCE), Relaxed);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, level: u8) -> Vec<u8> {
        let [high, low] = sequence.to_be_bytes();
        vec![0x90, 111, high, low, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x30, level, 0, 0, 9, 9]
    }

    fn note(meter: &Meter, sequence: u16, level: u8) {
        meter.note(&Packet::parse(&packet(sequence, level)).expect("RTP"), Some(3));
    }

    #[test]
    fn the_loudest_counts_and_is_taken() {
        let meter = Meter::default();
        note(&meter, 1, 0x80 | 40);
        note(&meter, 2, 30);
        note(&meter, 3, 127);
        assert_eq!((meter.take_loudness(), meter.take_loudness()), (97, 0));
    }

    #[test]
    fn another_extension_is_no_level() {
        let meter = Meter::default();
        meter.note(&Packet::parse(&packet(1, 10)).expect("RTP"), Some(4));
        meter.note(&Packet::parse(&packet(2, 10)).expect("RTP"), None);
        assert_eq!(meter.take_loudness(), 0);
    }

    #[test]
    fn gaps_are_losses_and_jumps_are_not() {
        let meter = Meter::default();
        for sequence in [65_534, 65_535, 0, 3, 4, 30_000, 30_001] {
            note(&meter, sequence, 127);
        }
        assert_eq!(meter.take_arrival(), Arrival { received: 7, lost: 2, bytes: 0 });
        assert_eq!(meter.take_arrival(), Arrival::default());
    }
}
