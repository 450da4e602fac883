//! Sending to a client: one forwarder per m-line, there from the start, fed by whichever track the room links to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;

use super::endpoint::{Endpoint, EndpointContext, EndpointError, EndpointEventKind, report};
use super::sdp::Offer;
use crate::elements::forwarder::{Forwarder, ForwarderStats, KeyframeThrottle, Output};
use crate::media::graft::{self, GraftError};
use crate::media::{Codec, Kind};
use crate::metrics::label::Dropped;
use crate::metrics::metrics;

/// One m-line of a subscribing endpoint.
#[derive(Debug)]
pub struct Slot {
    /// The client's name for its m-line.
    pub mid: String,
    /// What it can carry.
    pub codec: Codec,
    /// The head of its branch; stays closed until the endpoint is connected and verified.
    pub forwarder: Forwarder,
    seen: AtomicU64,
    /// What of its forwarder's work has been counted.
    counted: Mutex<ForwarderStats>,
}

impl Slot {
    /// What it can carry.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.codec.kind()
    }

    /// Whether packets went out since it was last asked.
    pub(super) fn is_flowing(&self) -> bool {
        let forwarded = self.forwarder.stats().forwarded;
        self.seen.swap(forwarded, Ordering::Relaxed) != forwarded
    }

    /// Counts what it has sent since it was last asked.
    pub(super) fn count(&self) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, kind, packets) = (self.forwarder.stats(), self.kind().into(), &metrics().packets);
        let before = std::mem::replace(&mut *counted, now);
        packets.forwarded.get_or_create(&kind).inc_by(now.forwarded - before.forwarded);
        packets.forwarded_bytes.get_or_create(&kind).inc_by(now.bytes - before.bytes);
        packets.keyframe_requests.inc_by(now.keyframe_requests - before.keyframe_requests);
        for (reason, more) in [
            (Dropped::Gated, now.gated - before.gated),
            (Dropped::Duplicate, now.duplicates - before.duplicates),
            (Dropped::Padding, now.padding - before.padding),
            (Dropped::Malformed, now.malformed - before.malformed),
            (Dropped::Flow, now.flow_errors - before.flow_errors),
        ] {
            packets.dropped.get_or_create(&reason).inc_by(more);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.count();
    }
}

impl Endpoint {
    /// An endpoint in `bin` that sends to the client of `offer`; `stream` names the one MediaStream of its tracks; with
    /// `-` they have none (RFC 8830), and are not synchronised with each other.
    ///
    /// # Errors
    /// When webrtcbin or a forwarder cannot be made. What goes wrong later arrives as
    /// [`EndpointEventKind::Failed`](super::EndpointEventKind::Failed).
    pub fn subscriber(
        bin: &gst::Bin,
        offer: Offer,
        stream: &str,
        context: &EndpointContext,
    ) -> Result<Self, EndpointError> {
        let mut endpoint = Self::open(bin, offer, context)?;
        let offer = Arc::clone(&endpoint.offer);
        let mut caps = Vec::new();
        for (index, section) in offer.sections.iter().enumerate() {
            // Random, as RFC 3550 section 8.1 wants it; nobody else sends on this connection.
            let ssrc = rand::random_range(1..u32::MAX);
            let codec = section.codec.codec;
            let output = Output { codec, payload: section.codec.payload, ssrc, extensions: Vec::new() };
            let throttle = KeyframeThrottle::new(Duration::ZERO);
            let forwarder = Forwarder::new(&format!("forwarder-{}-{index}", endpoint.id), output, throttle);
            graft::add(bin, &forwarder)?;
            caps.extend(offer.preferences(index, Some(ssrc)));
            let (id, events) = (endpoint.id.clone(), context.events.clone());
            forwarder.on_began(move || report(&events, &id, EndpointEventKind::Began(index)));
            endpoint.slots.push(Slot {
                mid: section.mid.clone(),
                codec,
                forwarder,
                seen: AtomicU64::new(0),
                counted: Mutex::default(),
            });
        }
        let forwarders: Vec<_> = endpoint.slots.iter().map(|slot| slot.forwarder.clone()).collect();
        endpoint.negotiate(
            context.events.clone(),
            stream.to_owned(),
            move |webrtcbin| add_senders(webrtcbin, &caps),
            move |webrtcbin| link(&forwarders, webrtcbin),
        );
        Ok(endpoint)
    }
}

/// One sending transceiver per accepted m-line, in their order; the SSRC in the caps is announced in the answer.
fn add_senders(webrtcbin: &gst::Element, caps: &[gst::Caps]) {
    for caps in caps {
        let transceiver = webrtcbin.emit_by_name::<gst_webrtc::WebRTCRTPTransceiver>(
            "add-transceiver",
            &[&gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly, caps],
        );
        transceiver.set_property("do-nack", transceiver.kind() == gst_webrtc::WebRTCKind::Video);
    }
}

/// The sink pads appeared, in m-line order, when the answer was set.
fn link(forwarders: &[Forwarder], webrtcbin: &gst::Element) -> Result<(), EndpointError> {
    for (index, forwarder) in forwarders.iter().enumerate() {
        let source = forwarder.static_pad("src").ok_or(GraftError::Missing("plenumforwarder"))?;
        let sink = webrtcbin.static_pad(&format!("sink_{index}")).ok_or_else(|| EndpointError::Negotiation {
            step: "linking",
            detail: format!("webrtcbin made no pad for m-line {index}"),
        })?;
        source.link(&sink).map_err(GraftError::link("feeding an endpoint"))?;
    }
    Ok(())
}
