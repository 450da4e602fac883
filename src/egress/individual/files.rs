//! The thread that owns the files of a recording: who has which, and what is done when one fails.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::reel::{self, Progress, Reel};
use super::span::Span;
use super::track::lock;
use super::{Command, Feed, Report, Wanted};
use crate::egress::OutputError;
use crate::egress::file::{FileName, MediaFile};
use crate::egress::format::{Content, Format};
use crate::id::{ParticipantId, RecordingId};
use crate::media::Kind;
use crate::media::description::Descriptions;
use crate::media::pipeline::Pipeline;
use crate::mix::Encoding;

/// How often it looks what is missing.
const TICK: Duration = Duration::from_millis(100);
/// How long a stop waits for packets that are on their way.
const CATCH_UP: Duration = Duration::from_millis(400);
/// How long somebody whose file failed waits for another.
const REST: Duration = Duration::from_secs(2);
/// How many files of somebody may fail, before they get no other.
const TRIES: usize = 3;

/// Makes a file that the sink opens again: a recording never overwrites anything.
fn make(path: &Path) -> Result<(), OutputError> {
    std::fs::File::create_new(path).map(drop).map_err(OutputError::file(path))
}

/// What the thread owns.
pub(super) struct Files {
    folder: PathBuf,
    id: RecordingId,
    format: Format,
    descriptions: Descriptions,
    span: Arc<Mutex<Span>>,
    reels: Vec<Reel>,
    made: usize,
    /// What waits for another file, since the one in which it was failed.
    again: Vec<(Instant, Feed)>,
    /// Whose files failed.
    lost: Vec<(ParticipantId, bool)>,
    /// Files that are there for whom they were made for.
    claimed: Vec<(ParticipantId, bool, MediaFile)>,
    reports: mpsc::Sender<Report>,
}

impl Files {
    pub(super) fn new(
        folder: PathBuf,
        id: RecordingId,
        format: Format,
        descriptions: Descriptions,
        span: Arc<Mutex<Span>>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let (reels, again, lost, claimed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { folder, id, format, descriptions, span, reels, made: 0, again, lost, claimed, reports }
    }

    /// Runs until it is stopped and all files have ended, or nobody wants them any more.
    pub(super) fn run(mut self, commands: &std_mpsc::Receiver<Command>, wanted: &Wanted) {
        let mut next = Instant::now() + TICK;
        let mut closing: Option<Instant> = None;
        loop {
            match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(command) => self.obey(command),
                Err(std_mpsc::RecvTimeoutError::Timeout) => {}
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return self.reels.into_iter().for_each(Reel::abandon),
            }
            if wanted.cut.swap(false, Ordering::Acquire) {
                self.reels.iter().for_each(Reel::resume);
            }
            if closing.is_none() && wanted.stop.load(Ordering::Acquire) {
                self.again.clear();
                closing = Some(Instant::now() + CATCH_UP);
            }
            if Instant::now() < next {
                continue;
            }
            next = Instant::now() + TICK;
            if closing.is_some_and(|moment| Instant::now() >= moment) {
                let end = self.so_far();
                self.reels.iter_mut().for_each(|reel| reel.finish(end));
            }
            self.try_again();
            if let Some(reason) = self.tick()
                && closing.is_none()
                && self.reels.is_empty()
                && self.again.is_empty()
            {
                self.report(Report::Failed(reason));
            }
            if closing.is_some_and(|moment| Instant::now() >= moment) && self.reels.is_empty() {
                return;
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Pipeline::running_time().nseconds();
        match command {
            Command::Feed(feed) => self.feed(feed),
            Command::Starve { participant, shared, kind } => {
                let end = self.so_far();
                self.again.retain(|(_, feed)| !(feed.is_of(&participant, shared) && feed.codec.kind() == kind));
                let of = |reel: &&mut Reel| reel.is_open() && reel.participant == participant && reel.shared == shared;
                if let Some(reel) = self.reels.iter_mut().find(of)
                    && reel.starve(kind, now)
                    && shared
                {
                    reel.finish(end);
                }
            }
            Command::Left(participant) => {
                let end = self.so_far();
                self.again.retain(|(_, feed)| feed.participant != participant);
                self.reels.iter_mut().filter(|reel| reel.participant == participant).for_each(|reel| reel.finish(end));
            }
            Command::Look => {}
        }
    }

    /// Takes in a track. Where that fails, the others go on.
    pub(super) fn feed(&mut self, feed: Feed) {
        if !self.takes(&feed) {
            return;
        }
        let of = |reel: &Reel| reel.is_open() && feed.is_of(&reel.participant, reel.shared);
        let index = match self.reels.iter().position(of) {
            Some(index) => index,
            None => match self.open(&feed) {
                Ok(reel) => {
                    self.report(Report::File(reel.file()));
                    self.reels.push(reel);
                    self.reels.len() - 1
                }
                Err(file) => {
                    self.report(Report::Lost(*file));
                    return self.rest([feed]);
                }
            },
        };
        let reel = &mut self.reels[index];
        if let Err(error) = reel.feed(&feed) {
            tracing::error!(participant = %feed.participant, %error, "a track is missing in its file");
            reel.note(error.to_string());
            self.rest([feed]);
        }
    }

    /// Begins a file for what `feed` is of, or says how it failed.
    fn open(&mut self, feed: &Feed) -> Result<Reel, Box<MediaFile>> {
        let claimed = self.claimed.iter().position(|(participant, shared, _)| feed.is_of(participant, *shared));
        let (file, start, is_there) = match claimed {
            Some(index) => (self.claimed.swap_remove(index).2, 0, Ok(())),
            None => {
                // A track among others begins with them.
                let start = if self.is_sound_only() { 0 } else { self.so_far() };
                let file = self.next_file(feed, start);
                let made = make(&file.name.within(&self.folder));
                (file, start, made)
            }
        };
        let (container, place, encodings) = (self.format.container, (&self.span, start), self.encodings());
        let built = is_there.and_then(|()| {
            Reel::build(&self.folder, file.clone(), container, &encodings, place, feed, &self.descriptions)
        });
        built.map_err(|error| {
            tracing::error!(participant = %feed.participant, %error, "a file of a recording could not begin");
            Box::new(MediaFile { error: Some(error.to_string()), ..file })
        })
    }

    /// Makes the files for what is sent already, so that their names are known: they begin with the recording.
    pub(super) fn claim(&mut self, feeds: &[Feed]) -> Result<Vec<MediaFile>, OutputError> {
        let mut files: Vec<MediaFile> = Vec::new();
        for feed in feeds {
            let is_there = self.claimed.iter().any(|(participant, shared, _)| feed.is_of(participant, *shared));
            if is_there || !self.takes(feed) {
                continue;
            }
            let file = self.next_file(feed, 0);
            make(&file.name.within(&self.folder)).inspect_err(|_| {
                files.iter().for_each(|file| drop(std::fs::remove_file(file.name.within(&self.folder))));
            })?;
            self.claimed.push((feed.participant.clone(), feed.shared, file.clone()));
            files.push(file);
        }
        Ok(files)
    }

    fn next_file(&mut self, feed: &Feed, start: u64) -> MediaFile {
        self.made += 1;
        let extension = self.format.extension(!self.is_sound_only() && self.format.video_codec.is_some());
        reel::file(FileName::numbered(&self.id, self.made, extension), &self.encodings(), start, feed)
    }

    fn encodings(&self) -> Vec<Encoding> {
        let video = self.format.video_codec.filter(|_| !self.is_sound_only());
        video.into_iter().chain([Encoding::Opus]).collect()
    }

    /// Whether pictures are in the mix only.
    fn is_sound_only(&self) -> bool {
        self.format.content == Content::Multitrack
    }

    fn takes(&self, feed: &Feed) -> bool {
        !self.is_sound_only() || feed.codec.kind() == Kind::Audio
    }

    /// Lets tracks wait for another file, unless too many of theirs failed.
    fn rest(&mut self, feeds: impl IntoIterator<Item = Feed>) {
        for feed in feeds {
            let failed = self.lost.iter().filter(|(participant, shared)| feed.is_of(participant, *shared)).count();
            if failed < TRIES {
                self.lost.push((feed.participant.clone(), feed.shared));
                self.again.push((Instant::now() + REST, Feed { since: None, ..feed }));
            }
        }
    }

    fn try_again(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self.again.extract_if(.., |(moment, _)| *moment <= now).collect();
        due.into_iter().for_each(|(_, feed)| self.feed(feed));
    }

    /// Looks after all files, and says why the last one failed, if one did.
    fn tick(&mut self) -> Option<String> {
        let now = Pipeline::running_time().nseconds();
        let mut failed = None;
        for mut reel in std::mem::take(&mut self.reels) {
            match reel.tick(now) {
                Progress::Goes => self.reels.push(reel),
                Progress::Ended => self.report(Report::File(reel.file())),
                Progress::Failed(reason) => {
                    tracing::error!(participant = %reel.participant, reason, "a file of a recording failed");
                    let end = self.so_far();
                    let feeds = if reel.is_open() { reel.feeds() } else { Vec::new() };
                    self.rest(feeds);
                    reel.note(reason.clone());
                    reel.finish(end);
                    self.let_go(reel);
                    failed = Some(reason);
                }
            }
        }
        failed
    }

    /// Ends a file that failed. That may have to wait for a disk, and so is done by a thread of its own.
    fn let_go(&self, reel: Reel) {
        let (file, reports) = (reel.file(), self.reports.clone());
        self.report(Report::File(file.clone()));
        let work = move || {
            reel.abandon();
            let _ = reports.blocking_send(Report::Lost(file));
        };
        if let Err(error) = std::thread::Builder::new().name("reel-end".into()).spawn(work) {
            tracing::error!(%error, "no thread to end a file of a recording: it stays as it is");
        }
    }

    fn so_far(&self) -> u64 {
        lock(&self.span).so_far(Pipeline::running_time().nseconds())
    }

    fn report(&self, report: Report) {
        // Nobody listens any more when the recording has ended by an error.
        let _ = self.reports.blocking_send(report);
    }
}
