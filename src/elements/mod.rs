//! Our own GStreamer elements, each tested alone with a harness; and what elements of others may [dial].
//!
//! They know RTP, codecs and pictures, but neither rooms nor WebRTC. They own no threads: each works in the streaming thread of
//! whoever pushes into it.

use gstreamer as gst;
use gstreamer::prelude::*;

pub mod arrival;
pub mod dial;
mod extensions;
pub mod fitter;
mod fitting;
pub mod forwarder;
pub mod gather;
pub mod meter;
mod packet;
mod pads;
mod scaling;

/// Makes the elements known to GStreamer by name, so that descriptions may use them. May be called again.
///
/// # Errors
/// When GStreamer is not initialised or refuses a type.
pub fn register() -> Result<(), gst::glib::BoolError> {
    gst::Element::register(None, forwarder::FACTORY, gst::Rank::NONE, forwarder::Forwarder::static_type())
}
