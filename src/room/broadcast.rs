//! A mix as tracks in the room's pipeline, for those who watch it: encoded in the mix, made RTP here, and forwarded as in a
//! call. Owner: the room's task.
//!
//! ```text
//! encoder of the mix ─ outlet ─┬ link ─ payloader ─ tee ─┬─ forwarder ─ webrtcbin of a viewer
//!                              │                         └─ forwarder ─ …
//!                              └ link ─ …
//! ```
//!
//! All that is behind a link is one thread's work, and many viewers are more than one thread can do: some share a lane, a link
//! for the picture and one for the sound, and the next get a lane of their own.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::error::WatchError;
use crate::elements::forwarder::{self, KeyframeThrottle};
use crate::elements::gather::Gather;
use crate::elements::meter::Meter;
use crate::media::bus::BusEvent;
use crate::media::description::{Descriptions, Values};
use crate::media::graft::{self, Branch, GraftError};
use crate::media::link::Link;
use crate::media::{Codec, Kind};
use crate::mix::{Encoded, Encoding};
use crate::webrtc::Slot;

/// How the names of all that belongs to a stream begin.
const NAME: &str = "broadcast-";

/// The shortest time between two keyframes that viewers ask the encoder for: all of them get each.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How many viewers share a lane. At 3 Mbit/s each costs a core about 2 % of its time.
pub(super) const LANE: usize = 25;

/// A mix in one codec of pictures, for as many as want it.
#[derive(Debug)]
pub(super) struct Program {
    lanes: Vec<Vec<Stream>>,
    /// After the lanes: an encoder ends with the last that has it. Each has a throttle of its own: a packet of sound counts as a
    /// keyframe, and would answer what was asked of the pictures.
    encoded: Vec<(Encoded, Arc<KeyframeThrottle>)>,
}

impl Program {
    /// Sends nothing yet.
    pub(super) fn new(encoded: Vec<Encoded>) -> Self {
        let throttled = encoded.into_iter().map(|encoded| (encoded, KeyframeThrottle::new(KEYFRAME_INTERVAL)));
        Self { lanes: Vec::new(), encoded: throttled.collect() }
    }

    /// The streams of a lane, which begin with its first viewer.
    pub(super) fn lane(
        &mut self,
        lane: usize,
        pipeline: &gst::Pipeline,
        descriptions: &Descriptions,
        values: &Values,
    ) -> Result<&[Stream], WatchError> {
        while self.lanes.len() <= lane {
            let streams = self.encoded.iter();
            let streams =
                streams.map(|(encoded, throttle)| Stream::new(pipeline, descriptions, values, encoded, throttle));
            let streams = streams.collect::<Result<_, _>>()?;
            self.lanes.push(streams);
        }
        Ok(&self.lanes[lane])
    }

    /// Asks for a keyframe, as soon as it may be asked again.
    pub(super) fn request_keyframe(&self) {
        self.lanes.iter().flatten().take(self.encoded.len()).for_each(Stream::request_keyframe);
    }

    /// Whether a bus event comes from inside of it.
    pub(super) fn owns(&self, event: &BusEvent) -> bool {
        self.lanes.iter().flatten().any(|stream| stream.owns(event))
    }
}

/// The sound or the picture of a mix in one lane.
#[derive(Debug)]
pub(super) struct Stream {
    codec: Codec,
    link: Option<Link>,
    /// The link and the payloader.
    bin: gst::Bin,
    gather: Gather,
    tee: gst::Element,
    meter: Arc<Meter>,
    throttle: Arc<KeyframeThrottle>,
}

impl Stream {
    /// Begins to send `encoded` into `pipeline`.
    fn new(
        pipeline: &gst::Pipeline,
        descriptions: &Descriptions,
        values: &Values,
        encoded: &Encoded,
        throttle: &Arc<KeyframeThrottle>,
    ) -> Result<Self, WatchError> {
        let failed = |error: &dyn std::fmt::Display| WatchError::Media(error.to_string());
        let (codec, file) = match encoded.encoding() {
            Encoding::H264 => (Codec::H264, "rtp/h264.launch"),
            Encoding::Vp8 => (Codec::Vp8, "rtp/vp8.launch"),
            Encoding::Opus => (Codec::Opus, "rtp/opus.launch"),
            Encoding::Aac => return Err(WatchError::Media("no browser takes AAC by RTP".into())),
        };
        let payload = descriptions.build(file, values).map_err(|error| failed(&error))?;
        Self::place(pipeline, codec, &payload, encoded, throttle).map_err(|error| failed(&error))
    }

    fn place(
        pipeline: &gst::Pipeline,
        codec: Codec,
        payload: &gst::Bin,
        encoded: &Encoded,
        throttle: &Arc<KeyframeThrottle>,
    ) -> Result<Self, GraftError> {
        let refused = || GraftError::refused("broadcasting a mix");
        let tee = gst::ElementFactory::make("tee").property("allow-not-linked", true).build();
        let tee = tee.map_err(|_| GraftError::Missing("tee"))?;
        let link = Link::new("link", encoded.outlet().caps().as_ref());
        let name = format!("{NAME}{codec:?}-{}", ulid::Ulid::generate());
        let bin = gst::Bin::builder().name(name.as_str()).build();
        bin.add_many([link.element(), payload.upcast_ref()]).map_err(refused())?;
        link.element().link_pads(Some("src"), payload, Some("in")).map_err(refused())?;
        let out = payload.static_pad("out").ok_or(GraftError::Missing("out"))?;
        let ghost = gst::GhostPad::builder_with_target(&out).map_err(refused())?.name("src").build();
        bin.add_pad(&ghost).map_err(refused())?;
        let sink = tee.static_pad("sink").ok_or(GraftError::Missing("tee"))?;
        let mut stream = Self {
            codec,
            link: Some(link),
            bin,
            gather: Gather::default(),
            meter: Meter::attach(&sink, None),
            tee,
            throttle: Arc::clone(throttle),
        };
        graft::add(pipeline.upcast_ref(), &stream.tee)?;
        graft::add(pipeline.upcast_ref(), &stream.gather)?;
        stream.gather.link(&stream.tee).map_err(refused())?;
        // Linked before it plays: what came before would find nobody, and end it.
        pipeline.add(&stream.bin).map_err(refused())?;
        stream.bin.link(&stream.gather).map_err(refused())?;
        stream.bin.sync_state_with_parent().map_err(refused())?;
        if let Some(link) = &mut stream.link {
            link.attach(encoded.outlet());
        }
        Ok(stream)
    }

    pub(super) fn kind(&self) -> Kind {
        self.codec.kind()
    }

    /// Lets `slot`, which is in the same pipeline, carry it; for pictures from their next keyframe on.
    pub(super) fn feed(&self, slot: &Slot) -> Result<Branch, GraftError> {
        slot.forwarder.switch(Arc::clone(&self.throttle));
        let sink = slot.forwarder.static_pad("sink").ok_or(GraftError::Missing("plenumforwarder"))?;
        Branch::new(&self.tee, None, &sink)
    }

    fn request_keyframe(&self) {
        let ssrc = self.meter.ssrc();
        if self.kind() == Kind::Video
            && ssrc != 0
            && self.throttle.request()
            && let Some(sink) = self.tee.static_pad("sink")
        {
            sink.push_event(forwarder::keyframe_request(ssrc));
        }
    }

    fn owns(&self, event: &BusEvent) -> bool {
        let names = [self.bin.name(), self.gather.name(), self.tee.name()];
        names.iter().any(|name| event.is_from(name))
    }
}

/// Whether a bus event comes from a stream, which may have ended.
pub(super) fn is_from_one(event: &BusEvent) -> bool {
    event.path.iter().any(|name| name.starts_with(NAME))
}

impl Drop for Stream {
    fn drop(&mut self) {
        // First what comes in, so that nothing passes while the rest goes.
        self.link = None;
        graft::remove(&self.bin);
        graft::remove(&self.gather);
        graft::remove(&self.tee);
    }
}
