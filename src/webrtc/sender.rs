//! One peer connection that we begin: it offers Opus and H.264 to a server, and sends what comes to its forwarders.
//!
//! Owner: a task of whoever sends; callbacks of webrtcbin only note what they see. Invariant: no media passes before the server's
//! DTLS certificate was compared with the fingerprint in its answer, which webrtcbin 1.22 does not do: the forwarders stay
//! closed until then.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;
use gstreamer_webrtc::WebRTCPeerConnectionState as State;
use tokio::sync::{Notify, watch};

use super::endpoint::EndpointError;
use super::gathering::Gathering;
use super::sdp::{self, Answer, OwnOffer};
use super::tuning::{self, Heard};
use super::{endpoint, ice, negotiation};
use crate::config::Ice;
use crate::elements::forwarder::{Forwarder, KeyframeThrottle, Output};
use crate::media::Codec;
use crate::media::graft::{self, GraftError};

/// How long an offer waits for all our candidates: for our own addresses, and for what a server says of them.
const GATHER_WITHIN: Duration = Duration::from_millis(500);
const GATHER_AFAR_WITHIN: Duration = Duration::from_secs(2);
/// How often it is looked whether the server is still heard.
const LOOK: Duration = Duration::from_millis(500);
/// The one media stream of a server's (RFC 8830).
const STREAM: &str = "mix";

/// What is sent, in the order of the m-lines, with the payload types that most encoders have.
const CODECS: [(Codec, u8); 2] = [(Codec::Opus, 111), (Codec::H264, 96)];

/// What is sent by one m-line.
#[derive(Debug)]
struct Track {
    codec: Codec,
    payload: u8,
    ssrc: u32,
    forwarder: Forwarder,
    transceiver: gst_webrtc::WebRTCRTPTransceiver,
}

/// One connection to a server. It lives in a pipeline of its own, and ends with that.
#[derive(Debug)]
pub struct Sender {
    webrtcbin: gst::Element,
    tracks: Vec<Track>,
    gathering: Gathering,
    heard: Heard,
    state: watch::Receiver<State>,
    /// Told when webrtcbin takes nothing any more.
    dead: Arc<Notify>,
}

impl Sender {
    /// A connection in `bin` that offers nothing yet. The server's wishes for keyframes pass once per `keyframes`.
    ///
    /// # Errors
    /// When webrtcbin or a forwarder cannot be made.
    pub fn new(bin: &gst::Bin, ice: &Ice, keyframes: Duration) -> Result<Self, EndpointError> {
        let webrtcbin = graft::make("webrtcbin", "whip")?;
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        ice::apply(&webrtcbin, ice);
        let inner = webrtcbin.downcast_ref::<gst::Bin>().ok_or(GraftError::Missing("webrtcbin"))?;
        let heard = Heard::now();
        tuning::tune_sender(inner, &heard);
        let is_afar = !ice.stun.is_empty() || !ice.turn.is_empty();
        let gathering = Gathering::watch(inner, if is_afar { GATHER_AFAR_WITHIN } else { GATHER_WITHIN });
        let (say, state) = watch::channel(State::New);
        webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            say.send_replace(webrtcbin.property("connection-state"));
        });
        graft::add(bin, &webrtcbin)?;
        let (mut tracks, dead) = (Vec::new(), Arc::new(Notify::new()));
        for (codec, payload) in CODECS {
            // Random, as RFC 3550 section 8.1 wants it; nobody else sends on this connection.
            let ssrc = rand::random_range(1..u32::MAX);
            let output = Output { codec, payload, ssrc, extensions: Vec::new() };
            // One for each: a packet of sound would pass for the keyframe that is waited for.
            let forwarder = Forwarder::new(&format!("forwarder-{codec:?}"), output, KeyframeThrottle::new(keyframes));
            let says = Arc::clone(&dead);
            forwarder.on_dead(move || says.notify_one());
            graft::add(bin, &forwarder)?;
            // Requested, since webrtcbin makes none by itself where it offers.
            let sink = webrtcbin.request_pad_simple("sink_%u").ok_or(GraftError::Missing("webrtcbin"))?;
            let transceiver = sink.property::<gst_webrtc::WebRTCRTPTransceiver>("transceiver");
            transceiver.set_property("direction", gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly);
            transceiver.set_property("do-nack", codec == Codec::H264);
            let source = forwarder.static_pad("src").ok_or(GraftError::Missing("plenumforwarder"))?;
            source.link(&sink).map_err(GraftError::link("feeding an endpoint"))?;
            tracks.push(Track { codec, payload, ssrc, forwarder, transceiver });
        }
        Ok(Self { webrtcbin, tracks, gathering, heard, state, dead })
    }

    /// Where RTP of a codec goes in; none for one that it does not send.
    #[must_use]
    pub fn sink(&self, codec: Codec) -> Option<gst::Pad> {
        self.tracks.iter().find(|track| track.codec == codec)?.forwarder.static_pad("sink")
    }

    /// Makes the offer, with all candidates that are found in time. `profile_level_id` says which H.264 it is: see
    /// [`sdp::profile_level_id`].
    ///
    /// # Errors
    /// When webrtcbin refuses.
    pub async fn offer(&self, profile_level_id: &str) -> Result<OwnOffer, EndpointError> {
        for track in &self.tracks {
            track.transceiver.set_codec_preferences(Some(&track.preferences(profile_level_id)));
        }
        let raw = negotiation::offer(&self.webrtcbin).await?;
        let candidates = self.gathering.clone().candidates().await;
        OwnOffer::finish(&raw, &candidates, STREAM)
            .map_err(|error| EndpointError::Negotiation { step: "finishing the offer", detail: error.to_string() })
    }

    /// Takes the server's answer. Nothing is sent yet.
    ///
    /// # Errors
    /// When webrtcbin refuses.
    pub async fn accept(&self, answer: &Answer) -> Result<(), EndpointError> {
        negotiation::accept(&self.webrtcbin, &answer.to_sdp()).await
    }

    /// Waits until the connection is up and the server is who its answer says; then media passes.
    ///
    /// # Errors
    /// When it is not, within that time.
    pub async fn connect(&self, answer: &Answer, within: Duration) -> Result<(), EndpointError> {
        let mut state = self.state.clone();
        let settled = |state: &State| matches!(state, State::Connected | State::Failed | State::Closed);
        let settled = tokio::time::timeout(within, state.wait_for(settled)).await;
        let settled = settled.map_err(|_| EndpointError::Deadline(within))?.map(|state| *state);
        let inner = self.webrtcbin.downcast_ref::<gst::Bin>().ok_or(GraftError::Missing("webrtcbin"))?;
        if !matches!(settled, Ok(State::Connected)) {
            return Err(endpoint::failure(inner));
        }
        let pem = tuning::peer_certificate(inner);
        if !pem.is_some_and(|pem| answer.fingerprint().matches_pem(&pem).unwrap_or(false)) {
            return Err(EndpointError::Fingerprint);
        }
        tuning::settle(inner);
        // It has proved that it is there.
        self.heard.note();
        self.tracks.iter().for_each(|track| track.forwarder.set_open(true));
        Ok(())
    }

    /// Waits until the connection is lost, or nothing was heard of the server for so long.
    pub async fn lost(&self, silence: Duration) -> EndpointError {
        let mut state = self.state.clone();
        let silent = async {
            let mut look = tokio::time::interval(LOOK);
            while self.heard.silence() <= silence {
                look.tick().await;
            }
        };
        tokio::select! {
            // An error: webrtcbin is gone.
            _ = state.wait_for(|state| matches!(state, State::Failed | State::Closed)) => EndpointError::Connection,
            () = silent => EndpointError::Silent(silence),
            () = self.dead.notified() => EndpointError::Media("webrtcbin takes nothing any more".to_owned()),
        }
    }

    /// How many packets were sent, and how many bytes.
    #[must_use]
    pub fn sent(&self) -> (u64, u64) {
        let stats = self.tracks.iter().map(|track| track.forwarder.stats());
        stats.fold((0, 0), |(packets, bytes), stats| (packets + stats.forwarded, bytes + stats.bytes))
    }
}

impl Track {
    /// What the offer is to say of it.
    fn preferences(&self, profile_level_id: &str) -> gst::Caps {
        let codec = self.codec;
        let mut caps = gst::Structure::builder("application/x-rtp")
            .field("media", codec.kind().as_str())
            .field("encoding-name", codec.encoding_name())
            .field("payload", i32::from(self.payload))
            .field("clock-rate", codec.clock_rate().cast_signed())
            .field("ssrc", self.ssrc);
        if codec == Codec::Opus {
            // RFC 7587: always two, whatever is in it.
            caps = caps.field("encoding-params", "2");
        }
        for (name, value) in sdp::parameters(codec, profile_level_id) {
            caps = caps.field(name, value);
        }
        gst::Caps::from(caps.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::pipeline::Pipeline;

    #[tokio::test]
    async fn it_offers_what_browsers_and_servers_read() {
        gst::init().unwrap();
        let (pipeline, _events) = Pipeline::new("sender");
        let ice = crate::config::Config::default().ice;
        let sender = Sender::new(pipeline.gst().upcast_ref(), &ice, Duration::ZERO).unwrap();
        pipeline.play().unwrap();
        let offer = sender.offer("42e01f").await.unwrap();
        let text = offer.text();
        for line in [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            "a=rtpmap:111 OPUS/48000/2\r\n",
            "a=rtpmap:96 H264/90000\r\n",
            "a=rtcp-fb:96 nack pli\r\n",
            "a=setup:actpass\r\n",
            "a=end-of-candidates\r\n",
        ] {
            assert!(text.contains(line), "no {line}: {text}");
        }
        assert_eq!(sender.sent(), (0, 0));
    }
}
