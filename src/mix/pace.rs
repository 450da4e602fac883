//! Whether a mix keeps up: how late its pictures leave the mixer, and how long they take to encode. A look at each picture
//! as it passes; nothing is held up.
//!
//! Runs in the streaming threads of the mixer and of encoders.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::Encoding;
use crate::media::Kind;
use crate::media::pipeline::Pipeline;
use crate::metrics::label::Codec;
use crate::metrics::metrics;

/// How many pictures an encoder may hold before those that it forgot are given up.
const HELD: usize = 64;

impl From<Encoding> for Codec {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::H264 => Self::H264,
            Encoding::Vp8 => Self::Vp8,
            Encoding::Aac => Self::Aac,
            Encoding::Opus => Self::Opus,
        }
    }
}

/// An encoder may count from another beginning, and then says so; what is left of a difference is rounding.
const SAME: u64 = 1_000;

/// Counts how late pictures leave by `pad`, which are due `late` after they are over.
pub(super) fn time_mixer(pad: &gst::Pad, late: Duration) {
    let lateness = metrics().mixes.lateness.clone();
    each_picture(pad, move |began, length| {
        // Only then the mixer knows all that may be in it.
        let age = Duration::from(Pipeline::running_time().saturating_sub(began + length));
        lateness.observe(age.saturating_sub(late).as_secs_f64());
    });
}

/// Counts how long pictures take from `queue`, where they wait for their encoder, to `out`, where they leave it; and what
/// does not find room in the queue.
pub(super) fn time_encoder(queue: &gst::Element, out: &gst::Pad, encoding: Encoding) {
    let skipped = metrics().mixes.skipped.get_or_create_owned(&encoding.into());
    queue.connect("overrun", false, move |_| {
        skipped.inc();
        None
    });
    let Some(way_in) = queue.static_pad("src").filter(|_| encoding.kind() == Kind::Video) else { return };
    let took = metrics().mixes.encoding.get_or_create_owned(&encoding.into());
    let inside = Arc::new(Mutex::new(VecDeque::new()));
    let entered = Arc::clone(&inside);
    each_picture(&way_in, move |began, _| {
        let mut inside = entered.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.len() >= HELD {
            inside.pop_front();
        }
        inside.push_back((began, Instant::now()));
    });
    each_picture(out, move |began, _| {
        let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |(known, _): &(gst::ClockTime, Instant)| known.nseconds().abs_diff(began.nseconds()) < SAME;
        let Some(index) = inside.iter().position(is_same) else { return };
        // Those before it were left out by the encoder.
        if let Some((_, since)) = inside.drain(..=index).next_back() {
            took.observe(since.elapsed().as_secs_f64());
        }
    });
}

/// Calls `look` with the running time of each picture, and its length.
fn each_picture(pad: &gst::Pad, look: impl Fn(gst::ClockTime, gst::ClockTime) + Send + Sync + 'static) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let began = info.buffer().and_then(|buffer| {
            let segment = pad.sticky_event::<gst::event::Segment>(0)?;
            let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
            Some((segment.to_running_time(buffer.pts()?)?, buffer.duration().unwrap_or_default()))
        });
        if let Some((began, length)) = began {
            look(began, length);
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_that_counts_from_elsewhere_is_timed() {
        gst::init().unwrap();
        let line = "videotestsrc num-buffers=20 ! video/x-raw,width=64,height=64,framerate=30/1 ! queue name=queue \
            ! x264enc tune=zerolatency ! fakesink name=out";
        let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
        let out = pipeline.by_name("out").unwrap().static_pad("sink").unwrap();
        let took = metrics().mixes.encoding.get_or_create_owned(&Codec::H264);
        let before = took.count();
        time_encoder(&pipeline.by_name("queue").unwrap(), &out, Encoding::H264);
        pipeline.set_state(gst::State::Playing).unwrap();
        let end = pipeline
            .bus()
            .unwrap()
            .timed_pop_filtered(gst::ClockTime::from_seconds(20), &[gst::MessageType::Eos, gst::MessageType::Error]);
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(matches!(end.unwrap().view(), gst::MessageView::Eos(_)));
        assert!(took.count() >= before + 20, "{} of 20 pictures", took.count() - before);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        gst::init().unwrap();
        let queue = gst::ElementFactory::make("queue").property_from_str("leaky", "downstream");
        let queue = queue.property("max-size-buffers", 2u32).build().unwrap();
        time_encoder(&queue, &gst::Pad::new(gst::PadDirection::Sink), Encoding::Vp8);
        let skipped = metrics().mixes.skipped.get_or_create_owned(&Codec::Vp8);
        let before = skipped.get();
        let mut harness = gstreamer_check::Harness::with_element(&queue, Some("sink"), None);
        // Nothing takes them: there is room for two.
        let source = queue.static_pad("src").unwrap();
        source.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
        harness.set_src_caps_str("video/x-raw");
        for _ in 0..10 {
            harness.push(gst::Buffer::new()).unwrap();
        }
        assert!(skipped.get() - before >= 5, "{} of some seven", skipped.get() - before);
    }
}
