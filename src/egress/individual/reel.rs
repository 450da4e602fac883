//! One file of what one participant sends: camera and microphone, or a shared screen and its sound.
//!
//! ```text
//! link ─ depayloader ─ track (nothing is missing any more) ─┐
//! link ─ depayloader ─ track ───────────────────────────────┴ muxer ─ file
//! ```
//!
//! Owner: the thread of the recording's individual files. Building blocks.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

use super::Feed;
use super::intake::Intake;
use super::span::Span;
use super::strand::Gap as Hole;
use super::tile::Tile;
use super::track::Track;
use crate::egress::OutputError;
use crate::egress::file::{FileName, Gap, MediaFile, Stream};
use crate::egress::format::Container;
use crate::id::ParticipantId;
use crate::media::Kind;
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Pipeline;
use crate::mix::Encoding;
use crate::mix::layout::Size;

/// The tile of somebody who never sent a picture.
const TILE: Size = Size { width: 640, height: 360 };
/// How long the file may take to be finalised.
const FINALISE: Duration = Duration::from_secs(10);

/// How long what was kept may take to come in.
const CATCH_UP: Duration = Duration::from_secs(1);

/// A file as manifests have it, which begins at `start` on the recording's clock and holds what `feed` is of.
pub(super) fn file(name: FileName, encodings: &[Encoding], start: u64, feed: &Feed) -> MediaFile {
    let source = |encoding: &Encoding| match (encoding.kind(), feed.shared) {
        (Kind::Audio, false) => "microphone",
        (Kind::Audio, true) => "screenAudio",
        (Kind::Video, false) => "camera",
        (Kind::Video, true) => "screen",
    };
    let stream = |encoding: &Encoding| Stream {
        codec: *encoding,
        participant: Some(feed.participant.clone()),
        source: Some(source(encoding).to_owned()),
    };
    MediaFile::new(name, encodings.iter().map(stream).collect(), start / 1_000_000)
}

/// How a file fares.
#[derive(Debug)]
pub(super) enum Progress {
    Goes,
    Ended,
    Failed(String),
}

/// A file, being written.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) participant: ParticipantId,
    pub(super) shared: bool,
    name: String,
    file: MediaFile,
    descriptions: Descriptions,
    tracks: Vec<(Encoding, Track)>,
    intakes: Vec<(Feed, Intake)>,
    tile: Option<Tile>,
    /// Where it ends on the recording's clock, and until when it has to.
    end: Option<(u64, Instant)>,
    closed: bool,
    /// When what was kept has come at the latest.
    whole_at: Option<Instant>,
    events: mpsc::Receiver<BusEvent>,
    // Kept for its end.
    pipeline: Pipeline,
}

impl Reel {
    /// Begins to write `file`, which is there, and begins at `start` on the recording's clock, for what `feed` is of.
    pub(super) fn build(
        folder: &Path,
        file: MediaFile,
        container: Container,
        encodings: &[Encoding],
        (span, start): (&Arc<Mutex<Span>>, u64),
        feed: &Feed,
        descriptions: &Descriptions,
    ) -> Result<Self, OutputError> {
        let fail = |_| OutputError::Graph { step: "building an individual file" };
        let looking = |step| OutputError::Graph { step };
        let path = file.name.within(folder);
        let writer = descriptions.build(container.description(), &Values::default())?;
        let sink = writer.by_name("sink").ok_or_else(|| looking("looking for the sink"))?;
        let mux = writer.by_name("mux").ok_or_else(|| looking("looking for the muxer"))?;
        sink.set_property("location", &path);
        let (pipeline, events) = Pipeline::new(&format!("individual-{}", file.name.as_str()));
        pipeline.gst().add(&writer).map_err(fail)?;
        let mut tracks = Vec::new();
        for encoding in encodings {
            let track = Track::new(*encoding, span, start);
            let pad = mux.request_pad_simple(&format!("{}_%u", encoding.kind()));
            let pad = pad.ok_or_else(|| looking("asking the muxer for a pad"))?;
            let ghost = gst::GhostPad::with_target(&pad).map_err(fail)?;
            writer.add_pad(&ghost).map_err(fail)?;
            pipeline.gst().add(track.element()).map_err(fail)?;
            track.element().link_pads(Some("src"), &writer, Some(ghost.name().as_str())).map_err(fail)?;
            tracks.push((*encoding, track));
        }
        pipeline.play()?;
        Ok(Self {
            participant: feed.participant.clone(),
            shared: feed.shared,
            name: feed.name.clone(),
            file,
            descriptions: descriptions.clone(),
            tracks,
            intakes: Vec::new(),
            tile: None,
            end: None,
            closed: false,
            whole_at: None,
            events,
            pipeline,
        })
    }

    /// Ends it without a word, so that its file is let go. Blocks.
    pub(super) fn abandon(self) {
        self.pipeline.end();
    }

    /// What is written, as manifests have it.
    pub(super) fn file(&self) -> MediaFile {
        let mut file = self.file.clone();
        file.dropped += self.intakes.iter().map(|(_, intake)| intake.dropped()).sum::<u64>();
        file.dropped += self.tracks.iter().map(|(_, track)| track.dropped()).sum::<u64>();
        let Some((end, _)) = self.end else { return file };
        file.duration_ms = (end / 1_000_000).saturating_sub(file.start_ms);
        for (stream, (_, track)) in self.tracks.iter().enumerate() {
            let of = |Hole { begin, end }: Hole| Gap {
                stream,
                at_ms: file.start_ms + begin / 1_000_000,
                duration_ms: (end - begin) / 1_000_000,
            };
            file.gaps.extend(track.gaps(end).into_iter().map(of));
        }
        file
    }

    /// Whether it is open for what comes.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Takes in what leaves the outlet of `feed`, in the place of what came before of its kind.
    pub(super) fn feed(&mut self, feed: &Feed) -> Result<(), OutputError> {
        let kind = feed.codec.kind();
        self.let_out(kind);
        if feed.since.is_some() {
            // Nothing is missing before all that was kept has come, which may not begin with a keyframe.
            self.whole_at = Some(Instant::now() + CATCH_UP);
            self.fill(Pipeline::running_time().nseconds(), |of| kind == Kind::Video && of == kind);
        }
        let Some((_, track)) = self.tracks.iter().find(|(encoding, _)| encoding.kind() == kind) else { return Ok(()) };
        track.show();
        let (track, outlet) = (track.clone(), feed.outlet.clone());
        let intake = Intake::start(feed.codec, &feed.outlet, feed.since, &self.descriptions, move |frame| {
            if track.take(frame) {
                outlet.request_keyframe();
            }
        })?;
        self.intakes.push((feed.clone(), intake));
        Ok(())
    }

    /// Takes in no more of a kind, until it is fed again. Returns whether nothing is taken in any more.
    pub(super) fn starve(&mut self, kind: Kind, now: u64) -> bool {
        self.let_out(kind);
        self.tracks.iter().filter(|(encoding, _)| encoding.kind() == kind).for_each(|(_, track)| track.mute(now));
        self.intakes.is_empty()
    }

    fn let_out(&mut self, kind: Kind) {
        let ended = self.intakes.extract_if(.., |(feed, _)| feed.codec.kind() == kind);
        self.file.dropped += ended.map(|(_, intake)| intake.dropped()).sum::<u64>();
    }

    /// What is taken in.
    pub(super) fn feeds(&self) -> Vec<Feed> {
        self.intakes.iter().map(|(feed, _)| feed.clone()).collect()
    }

    /// Notes why something is missing in it.
    pub(super) fn note(&mut self, reason: String) {
        self.file.error.get_or_insert(reason);
    }

    /// Goes on after a pause: what comes next does not follow what came last.
    pub(super) fn resume(&self) {
        self.tracks.iter().for_each(|(_, track)| track.cut());
        self.intakes.iter().for_each(|(_, intake)| intake.request_keyframe());
    }

    /// Lets it end at `end` on the recording's clock.
    pub(super) fn finish(&mut self, end: u64) {
        self.file.dropped += self.intakes.drain(..).map(|(_, intake)| intake.dropped()).sum::<u64>();
        self.end.get_or_insert_with(|| (end, Instant::now() + FINALISE));
    }

    /// Lets something stand in for what did not come until the running time `now`, in tracks of some kinds.
    fn fill(&mut self, now: u64, of: impl Fn(Kind) -> bool) {
        let (name, descriptions) = (self.name.clone(), &self.descriptions);
        for (encoding, track) in self.tracks.iter().filter(|(encoding, _)| of(encoding.kind())) {
            let kept = &mut self.tile;
            track.fill(now, |size| {
                let size = size.unwrap_or(TILE);
                if kept.as_ref().is_none_or(|tile| tile.size != size) {
                    *kept = Tile::make(&name, size, *encoding, descriptions)
                        .inspect_err(|error| tracing::warn!(%error, "a name tile is missing"))
                        .ok();
                }
                kept.clone()
            });
        }
    }

    /// Fills what is missing at `now`, and looks how the file fares.
    pub(super) fn tick(&mut self, now: u64) -> Progress {
        if self.whole_at.is_none_or(|moment| Instant::now() >= moment) {
            self.fill(now, |_| true);
        }
        if let Some((end, patience)) = self.end {
            if !self.closed && !self.tracks.iter().any(|(_, track)| track.lacks(end)) {
                self.tracks.iter().for_each(|(_, track)| track.close(end));
                self.closed = true;
            }
            if Instant::now() > patience {
                return Progress::Failed(format!("the file was not finalised within {FINALISE:?}: is the disk slow?"));
            }
        }
        match self.events.try_recv() {
            Ok(BusEvent { kind: BusEventKind::Eos, .. }) => Progress::Ended,
            Ok(BusEvent { kind: BusEventKind::Error(reason), .. }) => Progress::Failed(reason),
            Err(_) => Progress::Goes,
        }
    }
}
