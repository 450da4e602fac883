//! A participant's track on its way out of RTP: encoded frames, in running time. Nothing is decoded.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::egress::OutputError;
use crate::media::Codec;
use crate::media::description::{Descriptions, Values};
use crate::media::link::{Link, Outlet};
use crate::media::pipeline::Pipeline;

/// A frame, and its running time.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) buffer: gst::Buffer,
    pub(super) caps: gst::Caps,
    pub(super) at: gst::ClockTime,
}

/// A track that is taken in. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Intake {
    outlet: Outlet,
    // Kept for its drop, which detaches it, before the pipeline ends.
    link: Link,
    _pipeline: Pipeline,
}

impl Intake {
    /// Takes in what leaves `outlet`, RTP in `codec`, or what was kept of it `since` a running time: `take` gets it, in a
    /// streaming thread. Blocks.
    pub(super) fn start(
        codec: Codec,
        outlet: &Outlet,
        since: Option<gst::ClockTime>,
        descriptions: &Descriptions,
        take: impl Fn(Frame) + Send + 'static,
    ) -> Result<Self, OutputError> {
        let fail = |_| OutputError::Graph { step: "building an intake" };
        let unpack = descriptions.build(description(codec), &Values::default())?;
        let (pipeline, _) = Pipeline::new(&format!("intake-{}", ulid::Ulid::generate()));
        let past = since.map_or(Duration::ZERO, |since| Pipeline::running_time().saturating_sub(since).into());
        let mut link = Link::with_past("rtp", outlet.caps().as_ref(), past * 2);
        let sink = gst_app::AppSink::builder().async_(false).sync(false).enable_last_sample(false).build();
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let Some(frame) = frame(&sample) {
                take(frame);
            }
            Ok(gst::FlowSuccess::Ok)
        });
        sink.set_callbacks(callbacks.build());
        pipeline.gst().add_many([link.element(), unpack.upcast_ref(), sink.upcast_ref()]).map_err(fail)?;
        link.element().link_pads(Some("src"), &unpack, Some("rtp")).map_err(fail)?;
        unpack.link_pads(Some("out"), &sink, Some("sink")).map_err(fail)?;
        pipeline.play()?;
        // Asks for a keyframe, too.
        match since {
            Some(since) => link.attach_since(outlet, since),
            None => link.attach(outlet),
        }
        Ok(Self { outlet: outlet.clone(), link, _pipeline: pipeline })
    }

    /// How many packets were lost on the way.
    pub(super) fn dropped(&self) -> u64 {
        self.link.dropped()
    }

    pub(super) fn request_keyframe(&self) {
        self.outlet.request_keyframe();
    }
}

fn frame(sample: &gst::Sample) -> Option<Frame> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let at = segment.to_running_time(buffer.pts()?)?;
    Some(Frame { buffer, caps: sample.caps_owned()?, at })
}

fn description(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "track/opus.launch",
        Codec::Vp8 => "track/vp8.launch",
        Codec::H264 => "track/h264.launch",
    }
}
