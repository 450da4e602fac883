//! What RTCP says of the way between an endpoint and its peer: loss, jitter, round trips, and what was asked for again.
//!
//! Read now and then from the RTP session inside of webrtcbin, on a thread that may wait: reading takes the lock that each
//! packet takes, for some microseconds. Nothing is noted of an endpoint that has ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::sdp::{Offer, Role};
use crate::metrics::label::Direction;
use crate::metrics::metrics;

/// In a bundle there is one session.
const SESSION: u32 = 0;

/// A round trip is counted in these, RFC 3550 section 6.4.1.
const ROUND_TRIP_UNIT: f64 = 65_536.0;

/// The reports of one endpoint.
#[derive(Debug)]
pub struct Reports {
    webrtcbin: glib::WeakRef<gst::Bin>,
    offer: Arc<Offer>,
    counted: Mutex<HashMap<u32, Counted>>,
}

/// What of a source (SSRC) has been counted.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    lost: i32,
    received: u64,
    nacks: [u32; 2],
    plis: [u32; 2],
    /// The highest sequence number of the last report of this source.
    reported: u32,
}

impl Reports {
    pub(super) fn of(webrtcbin: &gst::Bin, offer: &Arc<Offer>) -> Self {
        Self { webrtcbin: webrtcbin.downgrade(), offer: Arc::clone(offer), counted: Mutex::default() }
    }

    /// Counts what is new. May wait for a packet that is being handled.
    pub fn count(&self) {
        let Some(stats) = self.session().map(|session| session.property::<gst::Structure>("stats")) else { return };
        let Ok(sources) = stats.get::<glib::ValueArray>("source-stats") else { return };
        let sources: Vec<_> = sources.iter().filter_map(|source| source.get::<gst::Structure>().ok()).collect();
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = HashMap::with_capacity(sources.len());
        for source in &sources {
            let Ok(ssrc) = source.get::<u32>("ssrc") else { continue };
            let before = counted.get(&ssrc).copied().unwrap_or_default();
            now.insert(ssrc, self.count_source(ssrc, source, before, &sources));
        }
        *counted = now;
    }

    fn session(&self) -> Option<glib::Object> {
        let rtpbin = self.webrtcbin.upgrade()?.by_name("rtpbin")?;
        rtpbin.emit_by_name::<Option<glib::Object>>("get-internal-session", &[&SESSION])
    }

    fn count_source(&self, ssrc: u32, source: &gst::StructureRef, before: Counted, all: &[gst::Structure]) -> Counted {
        let network = &metrics().network;
        let number = |name: &str| source.get::<u32>(name).unwrap_or_default();
        // Counted where it was received: what the server sent came from it.
        let mut now = Counted {
            nacks: [number("recv-nack-count"), number("sent-nack-count")],
            plis: [number("recv-pli-count"), number("sent-pli-count")],
            ..before
        };
        for (index, direction) in [Direction::Received, Direction::Sent].iter().enumerate() {
            network.nacks.get_or_create(direction).inc_by(now.nacks[index].saturating_sub(before.nacks[index]).into());
            network.plis.get_or_create(direction).inc_by(now.plis[index].saturating_sub(before.plis[index]).into());
        }
        if source.get::<bool>("internal").unwrap_or(true) {
            return now;
        }
        if self.offer.role == Role::Publisher && self.is_medium(ssrc) {
            now.lost = before.lost.max(source.get::<i32>("packets-lost").unwrap_or_default());
            network.lost.inc_by(u64::try_from(now.lost - before.lost).unwrap_or(0));
            now.received = source.get::<u64>("packets-received").unwrap_or_default();
            if now.received > before.received
                && let Some(jitter) = seconds(number("jitter"), clock_rate(source))
            {
                network.jitter.get_or_create(&Direction::Received).observe(jitter);
            }
        }
        if source.get::<bool>("have-rb").unwrap_or(false) {
            now.reported = number("rb-exthighestseq");
            // One that was seen before says nothing new.
            if now.reported != before.reported {
                let about = number("rb-ssrc");
                let sent = all.iter().find(|sent| sent.get::<u32>("ssrc") == Ok(about));
                note_report(source, sent.and_then(|sent| clock_rate(sent)));
            }
        }
        now
    }

    /// Whether a source is sound or pictures, not what is sent again of them.
    fn is_medium(&self, ssrc: u32) -> bool {
        self.offer.sections.iter().any(|section| {
            section.ssrcs.contains(&ssrc) && !section.retransmissions.iter().any(|(_, again)| *again == ssrc)
        })
    }
}

/// What a receiver says of a stream of ours with that clock.
fn note_report(source: &gst::StructureRef, clock_rate: Option<u32>) {
    let network = &metrics().network;
    let number = |name: &str| source.get::<u32>(name).unwrap_or_default();
    network.loss.observe(f64::from(number("rb-fractionlost")) / 256.0);
    let round_trip = number("rb-round-trip");
    // Nobody is that close: it has not yet heard of the time here.
    if round_trip > 0 {
        network.round_trips.observe(f64::from(round_trip) / ROUND_TRIP_UNIT);
    }
    if let Some(jitter) = seconds(number("rb-jitter"), clock_rate) {
        network.jitter.get_or_create(&Direction::Sent).observe(jitter);
    }
}

fn clock_rate(source: &gst::StructureRef) -> Option<u32> {
    source.get::<i32>("clock-rate").ok().and_then(|rate| u32::try_from(rate).ok()).filter(|rate| *rate > 0)
}

fn seconds(ticks: u32, clock_rate: Option<u32>) -> Option<f64> {
    clock_rate.map(|rate| f64::from(ticks) / f64::from(rate))
}
