//! The task of a recording: from the file's claim to its finalisation. It alone changes the manifest.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};

use super::OutputError;
use super::catalogue::Catalogue;
use super::checksum;
use super::format::Container;
use super::gate::Gate;
use super::happening::Happening;
use super::manifest::{Manifest, Pause, State, file_name, manifest_path, size_of, unix_ms};
use super::mp4;
use super::recording::{Command, Spec};
use super::space::{Limits, Space, megabytes};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::{Descriptions, Values};
use crate::media::link::{Link, Outlet};
use crate::media::pipeline::Pipeline;

/// How long the file may take to be finalised.
const FINALISE: Duration = Duration::from_secs(10);
/// How long a stop waits for the picture of the moment at which it was asked for: the mix runs some 300 ms late.
const CATCH_UP: Duration = Duration::from_secs(2);
const CATCH_UP_STEP: Duration = Duration::from_millis(20);
/// How often it looks whether there is space left.
const LOOK: Duration = Duration::from_secs(1);
/// How often, and for how long, a last manifest is written again that could not be written: on a full disk, say.
const WRITE_AGAIN: Duration = Duration::from_secs(2);
const WRITE_TRIES: u32 = 1800;
/// How many times as long as writing notes took it does something else.
const REST: u32 = 20;

/// What the recording's task owns.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) manifest: Manifest,
    catalogue: Arc<Catalogue>,
    links: Vec<Link>,
    outlets: Vec<Outlet>,
    gate: Gate,
    limits: Limits,
    /// Whether something was noted that is not on the disk.
    unwritten: bool,
    rest_until: Instant,
    /// Kept for its drop, which ends it.
    pipeline: Option<Pipeline>,
}

impl Take {
    /// Claims the file and begins to write what leaves `outlets`. Blocks.
    pub(super) fn begin(
        spec: Spec,
        catalogue: Arc<Catalogue>,
        descriptions: &Descriptions,
        outlets: Vec<Outlet>,
    ) -> Result<(Self, mpsc::Receiver<BusEvent>), OutputError> {
        let folder = catalogue.folder().to_owned();
        match spec.limits.look(&folder)? {
            Space::Enough => {}
            Space::Low(free) => {
                tracing::warn!(free_mb = megabytes(free), folder = %folder.display(), "the disk is filling up: make space for recordings");
            }
            Space::Scarce(free) | Space::Exhausted(free) => {
                return Err(OutputError::Space { folder, free_mb: megabytes(free) });
            }
        }
        let limits = spec.limits;
        let path = folder.join(file_name(&spec.id, spec.format));
        // Claimed before the sink opens it again: a recording never overwrites anything.
        std::fs::File::create_new(&path).map_err(OutputError::file(&path))?;
        let mut manifest = Manifest::new(spec.id, spec.room.to_string(), spec.format);
        spec.so_far.into_iter().for_each(|happening| manifest.note(0, happening));
        let built = manifest.write(&folder).and_then(|()| build(&manifest, &path, descriptions));
        let (pipeline, events, mut links, gate) = built.inspect_err(|_| {
            // Nothing was recorded: leave nothing behind.
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_file(manifest_path(&folder, &manifest.id));
        })?;
        // Now, and not before the pipeline played: the mix must not be past the picture that is to be the first.
        let from = Pipeline::running_time();
        manifest.started_at = unix_ms(SystemTime::now());
        gate.begin_at(from);
        for (link, outlet) in links.iter_mut().zip(&outlets) {
            link.attach(outlet);
        }
        // The mix runs late: the keyframe that a link asks for shows a moment before the beginning, and is of no use.
        outlets[0].request_keyframe_at(from);
        Ok((
            Self {
                manifest,
                catalogue,
                links,
                outlets,
                gate,
                limits,
                unwritten: false,
                rest_until: Instant::now(),
                pipeline: Some(pipeline),
            },
            events,
        ))
    }

    /// Runs until the file is finalised, or lost.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::Receiver<BusEvent>,
        report: watch::Sender<Manifest>,
    ) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ending = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Happened(happening)) => self.note(happening),
                    Some(Command::Pause { moment, done }) => self.pause(moment, done, &report).await,
                    Some(Command::Resume { moment, done }) => self.resume(moment, done, &report).await,
                    Some(Command::Stop) | None => break self.finalise(&mut events).await.map(|()| None),
                },
                Some(event) = events.recv() => match event.kind {
                    BusEventKind::Error(reason) => break Err(reason),
                    BusEventKind::Eos => break Err("the mix ended".to_owned()),
                },
                _ = look.tick() => {
                    self.write_notes().await;
                    if let Some(free) = self.is_exhausted().await {
                        let reason = format!("it was ended because only {} MB were free", megabytes(free));
                        break self.finalise(&mut events).await.map(|()| Some(reason));
                    }
                },
            }
        };
        self.close(ending, &report).await;
    }

    /// How much is left, if that is too little to go on.
    async fn is_exhausted(&self) -> Option<u64> {
        let (limits, folder) = (self.limits, self.catalogue.folder().to_owned());
        match tokio::task::spawn_blocking(move || limits.look(&folder)).await {
            Ok(Ok(Space::Exhausted(free))) => Some(free),
            Ok(Err(error)) => {
                tracing::warn!(%error, "nobody knows how much space is left");
                None
            }
            _ => None,
        }
    }

    fn note(&mut self, happening: Happening) {
        if self.manifest.state == State::Paused && !happening.lasts() {
            return;
        }
        let at = self.manifest.elapsed_ms(unix_ms(SystemTime::now()));
        self.manifest.note(at, happening);
        self.unwritten = true;
    }

    /// Writes what was noted, but does not spend its time with it when the manifest has become long.
    async fn write_notes(&mut self) {
        if self.unwritten && Instant::now() >= self.rest_until {
            let began = Instant::now();
            self.unwritten = !self.write().await;
            self.rest_until = Instant::now() + began.elapsed() * REST;
        }
    }

    async fn pause(
        &mut self,
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
        report: &watch::Sender<Manifest>,
    ) {
        if self.manifest.state == State::Recording {
            self.gate.pause_at(moment);
            self.manifest.state = State::Paused;
            self.manifest.pauses.push(Pause { from: unix_ms(SystemTime::now()), to: None });
        }
        self.tell(done, report).await;
    }

    async fn resume(
        &mut self,
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
        report: &watch::Sender<Manifest>,
    ) {
        if self.manifest.state == State::Paused {
            self.gate.begin_at(moment);
            self.outlets[0].request_keyframe_at(moment);
            self.manifest.state = State::Recording;
            self.end_pause();
        }
        self.tell(done, report).await;
    }

    fn end_pause(&mut self) {
        if let Some(pause) = self.manifest.pauses.last_mut() {
            pause.to.get_or_insert_with(|| unix_ms(SystemTime::now()));
        }
    }

    async fn tell(&self, done: oneshot::Sender<Manifest>, report: &watch::Sender<Manifest>) {
        self.write().await;
        report.send_replace(self.manifest.brief());
        // Whoever asked may have gone.
        let _ = done.send(self.manifest.brief());
    }

    /// Lets the picture of this moment come in, then ends the streams and waits for the file to be whole.
    async fn finalise(&mut self, events: &mut mpsc::Receiver<BusEvent>) -> Result<(), String> {
        let now = Pipeline::running_time();
        let caught_up = async {
            while !self.gate.has_passed(now) {
                tokio::time::sleep(CATCH_UP_STEP).await;
            }
        };
        let _ = tokio::time::timeout(CATCH_UP, caught_up).await;
        self.gate.open();
        self.links.iter_mut().for_each(Link::end);
        match tokio::time::timeout(FINALISE, events.recv()).await {
            Ok(Some(BusEvent { kind: BusEventKind::Eos, .. })) if self.gate.duration().is_zero() => {
                Err("nothing came from the mix".to_owned())
            }
            Ok(Some(BusEvent { kind: BusEventKind::Eos, .. })) => Ok(()),
            Ok(Some(BusEvent { kind: BusEventKind::Error(reason), .. })) => Err(reason),
            Ok(None) => Err("the pipeline vanished".to_owned()),
            Err(_) => Err(format!("the file was not finalised within {FINALISE:?}: is the disk slow?")),
        }
    }

    /// `ending` is why it ended by itself, if it did, or why it failed.
    async fn close(mut self, ending: Result<Option<String>, String>, report: &watch::Sender<Manifest>) {
        self.manifest.state = if ending.is_ok() { State::Complete } else { State::Failed };
        if let Ok(Some(reason)) | Err(reason) = &ending {
            tracing::error!(recording = %self.manifest.id, state = ?self.manifest.state, reason, "a recording ended by itself");
        }
        if ending.is_err() {
            self.trim().await;
        }
        self.manifest.error = ending.unwrap_or_else(Some);
        self.end_pause();
        self.manifest.ended_at = Some(unix_ms(SystemTime::now()));
        self.manifest.duration_ms = u64::try_from(self.gate.duration().as_millis()).unwrap_or(u64::MAX);
        self.manifest.bytes = size_of(&self.manifest.media_path(self.catalogue.folder()));
        let mut written = self.write().await;
        report.send_replace(self.manifest.brief());
        // Whoever makes space finds that the recording has ended.
        for _ in 0..WRITE_TRIES {
            if written {
                break;
            }
            tokio::time::sleep(WRITE_AGAIN).await;
            written = self.write().await;
        }
        checksum::note(&self.catalogue, &self.manifest).await;
    }

    /// Nobody writes any more; what was written last may be torn.
    async fn trim(&mut self) {
        let (pipeline, format) = (self.pipeline.take(), self.manifest.format);
        let path = self.manifest.media_path(self.catalogue.folder());
        let trim = move || {
            drop(pipeline);
            match format.container {
                Container::Mp4 => mp4::trim(&path).map_err(OutputError::file(&path)),
                // Its players take what there is.
                Container::Mkv => Ok(()),
            }
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(trim).await {
            tracing::error!(%error, "the end of a file may be torn");
        }
    }

    /// Whether the manifest is up to date on the disk.
    pub(super) async fn write(&self) -> bool {
        let saved = self.catalogue.save(&self.manifest).await;
        saved.inspect_err(|error| tracing::error!(%error, "a manifest is not up to date")).is_ok()
    }
}

type Built = (Pipeline, mpsc::Receiver<BusEvent>, Vec<Link>, Gate);

fn build(manifest: &Manifest, path: &Path, descriptions: &Descriptions) -> Result<Built, OutputError> {
    let fail = |step| move |_| OutputError::Graph { step };
    let (id, format) = (&manifest.id, manifest.format);
    let bin = descriptions.build(format.description(), &Values::default())?;
    let sink = bin.by_name("sink").ok_or(OutputError::Graph { step: "looking for the sink" })?;
    sink.set_property("location", path);
    if format.container == Container::Mp4 {
        mp4::repair(&sink);
    }
    let gate = Gate::install(&bin, format.inlets())?;
    let (pipeline, events) = Pipeline::new(&format!("recording-{id}"));
    pipeline.gst().add(&bin).map_err(fail("filling the pipeline"))?;
    let mut links = Vec::new();
    for inlet in format.inlets() {
        let link = Link::new(&format!("link-{inlet}"), None);
        pipeline.gst().add(link.element()).map_err(fail("filling the pipeline"))?;
        link.element().link_pads(Some("src"), &bin, Some(inlet)).map_err(fail("linking the inlets"))?;
        links.push(link);
    }
    pipeline.play()?;
    Ok((pipeline, events, links, gate))
}
