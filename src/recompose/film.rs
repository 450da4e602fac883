//! The pipeline that makes the whole, and the wait for its end.
//!
//! Owner: the task that made the order. Streaming threads only count how far they have come.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use tokio::sync::mpsc;

use super::half_made::HalfMade;
use super::input::Input;
use super::order::{Checked, Order};
use super::score::Score;
use super::{RecomposeError, input, look, movement, stage};
use crate::egress::format::{Container, Format};
use crate::media::Kind;
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Pipeline;
use crate::mix::{Encoding, set_scales, undo_priming};

/// How often it looks how far it has come.
const LOOK: Duration = Duration::from_millis(200);
/// How long it may stand still.
const STALL: Duration = Duration::from_secs(30);
/// How long the pipeline may take to end.
const END: Duration = Duration::from_secs(10);
/// Pictures and sounds that wait for encoder and muxer.
const WAITING: u32 = 8;

/// The whole, in the making.
#[derive(Debug)]
pub(super) struct Film {
    pipeline: Pipeline,
    events: mpsc::Receiver<BusEvent>,
    at: Arc<AtomicU64>,
    length: gst::ClockTime,
    files: Vec<PathBuf>,
    inputs: Vec<Input>,
}

impl Film {
    /// Builds it, and lets it begin. Blocks. Must be called within a Tokio runtime.
    pub(super) fn start(order: &Order, checked: &Checked, descriptions: &Descriptions) -> Result<Self, RecomposeError> {
        let score = Score::of(&checked.manifest, &order.layout, order.canvas(), order.values.fps);
        let files: Vec<PathBuf> = score.parts.iter().map(|part| part.file.name.within(&checked.folder)).collect();
        let seen = files.iter().zip(&score.parts).map(|(path, part)| {
            let first = if part.file.has_pictures() { look::first_picture(path)? } else { None };
            let nearest = |at: u64| (at * u64::from(score.fps) + 500) / 1000;
            Ok(first.map_or(u64::MAX, |at| nearest(part.file.start_ms + at.mseconds())))
        });
        let seen = seen.collect::<Result<Vec<u64>, RecomposeError>>()?;

        let (pipeline, events) = Pipeline::new("recompose");
        let length = movement::time_of(score.pictures, score.fps);
        let mut film = Self { pipeline, events, at: Arc::default(), length, files, inputs: Vec::new() };
        let picture = film.picture(&score, order, &seen, descriptions)?;
        let sound = film.sound(&score, &order.values, descriptions)?;
        film.write(&checked.output, checked.format, &order.values, [picture, sound], descriptions)?;
        film.pipeline.play()?;
        film.inputs.iter().try_for_each(Input::begin)?;
        Ok(film)
    }

    fn picture(
        &mut self,
        score: &Score,
        order: &Order,
        seen: &[u64],
        descriptions: &Descriptions,
    ) -> Result<gst::Pad, RecomposeError> {
        let bin = descriptions.build("recompose/video.launch", &order.values)?;
        let mixer = socket(&bin, "mixer")?;
        let source = socket(&bin, "stage")?.downcast::<gst_app::AppSrc>();
        let source = source.map_err(|_| RecomposeError::Graph { step: "looking for the stage" })?;
        stage::fill(&source, stage::stills(score, seen), order.canvas(), score.fps);
        self.pipeline.gst().add(&bin).map_err(|_| RecomposeError::Graph { step: "building the picture" })?;
        for (index, part) in score.parts.iter().enumerate().filter(|(_, part)| part.is_shown()) {
            if let Some(codec) = codec(part, Kind::Video) {
                // The compositor shows what begins within a picture of its own: half of one later, that is the nearest.
                let begin = gst::ClockTime::from_mseconds(part.file.start_ms) + movement::time_of(1, score.fps) / 2;
                let pad = self.join(index, codec, begin, &bin, &mixer, descriptions)?;
                // The last picture of a file lasts until the score ends it, whatever its own duration.
                pad.set_property("repeat-after-eos", true);
                pad.set_property("alpha", 0.0);
                pad.set_property_from_str("sizing-policy", "keep-aspect-ratio");
                movement::conduct(&pad, score, index)?;
                let fitter = self.inputs.last().and_then(|input| input.fitter.as_ref());
                set_scales(&pad, fitter.is_none());
                if let Some(fitter) = fitter {
                    movement::fit(fitter, &pad, score, index, begin);
                }
            }
        }
        self.end_of(&bin, Some(Arc::clone(&self.at)))
    }

    fn sound(
        &mut self,
        score: &Score,
        values: &Values,
        descriptions: &Descriptions,
    ) -> Result<gst::Pad, RecomposeError> {
        let bin = descriptions.build("recompose/audio.launch", values)?;
        let mixer = socket(&bin, "mixer")?;
        let silence = socket(&bin, "silence")?;
        let samples = u64::try_from(silence.property::<i32>("samplesperbuffer")).unwrap_or(1024).max(1);
        let buffers = self.length.mseconds() * 48 / samples + 1;
        silence.set_property("num-buffers", i32::try_from(buffers).unwrap_or(i32::MAX));
        self.pipeline.gst().add(&bin).map_err(|_| RecomposeError::Graph { step: "building the sound" })?;
        for (index, part) in score.parts.iter().enumerate() {
            if let Some(codec) = codec(part, Kind::Audio) {
                let begin = gst::ClockTime::from_mseconds(part.file.start_ms);
                self.join(index, codec, begin, &bin, &mixer, descriptions)?;
            }
        }
        self.end_of(&bin, None)
    }

    /// Lets a stream of a file flow into a pad of `mixer`, which is returned.
    fn join(
        &mut self,
        index: usize,
        codec: Encoding,
        begin: gst::ClockTime,
        bin: &gst::Bin,
        mixer: &gst::Element,
        descriptions: &Descriptions,
    ) -> Result<gst::Pad, RecomposeError> {
        let fail = |_| RecomposeError::Graph { step: "joining an input with its mixer" };
        let refused = || RecomposeError::Graph { step: "making the pads of a mixer" };
        let source = input::decoded(index, &self.files[index], codec, begin, descriptions)?;
        self.pipeline.gst().add(&source.bin).map_err(fail)?;
        let pad = mixer.request_pad_simple("sink_%u").ok_or_else(refused)?;
        let ghost = gst::GhostPad::builder_with_target(&pad).map_err(fail)?.name(format!("slot_{index}")).build();
        bin.add_pad(&ghost).map_err(fail)?;
        source.bin.link_pads(Some("out"), bin, Some(ghost.name().as_str())).map_err(fail)?;
        self.inputs.push(source);
        Ok(pad)
    }

    /// Where a mixed stream leaves, cut where the whole ends: a file may be a moment longer than the manifest knows.
    fn end_of(&self, bin: &gst::Bin, at: Option<Arc<AtomicU64>>) -> Result<gst::Pad, RecomposeError> {
        let out = bin.static_pad("out").ok_or(RecomposeError::Graph { step: "looking for a socket" })?;
        let length = self.length;
        out.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let Some(pts) = info.buffer().and_then(|buffer| buffer.pts()) else { return gst::PadProbeReturn::Ok };
            if let Some(at) = &at {
                at.store(pts.nseconds(), Ordering::Relaxed);
            }
            if pts < length { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Drop }
        });
        Ok(out)
    }

    fn write(
        &self,
        output: &HalfMade,
        format: Format,
        values: &Values,
        [picture, sound]: [gst::Pad; 2],
        descriptions: &Descriptions,
    ) -> Result<(), RecomposeError> {
        let fail = |_| RecomposeError::Graph { step: "building the file" };
        let make = gst::ElementFactory::make;
        let mux = make(format.container.muxer());
        let mux = match format.container {
            // The index in front, so that it plays while it is downloaded.
            Container::Mp4 => mux.property("faststart", true).property("faststart-file", output.scratch()),
            Container::Mkv | Container::Webm => mux.property("writing-app", "plenum"),
        };
        let mux = mux.name(OUTPUT[0]).build().map_err(fail)?;
        let sink = make("filesink").name(OUTPUT[1]).property("location", output.path());
        let sink = sink.property("async", false).property("sync", false).build().map_err(fail)?;
        self.pipeline.gst().add_many([&mux, &sink]).map_err(fail)?;
        mux.link(&sink).map_err(fail)?;
        for (codec, raw) in [(format.video_codec, picture), (Some(format.audio_codec), sound)] {
            let Some(codec) = codec else { continue };
            let encode = descriptions.build(encoder(codec), values)?;
            let queue = || make("queue").property("max-size-buffers", WAITING).property("max-size-bytes", 0u32);
            let before = queue().build().map_err(fail)?;
            // An encoder that keeps pictures back gives several at once.
            let after = queue().property("max-size-buffers", 20 * WAITING).build().map_err(fail)?;
            self.pipeline.gst().add_many([&before, encode.upcast_ref(), &after]).map_err(fail)?;
            let entry = before.static_pad("sink").ok_or(RecomposeError::Graph { step: "looking for a queue" })?;
            raw.link(&entry).map_err(|_| RecomposeError::Graph { step: "joining the mix with its encoder" })?;
            before.link_pads(Some("src"), &encode, Some("in")).map_err(fail)?;
            encode.link_pads(Some("out"), &after, Some("sink")).map_err(fail)?;
            if codec == Encoding::Aac {
                let out = encode.static_pad("out").ok_or(RecomposeError::Graph { step: "looking for a socket" })?;
                undo_priming(&out);
            }
            let pad = mux.request_pad_simple(&format!("{}_%u", codec.kind()));
            let pad = pad.ok_or(RecomposeError::Graph { step: "asking the muxer for a pad" })?;
            after.link_pads(Some("src"), &mux, Some(pad.name().as_str())).map_err(fail)?;
        }
        Ok(())
    }

    /// How long it will be.
    pub(super) fn length(&self) -> gst::ClockTime {
        self.length
    }

    /// Waits for the end, and tells meanwhile how far it has come.
    pub(super) async fn finish(
        &mut self,
        output: &HalfMade,
        mut tell: impl FnMut(gst::ClockTime),
    ) -> Result<(), RecomposeError> {
        let mut last = (0, 0);
        let mut moved = Instant::now();
        loop {
            match tokio::time::timeout(LOOK, self.events.recv()).await {
                Ok(Some(BusEvent { kind: BusEventKind::Eos, .. })) => return Ok(()),
                Ok(Some(BusEvent { kind: BusEventKind::Error(reason), path })) => {
                    return Err(self.blame(output, &path, reason));
                }
                Ok(None) => {
                    let part = "its pipeline".to_owned();
                    return Err(RecomposeError::Failed { part, reason: "it vanished".to_owned() });
                }
                Err(_) => {}
            }
            let at = self.at.load(Ordering::Relaxed);
            tell(gst::ClockTime::from_nseconds(at).min(self.length));
            // In the end only the file grows.
            let now = (at, output.bytes());
            if now != last {
                (last, moved) = (now, Instant::now());
            } else if moved.elapsed() > STALL {
                let at = super::progress::clock(gst::ClockTime::from_nseconds(at));
                return Err(RecomposeError::Stalled { at, seconds: STALL.as_secs() });
            }
        }
    }

    /// Ends it, so that nothing is written any more.
    pub(super) async fn end(self) {
        let pipeline = self.pipeline.gst().clone();
        let ended = tokio::task::spawn_blocking(move || pipeline.set_state(gst::State::Null));
        if tokio::time::timeout(END, ended).await.is_err() {
            tracing::warn!("the pipeline does not end");
        }
    }

    /// Whose error it is.
    fn blame(&self, output: &HalfMade, path: &[String], reason: String) -> RecomposeError {
        let file = path.iter().find_map(|name| self.files.get(input::index_of(name)?));
        match file {
            Some(file) => RecomposeError::Unreadable { path: file.clone(), reason },
            None if path.first().is_some_and(|name| OUTPUT.contains(&name.as_str())) => {
                RecomposeError::Output { path: output.path().to_owned(), reason }
            }
            None => RecomposeError::Failed { part: path.join("/"), reason },
        }
    }
}

/// The names of the elements that write.
const OUTPUT: [&str; 2] = ["output-muxer", "output-file"];

fn socket(bin: &gst::Bin, name: &str) -> Result<gst::Element, RecomposeError> {
    bin.by_name(name).ok_or(RecomposeError::Graph { step: "looking for a socket" })
}

/// The codec of the first stream of a kind.
fn codec(part: &super::score::Part, kind: Kind) -> Option<Encoding> {
    part.file.streams.iter().map(|stream| stream.codec).find(|codec| codec.kind() == kind)
}

fn encoder(codec: Encoding) -> &'static str {
    match codec {
        Encoding::H264 => "recompose/h264.launch",
        Encoding::Vp8 => "recompose/vp8.launch",
        Encoding::Aac => "recompose/aac.launch",
        Encoding::Opus => "recompose/opus.launch",
    }
}
