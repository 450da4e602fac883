//! What a forwarding server wants otherwise than webrtcbin's defaults, set as its inner elements appear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;

/// When an endpoint last heard anything but STUN from its peer.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    start: Instant,
    milliseconds: Arc<AtomicU64>,
}

impl Heard {
    pub(super) fn now() -> Self {
        Self { start: Instant::now(), milliseconds: Arc::default() }
    }

    fn again(&self) {
        self.milliseconds.store(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long it has been silent.
    pub(super) fn silence(&self) -> std::time::Duration {
        let heard = std::time::Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(heard)
    }
}

/// Tunes `webrtcbin`, whose peer may send at most `max_streams` SSRCs, and notes in `heard` when it does.
pub(super) fn tune(webrtcbin: &gst::Bin, max_streams: u32, heard: &Heard) {
    if let Some(rtpbin) = webrtcbin.by_name("rtpbin") {
        // Each undeclared SSRC would cost a pad and two threads.
        rtpbin.set_property("max-streams", max_streams);
        // Sender reports then map to the time a picture was taken, not to when it happened to leave.
        rtpbin.set_property("rtcp-sync-send-time", false);
        rtpbin.connect("new-jitterbuffer", false, |values| {
            if let Some(jitterbuffer) = values.get(1).and_then(|value| value.get::<gst::Element>().ok()) {
                // Else the very first packet waits for the full latency.
                jitterbuffer.set_property("faststart-min-packets", 1u32);
                // Else packets that are merely not there yet are asked for again and again.
                jitterbuffer.set_property("rtx-next-seqnum", false);
            }
            None
        });
    }
    let heard = heard.clone();
    webrtcbin.connect_deep_element_added(move |_, _, element| tune_inner(element, &heard));
}

fn tune_inner(element: &gst::Element, heard: &Heard) {
    let Some(factory) = element.factory() else { return };
    match factory.name().as_str() {
        // A live branch is in time already; waiting for the clock would add the jitter buffer's latency once more.
        "clocksync" => element.set_property("sync", false),
        "nicesrc" => {
            let Some(pad) = element.static_pad("src") else { return };
            let heard = heard.clone();
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
                heard.again();
                gst::PadProbeReturn::Ok
            });
        }
        _ => {}
    }
}

/// The certificate that the peer proved to own in the DTLS handshake, as PEM.
pub(super) fn peer_certificate(webrtcbin: &gst::Bin) -> Option<String> {
    let decoder = webrtcbin.iterate_all_by_element_factory_name("dtlssrtpdec").into_iter().flatten().next()?;
    decoder.property::<Option<String>>("peer-pem").filter(|pem| !pem.is_empty())
}
