//! The name tile as a keyframe of a participant's own codec, so that it stands in for pictures that do not come without
//! anything being encoded anew.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::egress::OutputError;
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Ended;
use crate::mix::layout::Size;
use crate::mix::{self, Encoding};

/// How long each step may take.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// A keyframe with somebody's name.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub(super) size: Size,
    pub(super) buffer: gst::Buffer,
    pub(super) caps: gst::Caps,
}

impl Tile {
    /// Draws and encodes it. Blocks, for some hundredths of a second.
    pub(super) fn make(
        name: &str,
        size: Size,
        encoding: Encoding,
        descriptions: &Descriptions,
    ) -> Result<Self, OutputError> {
        let fail = |_| OutputError::Graph { step: "drawing a tile" };
        let failed = || OutputError::Graph { step: "encoding a tile" };
        let picture = mix::name_tile(size, name).map_err(|_| failed())?;
        let values =
            Values { width: size.width, height: size.height, fps: 1, gop: 1, video_kbps: 1_000, ..Values::default() };
        let encode = descriptions.build(mix::plain_encoder_of(encoding), &values)?;
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).caps(&mix::tile_caps(size)).build();
        let wanted = match encoding {
            Encoding::H264 => "video/x-h264,stream-format=avc3,alignment=au",
            _ => "video/x-vp8",
        };
        let parse = gst::ElementFactory::make(if encoding == Encoding::H264 { "h264parse" } else { "identity" });
        let parse = parse.build().map_err(fail)?;
        let caps = gst::ElementFactory::make("capsfilter").property_from_str("caps", wanted).build().map_err(fail)?;
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        let all = [source.upcast_ref(), encode.upcast_ref(), &parse, &caps, sink.upcast_ref::<gst::Element>()];
        pipeline.add_many(all).map_err(fail)?;
        source.link_pads(Some("src"), &encode, Some("in")).map_err(fail)?;
        encode.link_pads(Some("out"), &parse, Some("sink")).map_err(fail)?;
        gst::Element::link_many([&parse, &caps, sink.upcast_ref()]).map_err(fail)?;
        let pipeline = Ended(pipeline);
        pipeline.0.set_state(gst::State::Playing).map_err(|_| failed())?;
        let mut buffer = gst::Buffer::from_mut_slice(picture);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::ZERO);
            buffer.set_duration(gst::ClockTime::SECOND);
        }
        source.push_buffer(buffer).map_err(|_| failed())?;
        source.end_of_stream().map_err(|_| failed())?;
        let sample = sink.try_pull_sample(PATIENCE).ok_or_else(failed)?;
        let (buffer, caps) = (sample.buffer_owned().ok_or_else(failed)?, sample.caps_owned().ok_or_else(failed)?);
        Ok(Self { size, buffer, caps })
    }
}
