//! Receiving what a client publishes: its codecs are chosen here, its tracks appear blocked.

use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;
use tokio::sync::mpsc;

use super::endpoint::{Endpoint, EndpointContext, EndpointError, EndpointEvent, EndpointEventKind, report};
use super::sdp::{AUDIO_LEVEL, Offer};
use crate::media::Codec;

/// A track that a publisher sends, blocked until somebody has linked it.
#[derive(Debug)]
pub struct IncomingTrack {
    /// The m-line that it came by.
    pub mid: String,
    /// The codec it was negotiated with.
    pub codec: Codec,
    /// The identifier of the audio level header extension (RFC 6464), if its packets have one.
    pub level: Option<u8>,
    /// webrtcbin's source pad.
    pub pad: gst::Pad,
    block: Option<gst::PadProbeId>,
}

impl IncomingTrack {
    /// Lets the packets pass. Link the pad first.
    pub fn release(&mut self) {
        if let Some(block) = self.block.take() {
            self.pad.remove_probe(block);
        }
    }
}

/// A publisher is sent nothing, so that this name never appears.
const NO_STREAM: &str = "none";

impl Endpoint {
    /// An endpoint in `bin` that receives what the client of `offer` publishes.
    ///
    /// # Errors
    /// When webrtcbin cannot be made. What goes wrong later arrives as [`EndpointEventKind::Failed`].
    pub fn publisher(bin: &gst::Bin, offer: Offer, context: &EndpointContext) -> Result<Self, EndpointError> {
        let endpoint = Self::open(bin, offer, context)?;
        endpoint.prefer_codecs();
        endpoint.announce_tracks(&context.events);
        endpoint.negotiate(context.events.clone(), NO_STREAM.to_owned(), |_| {}, |_| Ok(()));
        Ok(endpoint)
    }

    /// webrtcbin makes the transceivers itself, in m-line order, while it creates the answer, and asks for their codecs
    /// right after. It holds its lock meanwhile: only properties of the transceiver may be touched.
    fn prefer_codecs(&self) {
        let preferences = (0..self.offer.sections.len()).filter_map(|index| self.offer.preferences(index, None));
        let preferences = Mutex::new(preferences.collect::<Vec<_>>().into_iter());
        self.webrtcbin.connect("on-new-transceiver", false, move |values| {
            let transceiver = values.get(1)?.get::<gst_webrtc::WebRTCRTPTransceiver>().ok()?;
            let caps = preferences.lock().ok()?.next()?;
            transceiver.set_property("do-nack", transceiver.kind() == gst_webrtc::WebRTCKind::Video);
            transceiver.set_codec_preferences(Some(&caps));
            None
        });
    }

    fn announce_tracks(&self, events: &mpsc::Sender<EndpointEvent>) {
        let (id, events) = (self.id.clone(), events.clone());
        let offer = Arc::clone(&self.offer);
        self.webrtcbin.connect_pad_added(move |_, pad| {
            if pad.direction() != gst::PadDirection::Src {
                return;
            }
            let block = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
            let transceiver = pad.property::<Option<gst_webrtc::WebRTCRTPTransceiver>>("transceiver");
            let line = transceiver.map_or(usize::MAX, |transceiver| transceiver.mlineindex() as usize);
            let Some(section) = offer.sections.get(line) else {
                tracing::warn!(endpoint = %id, pad = %pad.name(), "a track without an m-line stays blocked");
                return;
            };
            let level = section.extensions.iter().find(|extension| extension.uri == AUDIO_LEVEL);
            let track = IncomingTrack {
                mid: section.mid.clone(),
                codec: section.codec.codec,
                level: level.map(|extension| extension.id),
                pad: pad.clone(),
                block,
            };
            report(&events, &id, EndpointEventKind::Track(track));
        });
    }
}
