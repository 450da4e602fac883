//! The sound of AAC at its time.

use gstreamer as gst;
use gstreamer::prelude::*;

/// 1024 samples.
const AAC_FRAME: gst::ClockTime = gst::ClockTime::from_nseconds(21_333_333);

/// What an AAC encoder gives first is a frame of what was before the sound, which comes that much late by it. Players that
/// are not told, which GStreamer 1.22 cannot, would play everybody's sound behind their pictures: what leaves `out` is that
/// much earlier.
pub(crate) fn undo_priming(out: &gst::Pad) {
    out.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let Some(buffer) = info.buffer_mut() else { return gst::PadProbeReturn::Ok };
        // Half a frame for what rounding does to times.
        match buffer.pts() {
            Some(pts) if pts < AAC_FRAME / 2 => gst::PadProbeReturn::Drop,
            Some(pts) => {
                let buffer = buffer.make_mut();
                buffer.set_pts(pts.saturating_sub(AAC_FRAME));
                buffer.set_dts(buffer.dts().map(|dts| dts.saturating_sub(AAC_FRAME)));
                gst::PadProbeReturn::Ok
            }
            None => gst::PadProbeReturn::Ok,
        }
    });
}
