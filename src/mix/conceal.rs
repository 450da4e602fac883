//! Sound that got lost on the way is made up by the decoder: it has to be told, for a link hands on packets and no events.
//!
//! Were it told of a break instead, opusdec 1.22 would end what it has, decode the next packet twice, and give all that
//! follows 20 ms late.

use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

/// How long packets are that do not say so.
const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(20);
/// Less is no loss.
const LEAST: gst::ClockTime = gst::ClockTime::from_mseconds(5);
/// Longer than that nobody can make it up.
const MOST: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Tells what hangs on `pad`, a source of frames, of the gaps between them.
pub(super) fn conceal(pad: &gst::Pad) {
    // When the last frame ended, in nanoseconds; 0 before the first.
    let ended = AtomicU64::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some((buffer, begin)) = info.buffer_mut().and_then(|buffer| buffer.pts().map(|begin| (buffer, begin)))
        else {
            return gst::PadProbeReturn::Ok;
        };
        let end = begin + buffer.duration().unwrap_or(FRAME);
        let since = gst::ClockTime::from_nseconds(ended.swap(end.nseconds(), Ordering::Relaxed));
        buffer.make_mut().unset_flags(gst::BufferFlags::DISCONT);
        let gap = begin.saturating_sub(since);
        if (LEAST..=MOST).contains(&gap) {
            pad.push_event(gst::event::Gap::builder(since).duration(gap).build());
        }
        gst::PadProbeReturn::Ok
    });
}
