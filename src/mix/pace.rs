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

/// Counts how late pictures leave by `pad`, which are due `late` after their time.
pub(super) fn time_mixer(pad: &gst::Pad, late: Duration) {
    let lateness = metrics().mixes.lateness.clone();
    each_buffer(pad, move |buffer| {
        // The mixer's segment begins at zero: a picture's time is its running time.
        if let Some(pts) = buffer.pts() {
            let age = Duration::from(Pipeline::running_time().saturating_sub(pts));
            lateness.observe(age.saturating_sub(late).as_secs_f64());
        }
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
    each_buffer(&way_in, move |buffer| {
        let mut inside = entered.lock().unwrap_or_else(PoisonError::into_inner);
        if inside.len() >= HELD {
            inside.pop_front();
        }
        inside.push_back((buffer.pts(), Instant::now()));
    });
    each_buffer(out, move |buffer| {
        let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = inside.iter().position(|(pts, _)| *pts == buffer.pts()) else { return };
        // Those before it were left out by the encoder.
        if let Some((_, since)) = inside.drain(..=index).next_back() {
            took.observe(since.elapsed().as_secs_f64());
        }
    });
}

fn each_buffer(pad: &gst::Pad, look: impl Fn(&gst::BufferRef) + Send + Sync + 'static) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer() {
            look(buffer);
        }
        gst::PadProbeReturn::Ok
    });
}
