//! A track in the room: its tee, and what hangs on it for the mix. Owner: the room's task.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::demand::Demand;
use crate::elements::forwarder::{self, Forwarder, KeyframeThrottle, Output};
use crate::elements::gather::Gather;
use crate::elements::meter::{Arrival, Meter};
use crate::id::EndpointId;
use crate::media::graft::{self, Branch, GraftError};
use crate::media::link::Outlet;
use crate::media::{Codec, Kind};
use crate::metrics::metrics;
use crate::webrtc::IncomingTrack;

/// The shortest time between two keyframe requests to one publisher: each keyframe is several times the size of
/// another frame, and all viewers get it.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How often a publisher is asked for a keyframe while its pictures are kept for a recording that may begin with any.
const KEPT_KEYFRAMES: Duration = Duration::from_secs(2);

/// The payload type inside of the server; any will do.
const TAP_PAYLOAD: u8 = 96;

/// A published track.
#[derive(Debug)]
pub(super) struct Publication {
    /// By which it comes in.
    pub(super) endpoint: EndpointId,
    /// Whether it reaches nobody.
    pub(super) muted: bool,
    pub(super) demand: Demand,
    pub(super) meter: Arc<Meter>,
    tap: Option<Tap>,
    source: gst::GhostPad,
    gather: Option<Gather>,
    tee: gst::Element,
    codec: Codec,
    throttle: Arc<KeyframeThrottle>,
}

/// The way of a track into the mix.
#[derive(Debug)]
pub(super) struct Tap {
    branch: Option<Branch>,
    forwarder: Forwarder,
    outlet: Outlet,
}

impl Publication {
    /// Puts a tee behind `track` (and pictures together before it), which comes by `endpoint` out of the participant's `bin`, and lets its packets pass.
    pub(super) fn new(
        pipeline: &gst::Pipeline,
        bin: &gst::Bin,
        endpoint: EndpointId,
        mut track: IncomingTrack,
    ) -> Result<Self, GraftError> {
        let tee = gst::ElementFactory::make("tee")
            .property("allow-not-linked", true)
            .build()
            .map_err(|_| GraftError::Missing("tee"))?;
        let source = graft::open(bin, &track.pad)?;
        graft::add(pipeline.upcast_ref(), &tee)?;
        let throttle = KeyframeThrottle::new(KEYFRAME_INTERVAL);
        let sink = tee.static_pad("sink").ok_or(GraftError::Missing("tee"))?;
        let publication = Self {
            endpoint,
            muted: false,
            demand: Demand::new(),
            meter: Meter::attach(&sink, track.level),
            tap: None,
            source,
            gather: (track.codec.kind() == Kind::Video).then(Gather::default),
            tee,
            codec: track.codec,
            throttle,
        };
        let entry = match &publication.gather {
            Some(gather) => {
                graft::add(pipeline.upcast_ref(), gather)?;
                gather.link(&publication.tee).map_err(GraftError::refused("publishing a track"))?;
                gather.static_pad("sink").ok_or(GraftError::Missing("plenumgather"))?
            }
            None => sink,
        };
        publication.source.link(&entry).map_err(GraftError::link("publishing a track"))?;
        track.release();
        Ok(publication)
    }

    /// Asks the publisher for a keyframe, as soon as it may be asked again.
    pub(super) fn request_keyframe(&self) {
        let ssrc = self.meter.ssrc();
        if self.codec.kind() == Kind::Video
            && ssrc != 0
            && self.throttle.request()
            && let Some(sink) = self.tee.static_pad("sink")
        {
            sink.push_event(forwarder::keyframe_request(ssrc));
        }
    }

    /// What arrived since it was last asked, which is counted by that.
    pub(super) fn take_arrival(&self) -> Arrival {
        let (arrival, packets, kind) = (self.meter.take_arrival(), &metrics().packets, self.codec.kind().into());
        packets.received.get_or_create(&kind).inc_by(arrival.received.into());
        packets.received_bytes.get_or_create(&kind).inc_by(arrival.bytes.into());
        packets.missing.get_or_create(&kind).inc_by(arrival.lost.into());
        arrival
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    pub(super) fn tee(&self) -> &gst::Element {
        &self.tee
    }

    pub(super) fn throttle(&self) -> Arc<KeyframeThrottle> {
        Arc::clone(&self.throttle)
    }

    /// The outlet from which the mix takes this track; made when first asked for.
    pub(super) fn tap(&mut self, pipeline: &gst::Pipeline) -> Result<&Outlet, GraftError> {
        if self.tap.is_none() {
            self.tap = Some(self.open_tap(pipeline)?);
        }
        self.tap.as_ref().map(|tap| &tap.outlet).ok_or(GraftError::Missing("appsink"))
    }

    /// Keeps what leaves the tap, for a recording that begins before it is asked for.
    pub(super) fn keep_tap(&mut self, pipeline: &gst::Pipeline, length: Duration) -> Result<(), GraftError> {
        let keyframes = (self.codec.kind() == Kind::Video).then_some(KEPT_KEYFRAMES);
        self.tap(pipeline).map(|outlet| outlet.keep(length, keyframes))
    }

    /// Since when what leaves the tap is kept.
    pub(super) fn kept_since(&self) -> Option<gst::ClockTime> {
        self.tap.as_ref()?.outlet.opening(gst::ClockTime::ZERO)
    }

    fn open_tap(&self, pipeline: &gst::Pipeline) -> Result<Tap, GraftError> {
        let name = format!("tap-{}", self.tee.name());
        let output = Output { codec: self.codec, payload: TAP_PAYLOAD, ssrc: 1, extensions: Vec::new() };
        let forwarder = Forwarder::new(&name, output, self.throttle());
        let outlet = Outlet::new(&format!("{name}-outlet"));
        graft::add(pipeline.upcast_ref(), outlet.element())?;
        let mut tap = Tap { branch: None, forwarder, outlet };
        graft::add(pipeline.upcast_ref(), &tap.forwarder)?;
        tap.forwarder.link(tap.outlet.element()).map_err(GraftError::refused("feeding the mix"))?;
        let sink = tap.forwarder.static_pad("sink").ok_or(GraftError::Missing("plenumforwarder"))?;
        tap.forwarder.set_open(true);
        tap.branch = Some(Branch::new(&self.tee, None, &sink)?);
        Ok(tap)
    }

    /// Takes the track out of the mix and out of recordings, and forgets what was kept of it.
    pub(super) fn close_tap(&mut self) {
        self.tap = None;
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.take_arrival();
        self.tap = None;
        if let Some(peer) = self.source.peer() {
            let _ = self.source.unlink(&peer);
        }
        graft::close(&self.source);
        if let Some(gather) = &self.gather {
            graft::remove(gather);
        }
        graft::remove(&self.tee);
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.branch = None;
        graft::remove(&self.forwarder);
        graft::remove(self.outlet.element());
    }
}
