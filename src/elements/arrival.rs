//! When a packet came to this server, noted on one in so many of them, so that its way can be timed. webrtcbin 1.22 notes it on none.
//!
//! Runs in the streaming thread of a publisher's socket.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use gstreamer as gst;

use crate::media::pipeline::Pipeline;

/// One in so many.
const EVERY: u32 = 256;

/// What the note is called.
const NAME: &str = "timestamp/x-plenum-arrival";

static REFERENCE: LazyLock<gst::Caps> = LazyLock::new(|| gst::Caps::new_empty_simple(NAME));

/// Notes arrivals at one socket.
#[derive(Debug, Default)]
pub struct Arrivals(AtomicU32);

impl Arrivals {
    /// A packet has just come.
    pub fn note(&self, packet: &mut gst::Buffer) {
        if self.0.fetch_add(1, Relaxed).is_multiple_of(EVERY) {
            gst::ReferenceTimestampMeta::add(packet.make_mut(), &REFERENCE, Pipeline::running_time(), None);
        }
    }
}

/// The running time at which a packet came, if that was noted.
pub(super) fn of(packet: &gst::BufferRef) -> Option<gst::ClockTime> {
    let mut notes = packet.iter_meta::<gst::ReferenceTimestampMeta>();
    let ours = notes.find(|note| note.reference().structure(0).is_some_and(|structure| structure.name() == NAME));
    ours.map(|note| note.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_so_many_is_noted_and_a_copy_knows_it() {
        gst::init().unwrap();
        let arrivals = Arrivals::default();
        let noted = (0..2 * EVERY).filter(|_| {
            let mut packet = gst::Buffer::from_slice([1, 2, 3]);
            arrivals.note(&mut packet);
            of(&packet.copy()).is_some_and(|came| came <= Pipeline::running_time())
        });
        assert_eq!(noted.count(), 2);
    }
}
