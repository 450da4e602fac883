//! A room's mix, or its sound, as a file.
//!
//! Each recording has a pipeline and a task of its own, which ends with the file finalised. A file that cannot be
//! finalised, since the server was killed or the disk is full, still plays: it consists of fragments of a second.
//!
//! File names are made of identifiers only; what people typed is in the manifest beside the file.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};

use super::OutputError;
use super::format::{Container, Format};
use super::gate::Gate;
use super::manifest::{Attendee, Manifest, Pause, State, file_name, manifest_path, size_of, unix_ms};
use super::mp4;
use crate::id::{RecordingId, RoomName};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::{Descriptions, Values};
use crate::media::link::{Link, Outlet};
use crate::media::pipeline::Pipeline;

/// How long the file may take to be finalised.
const FINALISE: Duration = Duration::from_secs(10);
/// How long a stop waits for the picture of the moment at which it was asked for: the mix runs some 300 ms late.
const CATCH_UP: Duration = Duration::from_secs(2);
const CATCH_UP_STEP: Duration = Duration::from_millis(20);

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The recording's identifier, new.
    pub id: RecordingId,
    /// What it holds, and in which file.
    pub format: Format,
    /// The room.
    pub room: RoomName,
    /// Who is there already.
    pub participants: Vec<Attendee>,
}

#[derive(Debug)]
enum Command {
    Joined(Attendee),
    Pause { moment: gst::ClockTime, done: oneshot::Sender<Manifest> },
    Resume { moment: gst::ClockTime, done: oneshot::Sender<Manifest> },
    Stop,
}

/// A running recording. Dropping it stops it as well, but then nobody knows when the file is whole.
#[derive(Debug)]
pub struct Recording {
    id: RecordingId,
    commands: mpsc::UnboundedSender<Command>,
    manifest: watch::Receiver<Manifest>,
}

impl Recording {
    /// Begins to record what leaves those of the `outlets` of a mix (by inlet) that its kind needs into a new file in `folder`. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// When the file cannot be made or the pipeline does not play.
    pub async fn start(
        spec: Spec,
        folder: &Path,
        descriptions: &Descriptions,
        outlets: &[(&'static str, &Outlet)],
    ) -> Result<Self, OutputError> {
        let id = spec.id.clone();
        let (folder, descriptions) = (folder.to_owned(), descriptions.clone());
        let outlet = |inlet: &&str| {
            let found = outlets.iter().find(|(name, _)| name == inlet);
            found.map(|(_, outlet)| Outlet::clone(outlet)).ok_or(OutputError::Graph { step: "looking for the outlets" })
        };
        let outlets = spec.format.inlets().iter().map(outlet).collect::<Result<Vec<_>, _>>()?;
        // Files and state changes block.
        let begun = tokio::task::spawn_blocking(move || Take::begin(spec, folder, &descriptions, outlets));
        let (take, events) = begun.await.map_err(|_| OutputError::Graph { step: "starting a recording" })??;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (sender, manifest) = watch::channel(take.manifest.clone());
        tokio::spawn(take.run(inbox, events, sender));
        Ok(Self { id, commands, manifest })
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &RecordingId {
        &self.id
    }

    /// What is known about it. It changes when the recording is held, goes on, or ends, by itself or not.
    #[must_use]
    pub fn manifest(&self) -> watch::Receiver<Manifest> {
        self.manifest.clone()
    }

    /// Notes that somebody came.
    pub fn joined(&self, attendee: Attendee) {
        // After the end there is nothing to note.
        let _ = self.commands.send(Command::Joined(attendee));
    }

    /// Holds it from this moment on, or lets it go on, and gives what is known of it once that is
    /// noted: nothing if it has ended. What is so already stays so.
    pub fn pause(&self, paused: bool) -> impl Future<Output = Option<Manifest>> + Send + 'static {
        let (done, noted) = oneshot::channel();
        let moment = Pipeline::running_time();
        let command = if paused { Command::Pause { moment, done } } else { Command::Resume { moment, done } };
        // Not taken once it has ended; then `noted` says so.
        let _ = self.commands.send(command);
        async { noted.await.ok() }
    }

    /// Ends it, and returns once the file is whole, or has failed.
    pub async fn stop(mut self) -> Manifest {
        let _ = self.commands.send(Command::Stop);
        // An error means that the task has ended, and the last manifest is the final one.
        let _ = self.manifest.wait_for(|manifest| !manifest.state.is_running()).await;
        self.manifest.borrow().clone()
    }
}

/// What the recording's task owns.
#[derive(Debug)]
struct Take {
    manifest: Manifest,
    folder: PathBuf,
    links: Vec<Link>,
    outlets: Vec<Outlet>,
    gate: Gate,
    // Kept for its drop, which ends it.
    _pipeline: Pipeline,
}

impl Take {
    fn begin(
        spec: Spec,
        folder: PathBuf,
        descriptions: &Descriptions,
        outlets: Vec<Outlet>,
    ) -> Result<(Self, mpsc::Receiver<BusEvent>), OutputError> {
        let file = file_name(&spec.id, spec.format);
        let path = folder.join(&file);
        // Claimed before the sink opens it again: a recording never overwrites anything.
        std::fs::File::create_new(&path).map_err(OutputError::file(&path))?;
        let mut manifest = Manifest {
            id: spec.id,
            room: spec.room.to_string(),
            format: spec.format,
            file,
            state: State::Recording,
            started_at: unix_ms(SystemTime::now()),
            ended_at: None,
            pauses: Vec::new(),
            duration_ms: 0,
            bytes: 0,
            error: None,
            participants: spec.participants,
        };
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
        Ok((Self { manifest, folder, links, outlets, gate, _pipeline: pipeline }, events))
    }

    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::Receiver<BusEvent>,
        report: watch::Sender<Manifest>,
    ) {
        let failure = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Joined(attendee)) => self.note(attendee).await,
                    Some(Command::Pause { moment, done }) => self.pause(moment, done, &report).await,
                    Some(Command::Resume { moment, done }) => self.resume(moment, done, &report).await,
                    Some(Command::Stop) | None => break self.finalise(&mut events).await.err(),
                },
                Some(event) = events.recv() => match event.kind {
                    BusEventKind::Error(reason) => break Some(reason),
                    BusEventKind::Eos => break Some("the mix ended".to_owned()),
                },
            }
        };
        self.close(failure, &report).await;
    }

    async fn note(&mut self, attendee: Attendee) {
        if !self.manifest.participants.iter().any(|known| known.id == attendee.id) {
            self.manifest.participants.push(attendee);
            self.write().await;
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
        report.send_replace(self.manifest.clone());
        // Whoever asked may have gone.
        let _ = done.send(self.manifest.clone());
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

    async fn close(mut self, failure: Option<String>, report: &watch::Sender<Manifest>) {
        self.manifest.state = if failure.is_none() { State::Complete } else { State::Failed };
        if let Some(error) = &failure {
            tracing::error!(recording = %self.manifest.id, %error, "a recording failed");
        }
        self.manifest.error = failure;
        self.end_pause();
        self.manifest.ended_at = Some(unix_ms(SystemTime::now()));
        self.manifest.duration_ms = u64::try_from(self.gate.duration().as_millis()).unwrap_or(u64::MAX);
        self.manifest.bytes = size_of(&self.manifest.media_path(&self.folder));
        self.write().await;
        report.send_replace(self.manifest);
    }

    async fn write(&self) {
        let (manifest, folder) = (self.manifest.clone(), self.folder.clone());
        let written = tokio::task::spawn_blocking(move || manifest.write(&folder)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(%error, "a manifest is not up to date");
        }
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
