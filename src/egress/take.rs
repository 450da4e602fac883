//! The task of a recording: from the claim of its files to their finalisation. It alone changes the manifest.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gstreamer as gst;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

mod begin;
mod ending;
mod notes;

use self::begin::warn_of_space;
use self::notes::stamped;
use super::catalogue::Catalogue;
use super::durable::Durable;
use super::file::MediaFile;
use super::happening::Happening;
use super::individual::span::Span;
use super::individual::{Individual, Report};
use super::manifest::Manifest;
use super::mixdown::Mixdown;
use super::recording::{Command, Inbox};
use super::repair::repair;
use super::space::{Limits, Space, megabytes};
use crate::media::pipeline::Pipeline;
use crate::mix::Placed;

/// How often it looks whether there is space left, and brings to the disk what was written.
const LOOK: Duration = Duration::from_millis(500);
/// How many arrangements of the picture may wait to be noted.
const LAYOUTS: usize = 64;
/// How long the files of what everybody sends may take to end, those counted in that have to be given up.
const ENDED_WITHIN: Duration = Duration::from_secs(25);
/// How many times as long as writing notes took it does something else.
const REST: u32 = 20;

/// What the recording's task owns.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) manifest: Manifest,
    catalogue: Arc<Catalogue>,
    limits: Limits,
    /// Whether somebody was warned that there is little space.
    is_low: bool,
    /// The running time of its beginning.
    from: gst::ClockTime,
    /// What of the running time is recorded.
    span: Arc<Mutex<Span>>,
    /// The file of the mix, if there is one.
    mixdown: Option<Mixdown>,
    /// The files of what everybody sends, if they are wanted.
    individual: Option<Individual>,
    /// Files of those that failed, and are made whole as far as they go.
    mending: JoinSet<MediaFile>,
    /// How many failed.
    lost: usize,
    /// How the picture is arranged, until nobody tells any more.
    layout: Option<watch::Receiver<Vec<Placed>>>,
    /// Whether something was noted that is not on the disk.
    unwritten: bool,
    rest_until: Instant,
    durable: Durable,
    /// Whether its end is noted on the disk.
    ended: bool,
    /// Whether it was deleted after that.
    deleted: bool,
}

impl Take {
    /// Runs until the file is finalised, or lost; `listed` is told when it is on the list.
    pub(super) async fn run(mut self, inbox: Inbox, report: watch::Sender<Manifest>, listed: oneshot::Sender<()>) {
        let Inbox { mut commands, lost } = inbox;
        // A list that fails costs no recording: it is made good at the next write, or start.
        self.write().await;
        let _ = listed.send(());
        let mut layouts = stamped(self.layout.take());
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let ending = loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Happened { moment, happening }) => self.note(moment, happening),
                    Some(Command::Feed(feed)) => {
                        let taken = self.individual.as_ref().is_none_or(|files| files.feed(feed));
                        self.count_lost(u64::from(!taken));
                    }
                    Some(Command::Pause { moment, done }) => self.pause(moment, done, &report).await,
                    Some(Command::Resume { moment, done }) => self.resume(moment, done, &report).await,
                    Some(Command::Stop(reason)) => break self.finish().await.map(|flaw| reason.or(flaw)),
                    None => break self.finish().await,
                },
                Some((moment, tiles)) = layouts.recv() => self.note(moment, Happening::Layout { tiles }),
                reason = failed(&mut self.mixdown) => break Err(reason),
                report = reported(&mut self.individual) => match report {
                    Some(Report::File(file)) => self.note_file(file).await,
                    Some(Report::Lost(file)) => self.lose(file).await,
                    // The mix is there, and whoever comes may have better luck.
                    Some(Report::Failed(_)) if self.mixdown.is_some() => {}
                    Some(Report::Failed(reason)) => break Err(reason),
                    None => {
                        let reason = "the thread of the individual files ended by itself: see the log".to_owned();
                        self.individual = None;
                        if self.mixdown.is_none() {
                            break Err(reason);
                        }
                        self.manifest.error = Some(reason);
                    }
                },
                Some(Ok(file)) = self.mending.join_next(), if !self.mending.is_empty() => self.note_file(file).await,
                _ = look.tick() => {
                    self.count_lost(lost.swap(0, Ordering::Relaxed));
                    self.write_notes().await;
                    self.durable.turn(&self.manifest, self.catalogue.folder());
                    if let Some(free) = self.is_exhausted().await {
                        let reason = format!("it was ended because only {} MB were free", megabytes(free));
                        break self.finish().await.map(|_| Some(reason));
                    }
                },
            }
        };
        self.count_lost(lost.swap(0, Ordering::Relaxed));
        if ending.is_err() {
            // All files are repaired then, which is not to happen twice at once.
            self.mending.shutdown().await;
        }
        self.close(ending, &report).await;
    }

    /// How much is left, if that is too little to go on.
    async fn is_exhausted(&mut self) -> Option<u64> {
        let (limits, folder) = (self.limits, self.catalogue.folder().to_owned());
        match tokio::task::spawn_blocking(move || limits.look(&folder)).await {
            Ok(Ok(Space::Exhausted(free))) => return Some(free),
            Ok(Ok(Space::Low(free) | Space::Scarce(free))) => {
                if !std::mem::replace(&mut self.is_low, true) {
                    warn_of_space(free, self.catalogue.folder());
                }
            }
            Ok(Ok(Space::Enough)) => self.is_low = false,
            Ok(Err(error)) => tracing::warn!(%error, "nobody knows how much space is left"),
            Err(_) => {}
        }
        None
    }

    /// A file has begun or ended. It is noted at once, so that a later server knows of it.
    async fn note_file(&mut self, file: MediaFile) {
        self.put(file);
        self.write().await;
    }

    /// A file failed. The recording goes on, and what was written of the file is made whole.
    async fn lose(&mut self, file: MediaFile) {
        self.lost += 1;
        self.note_file(file.clone()).await;
        let mut alone = self.manifest.brief();
        alone.files = vec![file.clone()];
        let (folder, kept) = (self.catalogue.folder().to_owned(), self.catalogue.kept());
        self.mending.spawn(async move {
            let (files, failure) = repair(&alone, &folder, kept).await;
            if let Some(error) = failure.map(|failure| failure.reason) {
                tracing::warn!(recording = %alone.id, error, "a file stays as it is: it plays up to where it was cut off");
            }
            files.into_iter().next().unwrap_or(file)
        });
    }

    fn put(&mut self, file: MediaFile) {
        match self.manifest.file_mut(&file.name) {
            Some(known) => *known = file,
            None => self.manifest.files.push(file),
        }
    }

    /// Ends all files, waits until they are whole, and says which are not, if any is.
    async fn finish(&mut self) -> Result<Option<String>, String> {
        self.span().pause(Pipeline::running_time().nseconds());
        if let Some(individual) = &self.individual {
            individual.stop();
        }
        let mixed = async {
            match &mut self.mixdown {
                Some(mixdown) => mixdown.finish().await,
                None => Ok(()),
            }
        };
        let (mut ended, mut lost) = (Vec::new(), Vec::new());
        let individual = async {
            while let Some(individual) = &mut self.individual {
                match individual.report().await {
                    Some(Report::File(file)) => ended.push(file),
                    Some(Report::Lost(file)) => lost.push(file),
                    Some(Report::Failed(_)) => {}
                    None => break,
                }
            }
        };
        let (mixed, individual) = tokio::join!(mixed, tokio::time::timeout(ENDED_WITHIN, individual));
        ended.into_iter().for_each(|file| self.put(file));
        for file in lost {
            self.lose(file).await;
        }
        mixed?;
        individual.map_err(|_| format!("its files did not end within {ENDED_WITHIN:?}: is the disk slow?"))?;
        while let Some(mended) = self.mending.join_next().await {
            mended.into_iter().for_each(|file| self.put(file));
        }
        let reason = self.flaw();
        match reason {
            Some(reason) if self.mixdown.is_none() && self.lost == self.manifest.files.len() => Err(reason),
            reason => Ok(reason),
        }
    }

    /// What is not as it should be in a recording whose other files are good.
    fn flaw(&self) -> Option<String> {
        if let Some(error) = &self.manifest.error {
            return Some(error.clone());
        }
        let mut flawed = self.manifest.files.iter().filter_map(|file| Some((file, file.error.as_ref()?)));
        let (file, reason) = flawed.next()?;
        let more = flawed.count();
        let others = if more == 0 { String::new() } else { format!(", and {more} others are not either") };
        Some(format!("{} is not whole: {reason}{others}", file.name.as_str()))
    }
}

/// Resolves when the mix's file ends by itself.
async fn failed(mixdown: &mut Option<Mixdown>) -> String {
    match mixdown {
        Some(mixdown) => mixdown.failed().await,
        None => std::future::pending().await,
    }
}

/// What becomes of the individual files; nothing when they have ended.
async fn reported(individual: &mut Option<Individual>) -> Option<Report> {
    match individual {
        Some(individual) => individual.report().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
