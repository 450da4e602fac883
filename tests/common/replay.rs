//! Media that is encoded once and then sent again and again: a participant that costs next to nothing, so that what is
//! measured of the server is not taken from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use super::source::{Generator, epoch};

/// Frames per second, and how many there are.
const RATE: u64 = 30;
const FRAMES: u64 = 90;
const PACKET_MS: u64 = 20;

/// Encoded frames of one medium.
#[derive(Debug)]
pub struct Reel {
    /// What they are.
    pub caps: gst::Caps,
    frames: Vec<gst::Buffer>,
}

/// Three seconds of VP8 and Opus.
#[derive(Debug)]
pub struct Clip {
    /// The pictures, the first of which is a keyframe.
    pub pictures: Reel,
    /// The sound.
    pub sound: Reel,
}

impl Clip {
    /// Encodes pictures of a size at a bitrate: much moves in them, as otherwise they would need fewer bits.
    pub fn make((width, height): (u32, u32), bits: u32) -> Arc<Self> {
        gst::init().expect("GStreamer starts");
        let pictures = encode(&format!(
            "videotestsrc pattern=zone-plate kx2=12 ky2=12 kt=4 num-buffers={FRAMES} \
             ! video/x-raw,format=I420,width={width},height={height},framerate={RATE}/1 \
             ! vp8enc deadline=1 cpu-used=4 end-usage=cbr target-bitrate={bits} undershoot=95 buffer-size=600 \
             buffer-initial-size=300 buffer-optimal-size=400 lag-in-frames=0 keyframe-max-dist=3000 ! appsink name=end sync=false"
        ));
        let packets = FRAMES * 1000 / RATE / PACKET_MS;
        let sound = encode(&format!(
            "audiotestsrc wave=pink-noise volume=0.2 num-buffers={packets} samplesperbuffer={} \
             ! audio/x-raw,rate=48000,channels=1 ! opusenc bitrate=32000 frame-size={PACKET_MS} ! appsink name=end sync=false",
            48 * PACKET_MS
        ));
        Arc::new(Self { pictures, sound })
    }

    /// How many bits of pictures a second has.
    pub fn video_bits(&self) -> u64 {
        let bytes: usize = self.pictures.frames.iter().map(|frame| frame.size()).sum();
        bytes as u64 * 8 * RATE / self.pictures.frames.len() as u64
    }

    /// Pushes it, by the common clock, again and again, and from its beginning when somebody wants a keyframe.
    pub fn play(self: Arc<Self>, audio: AppSrc, video: AppSrc) -> Generator {
        let wanted = Arc::new(AtomicBool::new(false));
        let wants = wanted.clone();
        let pad = video.static_pad("src").expect("a source has a pad");
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if info.event().is_some_and(|event| event.has_name("GstForceKeyUnit")) {
                wants.store(true, Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
        Generator::run(move |stop| {
            let (picture, packet) =
                (gst::ClockTime::SECOND.nseconds() / RATE, gst::ClockTime::from_mseconds(PACKET_MS).nseconds());
            let (clock, base) = epoch();
            let begin = (clock.time() - base).nseconds();
            let (mut pictures, mut packets, mut first) = (0u64, 0u64, 0u64);
            while !stop.load(Ordering::Relaxed) {
                let (next_picture, next_packet) = (begin + pictures * picture, begin + packets * packet);
                let (reel, source, index, at) = if next_picture < next_packet {
                    if wanted.swap(false, Ordering::Relaxed) {
                        first = pictures;
                    }
                    pictures += 1;
                    (&self.pictures, &video, pictures - 1 - first, next_picture)
                } else {
                    packets += 1;
                    (&self.sound, &audio, packets - 1, next_packet)
                };
                let at = gst::ClockTime::from_nseconds(at);
                let _ = clock.new_single_shot_id(base + at).wait();
                let mut frame = reel.frames[(index % reel.frames.len() as u64) as usize].copy();
                let whole = frame.make_mut();
                whole.set_pts(at);
                whole.set_dts(gst::ClockTime::NONE);
                let _ = source.push_buffer(frame);
            }
        })
    }
}

fn encode(description: &str) -> Reel {
    let pipeline = gst::parse::launch(description).expect("the encoders are installed");
    let end = pipeline.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("end"));
    let end = end.and_downcast::<AppSink>().expect("an appsink");
    pipeline.set_state(gst::State::Playing).expect("the encoder starts");
    let (mut frames, mut caps) = (Vec::new(), None);
    while let Ok(sample) = end.pull_sample() {
        caps = caps.or_else(|| sample.caps_owned());
        frames.extend(sample.buffer_owned());
    }
    let _ = pipeline.set_state(gst::State::Null);
    Reel { caps: caps.expect("something was encoded"), frames }
}
