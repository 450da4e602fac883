//! Which encoder of H.264 this machine has: each is tried with a few pictures, the best first.
//!
//! That an element is there says little: a driver may be missing, or have no session left. So what counts is a keyframe that
//! comes out, another one when it is asked for, and all of that soon. A driver that hangs is left alone with its thread.

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use crate::config;
use crate::config::Encoder;
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Ended;

/// Each encoder, the best first, and its descriptions: the first that works is taken.
const CANDIDATES: [(Encoder, &[&str]); 4] = [
    (Encoder::Nvenc, &["encode/h264-nvenc.launch"]),
    (Encoder::Vaapi, &["encode/h264-vaapi.launch", "encode/h264-vaapi-lp.launch"]),
    (Encoder::X264, &["encode/h264-x264.launch"]),
    (Encoder::Openh264, &["encode/h264-openh264.launch"]),
];

/// How long a trial may take.
const WITHIN: Duration = Duration::from_secs(6);
/// How many pictures an encoder is given, and how many come before it is asked for a keyframe.
const PICTURES: usize = 20;
const BEFORE: usize = 5;
/// How many pictures it may hold back: outputs are live.
const HELD: usize = 4;
/// Frames from one keyframe to the next that nobody asked for: more than there are.
const GOP: u32 = 250;
/// How long the next picture is waited for before the encoder gets another one.
const TURN: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// What became of a trial.
#[derive(Debug)]
pub struct Trial {
    /// The encoder.
    pub encoder: Encoder,
    /// Its description.
    pub file: &'static str,
    /// Whether it is taken, or why not.
    pub outcome: Result<(), String>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Ok(()) => write!(f, "H.264 is encoded by {} ({})", self.encoder, self.file),
            // Mostly of a description, which names itself.
            Err(reason) => match reason.strip_prefix(self.file).and_then(|reason| reason.strip_prefix(": ")) {
                Some(reason) => write!(f, "not by {} ({}): {reason}", self.encoder, self.file),
                None => write!(f, "not by {} ({}): {reason}", self.encoder, self.file),
            },
        }
    }
}

/// There is no encoder as wanted.
#[derive(Debug, thiserror::Error)]
#[error(
    "mix.encoder is {wanted}, and nothing of that works here: {reasons}. Use auto, or another; `plenum check` tries them"
)]
pub struct NoEncoder {
    wanted: Encoder,
    reasons: String,
}

/// Has `descriptions` use the encoder that `mix` wants, or the best that works, and tells what was tried; the last is taken.
/// Blocks, for some tenths of a second.
///
/// # Errors
/// When there is none.
pub fn choose(descriptions: &mut Descriptions, mix: &config::Mix) -> Result<Vec<Trial>, NoEncoder> {
    let wanted = CANDIDATES.iter().filter(|(encoder, _)| [*encoder, Encoder::Auto].contains(&mix.encoder));
    let mut tried = Vec::new();
    for (encoder, file) in wanted.flat_map(|(encoder, files)| files.iter().map(move |file| (*encoder, *file))) {
        let outcome = within(descriptions, file, mix);
        let works = outcome.is_ok();
        tried.push(Trial { encoder, file, outcome });
        if works {
            descriptions.choose(file);
            return Ok(tried);
        }
    }
    let reasons = tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(NoEncoder { wanted: mix.encoder, reasons })
}

fn within(descriptions: &Descriptions, file: &'static str, mix: &config::Mix) -> Result<(), String> {
    let values = Values {
        width: mix.width,
        height: mix.height,
        fps: mix.fps,
        gop: GOP,
        video_kbps: mix.video_kbps,
        ..Values::default()
    };
    let (say, outcome) = mpsc::sync_channel(1);
    let descriptions = descriptions.clone();
    let thread = std::thread::Builder::new().name("encoder-trial".into());
    let spawned = thread.spawn(move || say.try_send(attempt(&descriptions, file, &values)));
    spawned.map_err(|error| format!("no thread to try it: {error}"))?;
    outcome.recv_timeout(WITHIN).unwrap_or_else(|_| Err(format!("it gave no answer within {WITHIN:?}")))
}

/// Encodes some pictures, and asks for a keyframe in between.
fn attempt(descriptions: &Descriptions, file: &'static str, values: &Values) -> Result<(), String> {
    let bin = descriptions.build(file, values).map_err(|error| error.to_string())?;
    let graph = |_| "it does not take what the mix gives".to_owned();
    let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
    let caps = gst_video::VideoCapsBuilder::new()
        .format(gst_video::VideoFormat::I420)
        .width(side(values.width))
        .height(side(values.height))
        .framerate(gst::Fraction::new(side(values.fps.max(1)), 1))
        .field("colorimetry", "bt601")
        .build();
    let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let sink = gst_app::AppSink::builder().sync(false).build();
    let pipeline = Ended(gst::Pipeline::new());
    pipeline.0.add_many([source.upcast_ref(), bin.upcast_ref(), sink.upcast_ref::<gst::Element>()]).map_err(graph)?;
    source.link_pads(Some("src"), &bin, Some("in")).map_err(graph)?;
    bin.link_pads(Some("out"), &sink, Some("sink")).map_err(graph)?;
    let said = |otherwise: &str| error_of(&pipeline.0).unwrap_or_else(|| otherwise.to_owned());
    pipeline.0.set_state(gst::State::Playing).map_err(|_| said("it does not start"))?;

    let picture = gst::Buffer::from_mut_slice(vec![128; values.width as usize * values.height as usize * 3 / 2]);
    let step = gst::ClockTime::SECOND / u64::from(values.fps.max(1));
    let (mut given, mut keyframes) = (0, Vec::new());
    while given < PICTURES {
        let mut next = picture.copy();
        if let Some(next) = next.get_mut() {
            next.set_pts(step * given as u64);
            next.set_duration(step);
        }
        source.push_buffer(next).map_err(|_| said("it takes no picture"))?;
        given += 1;
        while let Some(sample) = sink.try_pull_sample(if keyframes.len() < given { TURN } else { gst::ClockTime::ZERO })
        {
            keyframes.push(is_keyframe(&sample));
        }
        if given > HELD && keyframes.len() + HELD < given {
            return Err(said(&format!("it gave {} pictures for {given}", keyframes.len())));
        }
        if given == BEFORE + 1 {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            sink.static_pad("sink").map(|pad| pad.push_event(event));
        }
    }
    if keyframes.first() != Some(&true) {
        return Err("its first picture is no keyframe with parameter sets in band".into());
    }
    if !keyframes.iter().skip(BEFORE).any(|keyframe| *keyframe) {
        return Err("it gives no keyframe when asked for one".into());
    }
    Ok(())
}

/// Whether a picture, as a byte stream, is an IDR with its sequence and picture parameter sets.
fn is_keyframe(sample: &gst::Sample) -> bool {
    let Some(data) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) else { return false };
    let kinds: Vec<u8> = data.windows(4).filter(|bytes| bytes[..3] == [0, 0, 1]).map(|bytes| bytes[3] & 0x1f).collect();
    [7, 8, 5].iter().all(|kind| kinds.contains(kind))
}

fn error_of(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    let gst::MessageView::Error(error) = message.view() else { return None };
    let source = error.src().map(|source| source.name().to_string()).unwrap_or_default();
    Some(format!("{source}: {}", error.error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn mix(encoder: Encoder) -> config::Mix {
        config::Mix { width: 320, height: 180, encoder, ..Config::default().mix }
    }

    fn with(file: &str, text: &str) -> Descriptions {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("encode")).unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        Descriptions::with_replacements(folder.path()).unwrap()
    }

    #[test]
    fn both_encoders_of_the_packages_work() {
        gst::init().unwrap();
        for (encoder, file) in
            [(Encoder::X264, "encode/h264-x264.launch"), (Encoder::Openh264, "encode/h264-openh264.launch")]
        {
            let mut descriptions = Descriptions::built_in();
            let tried = choose(&mut descriptions, &mix(encoder)).unwrap();
            assert_eq!((tried.len(), descriptions.chosen()), (1, file));
            assert_eq!(tried[0].to_string(), format!("H.264 is encoded by {encoder} ({file})"));
        }
    }

    #[test]
    fn the_best_that_works_is_taken_and_the_others_say_why_not() {
        gst::init().unwrap();
        let mut descriptions = with("encode/h264-nvenc.launch", "queue name=in ! nothere name=out");
        let tried = choose(&mut descriptions, &mix(Encoder::Auto)).unwrap();
        let said: Vec<String> = tried.iter().map(ToString::to_string).collect();
        assert_eq!(said[0], "not by nvenc (encode/h264-nvenc.launch): no element \"nothere\"");
        assert!(said.last().is_some_and(|said| said.starts_with("H.264 is encoded by ")), "{said:?}");
        assert_eq!(Some(descriptions.chosen()), tried.last().map(|trial| trial.file));
    }

    #[test]
    fn what_gives_no_keyframes_or_nothing_at_all_is_not_taken() {
        gst::init().unwrap();
        let file = "encode/h264-openh264.launch";
        for (text, reason) in [
            (
                "videoconvert name=in ! capsfilter name=out caps=video/x-raw,format=I420",
                "no keyframe with parameter sets",
            ),
            ("queue name=in ! identity name=out drop-probability=1", "it gave 0 pictures"),
            ("queue name=in ! identity name=out error-after=3", "Failed after iterations as requested"),
            (
                "videoconvert name=in ! x264enc key-int-max={gop} ! h264parse name=out config-interval=-1",
                "it gave 0 pictures",
            ),
            (
                "videoconvert name=in ! x264enc tune=zerolatency ! capsfilter name=out caps=video/x-h264,stream-format=avc",
                "no keyframe with parameter sets",
            ),
        ] {
            let error = choose(&mut with(file, text), &mix(Encoder::Openh264)).expect_err(text).to_string();
            assert!(error.contains("mix.encoder is openh264") && error.contains(reason), "{text}: {error}");
        }
    }
}
