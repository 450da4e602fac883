//! What our elements have in common: one pad in, one pad out, both always there.

use gstreamer as gst;
use gstreamer::prelude::*;

/// The templates of both, for an element that takes and gives `caps`.
pub(super) fn templates(caps: &gst::Caps) -> Vec<gst::PadTemplate> {
    let template = |(name, direction)| gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).ok();
    [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)].into_iter().filter_map(template).collect()
}

/// Gives an element its pads.
pub(super) fn add(element: &impl IsA<gst::Element>, pads: [&gst::Pad; 2]) {
    for pad in pads {
        // Fails only for a second pad of the same name.
        let _ = element.add_pad(pad);
    }
}
