//! What a forwarding server wants otherwise than webrtcbin's defaults, set as its inner elements appear.

mod repair;
mod settle;

pub use repair::Patience;
pub(super) use settle::settle;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::sdp::{Offer, Role};
use crate::elements::arrival::Arrivals;

/// How long a sent packet is kept for retransmission, in milliseconds: whoever plays live asks within a round trip or two.
const HISTORY_MILLISECONDS: u32 = 1000;
/// How many packets of one stream are kept at most: a second of 2.5 Mbit/s. webrtcbin keeps 500 for good.
const HISTORY_PACKETS: u32 = 256;

/// Whoever receives video reports more often than this.
const CUT_MILLISECONDS: u64 = 3000;

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

    /// Notes that something came. Returns how many milliseconds it was silent before.
    fn again(&self) -> u64 {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        now.saturating_sub(self.milliseconds.swap(now, Ordering::Relaxed))
    }

    /// Notes that it is there.
    pub(super) fn note(&self) {
        self.again();
    }

    /// How long it has been silent.
    pub(super) fn silence(&self) -> std::time::Duration {
        let heard = std::time::Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(heard)
    }
}

/// Called in a streaming thread: it must not block.
type Returned = Arc<dyn Fn() + Send + Sync>;

/// Tunes `webrtcbin`, which serves `offer`, notes in `heard` when its peer sends, and calls `returned` when it does so
/// after a silence that must have been a cut.
pub(super) fn tune(webrtcbin: &gst::Bin, offer: &Arc<Offer>, patience: Patience, heard: &Heard, returned: Returned) {
    if let Some(rtpbin) = webrtcbin.by_name("rtpbin") {
        repair::wait(&rtpbin, offer, patience);
    }
    tune_all(webrtcbin, offer.role, offer.ssrc_count(), heard, returned);
}

/// Tunes `webrtcbin`, which sends to a server, and notes in `heard` when that sends something: reports, mostly.
pub(super) fn tune_sender(webrtcbin: &gst::Bin, heard: &Heard) {
    // A server receives as a subscriber does.
    tune_all(webrtcbin, Role::Subscriber, 0, heard, Arc::new(|| {}));
}

fn tune_all(webrtcbin: &gst::Bin, role: Role, declared: usize, heard: &Heard, returned: Returned) {
    if let Some(rtpbin) = webrtcbin.by_name("rtpbin") {
        // What the other side declared, and two for what it may yet send: each undeclared SSRC would cost a pad and two threads.
        rtpbin.set_property("max-streams", u32::try_from(declared).unwrap_or(u32::MAX).saturating_add(2));
        // Sender reports then map to the time a picture was taken, not to when it happened to leave.
        rtpbin.set_property("rtcp-sync-send-time", false);
    }
    let heard = heard.clone();
    webrtcbin.connect_deep_element_added(move |_, _, element| tune_inner(element, role, &heard, &returned));
}

fn tune_inner(element: &gst::Element, role: Role, heard: &Heard, returned: &Returned) {
    let Some(factory) = element.factory() else { return };
    match factory.name().as_str() {
        // A live branch is in time already; waiting for the clock would add the jitter buffer's latency once more.
        "clocksync" => element.set_property("sync", false),
        "rtpsession" if role == Role::Publisher => repair::ask_at_once(element),
        "rtpfunnel" => repeat_no_segment(element),
        "rtprtxsend" if role == Role::Publisher => never_retransmit(element),
        "rtprtxsend" => keep_history_short(element),
        "nicesrc" => {
            let Some(pad) = element.static_pad("src") else { return };
            let (heard, returned, arrivals) = (heard.clone(), Arc::clone(returned), Arrivals::default());
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
                if let (Role::Publisher, Some(packet)) = (role, info.buffer_mut()) {
                    arrivals.note(packet);
                }
                if heard.again() > CUT_MILLISECONDS {
                    returned();
                }
                gst::PadProbeReturn::Ok
            });
        }
        _ => {}
    }
}

/// The funnel of a bundle sends a segment whenever the next packet comes by another of its pads: with a dozen slots that
/// is an event for nearly each packet, and costs every element behind it as much as the packet does.
fn repeat_no_segment(funnel: &gst::Element) {
    let Some(pad) = funnel.static_pad("src") else { return };
    let last = Mutex::new(None::<gst::Segment>);
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::EventView::Segment(segment)) = info.event().map(|event| event.view()) else {
            return gst::PadProbeReturn::Ok;
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(segment.segment()) {
            // Not `Drop`: the event would count as not delivered, and be sent again with each packet.
            return gst::PadProbeReturn::Handled;
        }
        *last = Some(segment.segment().clone());
        gst::PadProbeReturn::Ok
    });
}

/// webrtcbin sets its own bound just before the element is added to a bin, so that ours holds.
fn keep_history_short(rtprtxsend: &gst::Element) {
    rtprtxsend.set_property("max-size-time", HISTORY_MILLISECONDS);
    rtprtxsend.set_property("max-size-packets", HISTORY_PACKETS);
}

/// A publisher is sent nothing. Without payload types to retransmit the element ends the thread that waits for requests;
/// webrtcbin sets them again with each track that appears.
fn never_retransmit(rtprtxsend: &gst::Element) {
    rtprtxsend.connect_notify(Some("payload-type-map"), |rtprtxsend, _| {
        let map = rtprtxsend.property::<Option<gst::Structure>>("payload-type-map");
        if map.is_some_and(|map| map.n_fields() > 0) {
            rtprtxsend.set_property("payload-type-map", gst::Structure::new_empty("application/x-rtp-pt-map"));
        }
    });
}

/// The certificate that the peer proved to own in the DTLS handshake, as PEM.
pub(super) fn peer_certificate(webrtcbin: &gst::Bin) -> Option<String> {
    let decoder = webrtcbin.iterate_all_by_element_factory_name("dtlssrtpdec").into_iter().flatten().next()?;
    decoder.property::<Option<String>>("peer-pem").filter(|pem| !pem.is_empty())
}
