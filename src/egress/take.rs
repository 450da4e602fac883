//! The task of a recording: from the claim of its files to their finalisation. It alone changes the manifest.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use gstreamer as gst;
use tokio::sync::{mpsc, oneshot, watch};

use super::OutputError;
use super::catalogue::Catalogue;
use super::durable::Durable;
use super::file::MediaFile;
use super::happening::{Happening, Tile, is_shared};
use super::individual::{Individual, Report};
use super::manifest::{Manifest, Pause, State, manifest_path, unix_ms};
use super::mixdown::Mixdown;
use super::recording::{Command, Spec};
use super::space::{Limits, Space, megabytes};
use crate::media::Kind;
use crate::media::description::Descriptions;
use crate::media::pipeline::Pipeline;
use crate::mix::{Encoded, Placed};

mod ending;

/// How often it looks whether there is space left, and brings to the disk what was written.
const LOOK: Duration = Duration::from_millis(500);
/// How many times as long as writing notes took it does something else.
const REST: u32 = 20;

/// What the recording's task owns.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) manifest: Manifest,
    catalogue: Arc<Catalogue>,
    limits: Limits,
    past: Option<gst::ClockTime>,
    /// The file of the mix, if there is one.
    mixdown: Option<Mixdown>,
    /// The files of what everybody sends, if they are wanted.
    individual: Option<Individual>,
    /// How the picture is arranged, until nobody tells any more.
    layout: Option<watch::Receiver<Vec<Placed>>>,
    /// Whether something was noted that is not on the disk.
    unwritten: bool,
    rest_until: Instant,
    durable: Durable,
    /// Whether it is known to have ended: from then on it may be deleted, and is not to come back.
    ended: bool,
    deleted: bool,
}

impl Take {
    /// Claims the files and begins to write. Blocks.
    pub(super) fn begin(
        spec: Spec,
        catalogue: Arc<Catalogue>,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
    ) -> Result<Self, OutputError> {
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
        let pre_roll = spec.pre_roll;
        let mut mixdown = match encoded.is_empty() {
            true => None,
            false => Some(Mixdown::build(&folder, &spec.id, spec.format, descriptions, encoded, pre_roll)?),
        };
        let (id, format) = (spec.id.clone(), spec.format);
        let mut manifest = Manifest::new(spec.id, spec.room.to_string(), spec.format);
        manifest.layout = spec.layout;
        manifest.files.extend(mixdown.as_ref().map(Mixdown::file));
        manifest.write(&folder).inspect_err(|_| {
            // Nothing was recorded: leave nothing behind.
            manifest.files.iter().for_each(|file| drop(std::fs::remove_file(file.name.within(&folder))));
            let _ = std::fs::remove_file(manifest_path(&folder, &manifest.id));
        })?;
        // Now, and not before the pipeline played: the mix must not be past the picture that is to be the first.
        let now = Pipeline::running_time();
        let past = now.saturating_sub(clock_time(pre_roll));
        let kept = match &mixdown {
            Some(mixdown) => mixdown.opening(past),
            None => spec.kept_since.map(|kept| kept.max(past)),
        };
        let from = kept.filter(|_| !pre_roll.is_zero()).unwrap_or(now).min(now);
        let started_at = unix_ms(SystemTime::now()).saturating_sub((now - from).mseconds());
        (manifest.started_at, manifest.pre_roll_ms) = (started_at, (now - from).mseconds());
        let mut layout = spec.placements.filter(|_| mixdown.is_some() && format.video_codec.is_some());
        if let Some(layout) = &mut layout {
            manifest.note(0, Happening::Layout { tiles: layout.borrow_and_update().iter().map(Tile::from).collect() });
        }
        spec.so_far.into_iter().for_each(|(at, happened)| manifest.note(at.saturating_sub(started_at), happened));
        if let Some(mixdown) = &mut mixdown {
            mixdown.begin(from);
        }
        let individual = match format.is_individual() {
            true => Some(Individual::start(folder, id, format, descriptions.clone(), from)?),
            false => None,
        };
        let (past, rest_until, durable) = ((from < now).then_some(from), Instant::now(), Durable::default());
        Ok(Self {
            manifest,
            catalogue,
            limits,
            past,
            mixdown,
            individual,
            layout,
            unwritten: false,
            rest_until,
            durable,
            ended: false,
            deleted: false,
        })
    }

    /// The running time of its beginning, if that was before it was asked for.
    pub(super) fn past(&self) -> Option<gst::ClockTime> {
        self.past
    }

    /// Runs until the file is finalised, or lost.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>, report: watch::Sender<Manifest>) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ending = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Happened(happening)) => self.note(happening),
                    Some(Command::Feed(feed)) => self.individual.iter().for_each(|files| files.feed(feed.clone())),
                    Some(Command::Pause { moment, done }) => self.pause(moment, done, &report).await,
                    Some(Command::Resume { moment, done }) => self.resume(moment, done, &report).await,
                    Some(Command::Stop) | None => break self.finish().await.map(|()| None),
                },
                tiles = arranged(&mut self.layout) => self.note(Happening::Layout { tiles }),
                reason = failed(&mut self.mixdown) => break Err(reason),
                report = reported(&mut self.individual) => match report {
                    Report::File(file) => self.note_file(file).await,
                    Report::Failed(reason) => break Err(reason),
                },
                _ = look.tick() => {
                    self.write_notes().await;
                    self.durable.turn(&self.manifest, self.catalogue.folder());
                    if let Some(free) = self.is_exhausted().await {
                        let reason = format!("it was ended because only {} MB were free", megabytes(free));
                        break self.finish().await.map(|()| Some(reason));
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

    /// A file has begun or ended. It is noted at once, so that a later server knows of it.
    async fn note_file(&mut self, file: MediaFile) {
        self.put(file);
        self.write().await;
    }

    fn put(&mut self, file: MediaFile) {
        match self.manifest.file_mut(&file.name) {
            Some(known) => *known = file,
            None => self.manifest.files.push(file),
        }
    }

    /// Ends all files, and waits until they are whole.
    async fn finish(&mut self) -> Result<(), String> {
        if let Some(individual) = &self.individual {
            individual.stop();
        }
        let mixed = async {
            match &mut self.mixdown {
                Some(mixdown) => mixdown.finish().await,
                None => Ok(()),
            }
        };
        let (mut files, mut failure) = (Vec::new(), None);
        let individual = async {
            while let Some(individual) = &mut self.individual {
                match individual.report().await {
                    Some(Report::File(file)) => files.push(file),
                    Some(Report::Failed(reason)) => failure = Some(reason),
                    None => break,
                }
            }
        };
        let (mixed, ()) = tokio::join!(mixed, individual);
        files.into_iter().for_each(|file| self.put(file));
        mixed?;
        failure.map_or(Ok(()), Err)
    }

    fn note(&mut self, happening: Happening) {
        self.individual.iter().for_each(|individual| hear(individual, &happening));
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
            self.mixdown.iter().for_each(|mixdown| mixdown.pause(moment));
            self.individual.iter().for_each(|individual| individual.pause(moment));
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
            self.mixdown.iter().for_each(|mixdown| mixdown.resume(moment));
            self.individual.iter().for_each(|individual| individual.resume(moment));
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

    async fn tell(&mut self, done: oneshot::Sender<Manifest>, report: &watch::Sender<Manifest>) {
        self.write().await;
        report.send_replace(self.manifest.brief());
        // Whoever asked may have gone.
        let _ = done.send(self.manifest.brief());
    }
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    gst::ClockTime::try_from(duration).unwrap_or(gst::ClockTime::MAX)
}

/// Resolves when the mix's file ends by itself.
async fn failed(mixdown: &mut Option<Mixdown>) -> String {
    match mixdown {
        Some(mixdown) => mixdown.failed().await,
        None => std::future::pending().await,
    }
}

/// How the picture is arranged anew.
async fn arranged(layout: &mut Option<watch::Receiver<Vec<Placed>>>) -> Vec<Tile> {
    if let Some(placed) = layout {
        if placed.changed().await.is_ok() {
            return placed.borrow_and_update().iter().map(Tile::from).collect();
        }
        *layout = None;
    }
    std::future::pending().await
}

/// What becomes of the individual files.
async fn reported(individual: &mut Option<Individual>) -> Report {
    match individual {
        Some(individual) => {
            let ended = || Report::Failed("the thread of the individual files ended by itself: see the log".to_owned());
            individual.report().await.unwrap_or_else(ended)
        }
        None => std::future::pending().await,
    }
}

/// What happened may end a track.
fn hear(individual: &Individual, happening: &Happening) {
    match happening {
        Happening::Muted { participant, source } | Happening::Unpublished { participant, source } => {
            let kind = if source.starts_with("camera") || source == "screen" { Kind::Video } else { Kind::Audio };
            individual.starve(participant.clone(), is_shared(source), kind);
        }
        Happening::Left { participant } => individual.left(participant.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
