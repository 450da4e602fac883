//! What gets lost on the way from a publisher is asked for again, at once, and waited for as long as that makes sense.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::media::Kind;
use crate::webrtc::sdp::Offer;

/// How long a jitter buffer waits for a packet that is missing, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Of sound, which goes on without it.
    pub sound_milliseconds: u32,
    /// Of a picture, which does not.
    pub picture_milliseconds: u32,
}

/// Requests for packets and keyframes are RTCP, which has a share of the session's bandwidth, and may go once per interval
/// that the share allows: RFC 4585, section 3.5.2. GStreamer takes the bandwidth for what is received, 64 kbit/s at first,
/// so that a request waits for half a second and comes too late; with this many bytes a second it is 15 ms. Regular reports
/// become no more by it: those keep their distance.
const BANDWIDTH: f64 = 4_000_000.0;

/// Lets requests go at once.
pub(super) fn ask_at_once(rtpsession: &gst::Element) {
    rtpsession.set_property("bandwidth", BANDWIDTH);
}

/// Has the jitter buffers of `rtpbin` wait as long as suits what `offer` says they get.
pub(super) fn wait(rtpbin: &gst::Element, offer: &Arc<Offer>, patience: Patience) {
    let offer = Arc::clone(offer);
    // webrtcbin has its own handler, which goes first.
    rtpbin.connect("new-jitterbuffer", false, move |values| {
        let jitterbuffer = values.get(1)?.get::<gst::Element>().ok()?;
        let ssrc = values.get(3)?.get::<u32>().ok()?;
        // Else the very first packet waits for the full latency.
        jitterbuffer.set_property("faststart-min-packets", 1u32);
        // Else packets that are merely not there yet are asked for again and again.
        jitterbuffer.set_property("rtx-next-seqnum", false);
        let sections = offer.sections.iter().filter(|section| section.codec.codec.kind() == Kind::Audio);
        let is_sound = sections.flat_map(|section| &section.ssrcs).any(|known| *known == ssrc);
        if is_sound {
            // It would be asked for in vain.
            jitterbuffer.set_property("do-retransmission", false);
            jitterbuffer.set_property("latency", patience.sound_milliseconds);
        } else {
            jitterbuffer.set_property("latency", patience.picture_milliseconds);
        }
        None
    });
}
