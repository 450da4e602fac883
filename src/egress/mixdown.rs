//! The mix on its way into one file: a pipeline of links, streams, muxer and sink.
//!
//! Owner: the recording's task. Building and ending block.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

use super::OutputError;
use super::file::{FileName, MediaFile, Stream};
use super::format::{Container, Format, stream};
use super::gate::Gate;
use super::mp4;
use crate::id::RecordingId;
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::{Descriptions, Values};
use crate::media::link::Link;
use crate::media::pipeline::Pipeline;
use crate::mix::Encoded;

/// How long the file may take to be finalised.
const FINALISE: Duration = Duration::from_secs(10);
/// How long a stop waits for the picture of the moment at which it was asked for: the mix runs some 300 ms late.
const CATCH_UP: Duration = Duration::from_secs(2);
/// What is taken of the sound before the first picture: the gate knows what of it belongs there.
const OVERLAP: gst::ClockTime = gst::ClockTime::from_mseconds(200);
const CATCH_UP_STEP: Duration = Duration::from_millis(20);

/// A file of the mix, being written.
#[derive(Debug)]
pub(super) struct Mixdown {
    container: Container,
    path: PathBuf,
    name: FileName,
    links: Vec<Link>,
    /// What it writes, the leading stream first: wanted for as long as it is written.
    encoded: Vec<Encoded>,
    gate: Gate,
    events: mpsc::Receiver<BusEvent>,
    /// Kept for its drop, which ends it.
    pipeline: Option<Pipeline>,
}

impl Mixdown {
    /// Claims a file in `folder` and builds what will write `encoded` into it. Blocks.
    pub(super) fn build(
        folder: &Path,
        id: &RecordingId,
        format: Format,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
        pre_roll: Duration,
    ) -> Result<Self, OutputError> {
        let name = FileName::whole(id, format.extension(format.video_codec.is_some()));
        let path = name.within(folder);
        // Claimed before the sink opens it again: a recording never overwrites anything.
        std::fs::File::create_new(&path).map_err(OutputError::file(&path))?;
        let built = fill(id, format.container, &path, descriptions, &encoded, pre_roll);
        let (pipeline, events, links, gate) = built.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        let pipeline = Some(pipeline);
        Ok(Self { container: format.container, path, name, links, encoded, gate, events, pipeline })
    }

    /// The running time with which it can begin at `moment` or before, or else as soon as possible after it, in what is kept
    /// of the mix.
    pub(super) fn opening(&self, moment: gst::ClockTime) -> Option<gst::ClockTime> {
        self.encoded.first()?.outlet().opening(moment)
    }

    /// Begins with what happens at `from`, which may be an [opening](Self::opening). The mix runs late: what it shows at
    /// first happened before, and is left out.
    pub(super) fn begin(&mut self, from: gst::ClockTime) {
        self.gate.begin_at(from);
        for (index, (link, encoded)) in self.links.iter_mut().zip(&self.encoded).enumerate() {
            let since = if index == 0 { from } else { from.saturating_sub(OVERLAP) };
            link.attach_since(encoded.outlet(), since);
        }
    }

    /// What is written, as manifests have it.
    pub(super) fn file(&self) -> MediaFile {
        let streams = self.encoded.iter().map(|encoded| Stream::mixed(encoded.encoding())).collect();
        let mut file = MediaFile::new(self.name.clone(), streams, 0);
        file.duration_ms = u64::try_from(self.gate.duration().as_millis()).unwrap_or(u64::MAX);
        file.dropped = self.links.iter().map(Link::dropped).sum();
        file
    }

    pub(super) fn pause(&self, moment: gst::ClockTime) {
        self.gate.pause_at(moment);
    }

    pub(super) fn resume(&self, moment: gst::ClockTime) {
        self.gate.begin_at(moment);
    }

    /// Resolves when it ends by itself, and says why.
    pub(super) async fn failed(&mut self) -> String {
        match self.events.recv().await {
            Some(BusEvent { kind: BusEventKind::Error(reason), .. }) => reason,
            Some(BusEvent { kind: BusEventKind::Eos, .. }) => "the mix ended".to_owned(),
            None => "the pipeline vanished".to_owned(),
        }
    }

    /// Lets the picture of this moment come in, then ends the streams and waits for the file to be whole.
    pub(super) async fn finish(&mut self) -> Result<(), String> {
        let now = Pipeline::running_time();
        let caught_up = async {
            while !self.gate.has_passed(now) {
                tokio::time::sleep(CATCH_UP_STEP).await;
            }
        };
        let _ = tokio::time::timeout(CATCH_UP, caught_up).await;
        self.gate.open();
        self.links.iter_mut().for_each(Link::end);
        match tokio::time::timeout(FINALISE, self.events.recv()).await {
            Ok(Some(BusEvent { kind: BusEventKind::Eos, .. })) if self.gate.duration().is_zero() => {
                Err("nothing came from the mix".to_owned())
            }
            Ok(Some(BusEvent { kind: BusEventKind::Eos, .. })) => Ok(()),
            Ok(Some(BusEvent { kind: BusEventKind::Error(reason), .. })) => Err(reason),
            Ok(None) => Err("the pipeline vanished".to_owned()),
            Err(_) => Err(format!("the file was not finalised within {FINALISE:?}: is the disk slow?")),
        }
    }

    /// Ends it without a word, and cuts off what was written last, which may be torn.
    pub(super) async fn abandon(&mut self) {
        let (pipeline, container, path) = (self.pipeline.take(), self.container, self.path.clone());
        let trim = move || {
            // What follows looks at the file, and nobody may write any more.
            pipeline.into_iter().for_each(Pipeline::end);
            match container {
                Container::Mp4 => mp4::trim(&path).map_err(OutputError::file(&path)),
                // Their players take what there is.
                Container::Mkv | Container::Webm => Ok(()),
            }
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(trim).await {
            tracing::error!(%error, "the end of a file may be torn");
        }
    }
}

type Built = (Pipeline, mpsc::Receiver<BusEvent>, Vec<Link>, Gate);

fn fill(
    id: &RecordingId,
    container: Container,
    path: &Path,
    descriptions: &Descriptions,
    encoded: &[Encoded],
    pre_roll: Duration,
) -> Result<Built, OutputError> {
    let fail = |step| move |_| OutputError::Graph { step };
    let looking = |step| OutputError::Graph { step };
    let file = descriptions.build(container.description(), &Values::default())?;
    let sink = file.by_name("sink").ok_or_else(|| looking("looking for the sink"))?;
    let mux = file.by_name("mux").ok_or_else(|| looking("looking for the muxer"))?;
    sink.set_property("location", path);
    if container == Container::Mp4 {
        mp4::repair(&sink);
    }
    let (pipeline, events) = Pipeline::new(&format!("recording-{id}"));
    pipeline.gst().add(&file).map_err(fail("filling the pipeline"))?;
    let (mut links, mut behind) = (Vec::new(), Vec::new());
    for (index, encoded) in encoded.iter().enumerate() {
        let inlet = descriptions.build(stream(encoded.encoding()), &Values::default())?;
        let link = Link::with_past(&format!("link-{index}"), None, pre_roll * 2);
        pipeline.gst().add_many([link.element(), inlet.upcast_ref()]).map_err(fail("filling the pipeline"))?;
        link.element().link_pads(Some("src"), &inlet, Some("in")).map_err(fail("linking a stream"))?;
        let pad = mux.request_pad_simple(&format!("{}_%u", encoded.encoding().kind()));
        let pad = pad.ok_or_else(|| looking("asking the muxer for a pad"))?;
        let ghost = gst::GhostPad::with_target(&pad).map_err(fail("reaching the muxer"))?;
        file.add_pad(&ghost).map_err(fail("reaching the muxer"))?;
        inlet.link_pads(Some("out"), &file, Some(ghost.name().as_str())).map_err(fail("linking a stream"))?;
        let queue = inlet.by_name("in").ok_or_else(|| looking("looking for the inlets"))?;
        // The past comes all at once.
        let room: u64 = queue.property("max-size-time");
        queue.set_property(
            "max-size-time",
            room.saturating_add(u64::try_from((pre_roll * 2).as_nanos()).unwrap_or(u64::MAX)),
        );
        behind.push(queue.static_pad("src").ok_or_else(|| looking("looking for the inlets"))?);
        links.push(link);
    }
    let source = encoded.first().ok_or_else(|| looking("looking for something to record"))?;
    let gate = Gate::install(behind, source.outlet())?;
    pipeline.play()?;
    Ok((pipeline, events, links, gate))
}
