//! One peer connection: a webrtcbin inside of a participant's bin, publishing into the room or subscribing from it.
//!
//! Owner: the room's task. Invariant: no media passes before the peer's DTLS certificate was compared with the
//! fingerprint in its SDP (RFC 8827, section 6.5), which webrtcbin 1.22 does not do: tracks of a publisher appear
//! blocked, the forwarders of a subscriber stay closed until then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::gathering::Gathering;
use super::publisher::IncomingTrack;
use super::reports::Reports;
use super::sdp::{self, Offer};
use super::subscriber::Slot;
use super::tuning::Patience;
use super::tuning::{self, Heard};
use super::{ice, negotiation};
use crate::config::Ice;
use crate::id::EndpointId;
use crate::media::bus::BusEvent;
use crate::media::graft::{self, GraftError};
use crate::metrics::label::Failure;
use crate::metrics::metrics;

/// How long an endpoint may take from its offer to connected media.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);

/// Why an endpoint ended or never began.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EndpointError {
    /// webrtcbin could not be made or placed.
    #[error("the endpoint could not be made: {0}")]
    Make(Arc<GraftError>),
    /// Offer and answer failed.
    #[error("negotiation failed at {step}: {detail}")]
    Negotiation {
        /// The step that failed.
        step: &'static str,
        /// What webrtcbin said.
        detail: String,
    },
    /// The peer proved to be somebody else than the SDP says.
    #[error(
        "the DTLS certificate does not match the fingerprint that was promised: somebody sits between, or the description was changed on its way"
    )]
    Fingerprint,
    /// ICE failed.
    #[error("the connection failed: check that the server's UDP ports can be reached, or configure a TURN server")]
    Connection,
    /// ICE found a path, but DTLS failed on it.
    #[error("the encryption of the connection failed: the other side refused it, or something on the path disturbs it")]
    Encryption,
    /// It did not connect in time.
    #[error("no connection within {0:?}: check that the server's UDP ports can be reached, or configure a TURN server")]
    Deadline(Duration),
    /// Nothing was heard for too long.
    #[error("nothing was heard for {0:?}: the connection is taken for dead")]
    Silent(Duration),
    /// An element inside of it failed.
    #[error("media processing failed: {0}")]
    Media(String),
}

impl From<&EndpointError> for Failure {
    fn from(error: &EndpointError) -> Self {
        match error {
            EndpointError::Make(_) => Self::Make,
            EndpointError::Negotiation { .. } => Self::Negotiation,
            EndpointError::Fingerprint => Self::Fingerprint,
            EndpointError::Connection => Self::Connection,
            EndpointError::Encryption => Self::Encryption,
            EndpointError::Deadline(_) => Self::Deadline,
            EndpointError::Silent(_) => Self::Silent,
            EndpointError::Media(_) => Self::Media,
        }
    }
}

impl From<GraftError> for EndpointError {
    fn from(error: GraftError) -> Self {
        Self::Make(Arc::new(error))
    }
}

/// What an endpoint tells the room.
#[derive(Debug)]
pub struct EndpointEvent {
    /// Who speaks.
    pub endpoint: EndpointId,
    /// What it says.
    pub kind: EndpointEventKind,
}

/// The kinds of [`EndpointEvent`].
#[derive(Debug)]
pub enum EndpointEventKind {
    /// The answer is set; this is what the client gets.
    Answer(String),
    /// A local candidate was found, to be trickled to the client.
    Candidate(LocalCandidate),
    /// ICE and DTLS are up and the peer is who the SDP says.
    Connected,
    /// A published track arrived; it stays blocked until [`IncomingTrack::release`].
    Track(IncomingTrack),
    /// The first packet of the track that was last put into this slot has passed.
    Began(usize),
    /// The peer is heard again after some seconds of silence.
    Returned,
    /// The endpoint is over.
    Failed(EndpointError),
}

/// A local ICE candidate, as a client wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCandidate {
    /// `candidate:…`, RFC 8839 section 5.1.
    pub candidate: String,
    /// The mid of the m-line that it belongs to.
    pub mid: String,
    /// The index of that m-line in the client's offer.
    pub line: usize,
}

/// What every endpoint of a room shares.
#[derive(Debug, Clone)]
pub struct EndpointContext {
    /// How media finds its way.
    pub ice: Ice,
    /// How long publishers' jitter buffers wait.
    pub patience: Patience,
    /// How long an answer waits for all our candidates, for a client that cannot be told any later. None: they are
    /// reported as they come.
    pub gather: Option<Duration>,
    /// Where endpoints report to.
    pub events: mpsc::Sender<EndpointEvent>,
}

/// One peer connection; ends when dropped.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) id: EndpointId,
    pub(super) webrtcbin: gst::Bin,
    pub(super) offer: Arc<Offer>,
    pub(super) slots: Vec<Slot>,
    gathering: Option<Gathering>,
    heard: Heard,
    reports: Arc<Reports>,
    opened: Instant,
    connected: bool,
}

impl Endpoint {
    pub(super) fn open(bin: &gst::Bin, offer: Offer, context: &EndpointContext) -> Result<Self, EndpointError> {
        let id = EndpointId::new();
        let element = graft::make("webrtcbin", &element_name(&id))?;
        let webrtcbin = element.clone().downcast::<gst::Bin>().map_err(|_| GraftError::Missing("webrtcbin"))?;
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        ice::apply(&element, &context.ice);
        let heard = Heard::now();
        let (speaker, events) = (id.clone(), context.events.clone());
        let returned = move || report(&events, &speaker, EndpointEventKind::Returned);
        let offer = Arc::new(offer);
        tuning::tune(&webrtcbin, &offer, context.patience, &heard, Arc::new(returned));
        let gathering = context.gather.map(|within| Gathering::watch(&webrtcbin, within));
        let reports = Arc::new(Reports::of(&webrtcbin, &offer));
        let (slots, opened, connected) = (Vec::new(), Instant::now(), false);
        let endpoint = Self { id, webrtcbin, offer, slots, gathering, heard, reports, opened, connected };
        if endpoint.gathering.is_none() {
            endpoint.report_candidates(&context.events);
        }
        endpoint.report_state(&context.events);
        graft::add(bin, &endpoint.webrtcbin)?;
        Ok(endpoint)
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &EndpointId {
        &self.id
    }

    /// What its client offered.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// How long nothing but STUN was heard from the peer.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.heard.silence()
    }

    /// The name of its webrtcbin, as it appears in bus paths.
    #[must_use]
    pub fn element_name(&self) -> String {
        element_name(&self.id)
    }

    /// What it sends, in the order of the accepted m-lines; empty for a publisher.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Whether a bus event comes from inside of it.
    #[must_use]
    pub fn owns(&self, event: &BusEvent) -> bool {
        event.is_from(&self.element_name()) || self.slots.iter().any(|slot| event.is_from(&slot.forwarder.name()))
    }

    /// What RTCP says of the way to its peer.
    #[must_use]
    pub fn reports(&self) -> Arc<Reports> {
        Arc::clone(&self.reports)
    }

    /// Counts what its slots have sent since it was last asked.
    pub fn count(&self) {
        self.slots.iter().for_each(Slot::count);
    }

    /// Notes that [`EndpointEventKind::Connected`] came, and lets its slots send.
    pub fn set_connected(&mut self) {
        self.connected = true;
        let took = self.opened.elapsed().as_secs_f64();
        metrics().calls.connects.get_or_create(&self.offer.role.into()).observe(took);
        tuning::settle(&self.webrtcbin);
        for slot in &self.slots {
            slot.forwarder.set_open(true);
        }
    }

    /// Whether ICE and DTLS are up and the peer was verified.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Adds a remote candidate, a checked `candidate:` line; an empty one says that there are no more.
    pub fn add_candidate(&self, candidate: &str) {
        // All m-lines are bundled: only the first has a transport.
        self.webrtcbin.emit_by_name::<()>("add-ice-candidate", &[&0u32, &candidate]);
    }

    /// Whether it should be ended now, and why: it did not connect in time or fell silent.
    #[must_use]
    pub fn overdue(&self, silence: Duration) -> Option<EndpointError> {
        if !self.connected {
            return (self.opened.elapsed() > CONNECT_DEADLINE).then_some(EndpointError::Deadline(CONNECT_DEADLINE));
        }
        // A subscriber that gets nothing has nothing to report on: its silence proves nothing.
        let expected = self.slots.is_empty() || self.slots.iter().any(|slot| slot.is_flowing());
        (expected && self.heard.silence() > silence).then_some(EndpointError::Silent(silence))
    }

    /// Starts offer and answer. `prepare` may add transceivers, `link` runs once the answer is set.
    pub(super) fn negotiate(
        &self,
        events: mpsc::Sender<EndpointEvent>,
        stream: String,
        prepare: impl FnOnce(&gst::Element) + Send + 'static,
        link: impl FnOnce(&gst::Element) -> Result<(), EndpointError> + Send + 'static,
    ) {
        let (id, offer) = (self.id.clone(), Arc::clone(&self.offer));
        let webrtcbin = self.webrtcbin.clone().upcast::<gst::Element>();
        let gathering = self.gathering.clone();
        let span = tracing::debug_span!("negotiation", endpoint = %id);
        let negotiated = async move {
            let answered = async {
                let raw = negotiation::answer(&webrtcbin, &offer.to_sdp(), prepare).await?;
                link(&webrtcbin)?;
                let mut answer = sdp::finish_answer(&raw, &offer, &stream);
                if let Some(gathering) = gathering {
                    let candidates = gathering.candidates().await;
                    answer = answer.and_then(|answer| sdp::with_candidates(&answer, &offer, &candidates));
                }
                answer.map_err(|error| EndpointError::Negotiation {
                    step: "finishing the answer",
                    detail: error.to_string(),
                })
            };
            let kind = answered.await.map_or_else(EndpointEventKind::Failed, EndpointEventKind::Answer);
            let _ = events.send(EndpointEvent { endpoint: id, kind }).await;
        };
        tokio::spawn(negotiated.instrument(span));
    }

    fn report_candidates(&self, events: &mpsc::Sender<EndpointEvent>) {
        let (id, events) = (self.id.clone(), events.clone());
        // All m-lines are bundled: the first one's transport carries them all.
        let Some((line, mid)) = self.offer.remote_line(0).map(|(line, mid)| (line, mid.to_owned())) else { return };
        self.webrtcbin.connect("on-ice-candidate", false, move |values| {
            let candidate = values.get(2).and_then(|value| value.get::<String>().ok())?;
            let candidate = LocalCandidate { candidate, mid: mid.clone(), line };
            report(&events, &id, EndpointEventKind::Candidate(candidate));
            None
        });
    }

    fn report_state(&self, events: &mpsc::Sender<EndpointEvent>) {
        let (id, events, offer) = (self.id.clone(), events.clone(), Arc::clone(&self.offer));
        let was_up = AtomicBool::new(false);
        self.webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            let kind = match webrtcbin.property::<gst_webrtc::WebRTCPeerConnectionState>("connection-state") {
                gst_webrtc::WebRTCPeerConnectionState::Connected if is_genuine(webrtcbin, &offer) => {
                    was_up.store(true, Ordering::Relaxed);
                    EndpointEventKind::Connected
                }
                gst_webrtc::WebRTCPeerConnectionState::Connected => {
                    EndpointEventKind::Failed(EndpointError::Fingerprint)
                }
                gst_webrtc::WebRTCPeerConnectionState::Failed => match failure(webrtcbin) {
                    // libnice gives up after seven seconds, but takes up a late check of a client that was held up.
                    EndpointError::Connection if !was_up.load(Ordering::Relaxed) => {
                        return tracing::debug!(endpoint = %id, "no path yet: waiting on for the deadline");
                    }
                    error => EndpointEventKind::Failed(error),
                },
                _ => return,
            };
            report(&events, &id, kind);
        });
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        for slot in &self.slots {
            graft::remove(&slot.forwarder);
        }
        graft::remove(&self.webrtcbin);
    }
}

fn element_name(id: &EndpointId) -> String {
    format!("endpoint-{id}")
}

pub(super) fn failure(webrtcbin: &gst::Bin) -> EndpointError {
    match webrtcbin.property::<gst_webrtc::WebRTCICEConnectionState>("ice-connection-state") {
        gst_webrtc::WebRTCICEConnectionState::Failed => EndpointError::Connection,
        _ => EndpointError::Encryption,
    }
}

/// Whether the peer's certificate has the fingerprint that its offer promised.
fn is_genuine(webrtcbin: &gst::Bin, offer: &Offer) -> bool {
    tuning::peer_certificate(webrtcbin).is_some_and(|pem| offer.fingerprint.matches_pem(&pem).unwrap_or(false))
}

/// Sends an event from a thread of webrtcbin, which must not wait for the room.
pub(super) fn report(events: &mpsc::Sender<EndpointEvent>, endpoint: &EndpointId, kind: EndpointEventKind) {
    if let Err(error) = events.try_send(EndpointEvent { endpoint: endpoint.clone(), kind }) {
        tracing::error!(%endpoint, %error, "a room does not keep up with its endpoints: an event is lost");
    }
}
