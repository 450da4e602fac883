//! What everybody sends, in files of their own: nothing is decoded, and nothing is missing.
//!
//! Everybody's camera and microphone are a file, from the first of them until the person goes; a shared screen and its
//! sound are another. All are on one clock, that of the recording: a file says where it begins on it.
//!
//! One thread per recording owns the files, since building and ending them blocks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use gstreamer as gst;
use tokio::sync::mpsc;

mod intake;
mod reel;
pub(super) mod span;
mod strand;
mod tile;
mod track;

use self::reel::{Progress, Reel};
use self::span::Span;
use self::track::lock;
use super::OutputError;
use super::file::{FileName, MediaFile};
use super::format::{Content, Format};
use crate::id::{ParticipantId, RecordingId};
use crate::media::description::Descriptions;
use crate::media::link::Outlet;
use crate::media::pipeline::Pipeline;
use crate::media::{Codec, Kind};
use crate::mix::Encoding;

/// How often it looks what is missing.
const TICK: Duration = Duration::from_millis(100);
/// How long a stop waits for packets that are on their way.
const CATCH_UP: Duration = Duration::from_millis(400);
/// How long files that are given up may take to end.
const ABANDON: Duration = Duration::from_secs(10);
/// How many commands may wait. Each is an act of a person: so many wait only where the thread hangs.
const COMMANDS: usize = 1024;
/// How many reports may wait; each is about a file.
const REPORTS: usize = 1024;
/// How long somebody whose file failed waits for another.
const REST: Duration = Duration::from_secs(2);
/// How many files of somebody may fail, before they get no other.
const TRIES: usize = 3;

/// A track that somebody sends.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Who.
    pub participant: ParticipantId,
    /// Their name.
    pub name: String,
    /// Whether it is of a shared screen.
    pub shared: bool,
    /// Its codec.
    pub codec: Codec,
    /// Where it leaves, as RTP.
    pub outlet: Outlet,
    /// The running time since when it is wanted, as far as it was kept; if not from now on.
    pub since: Option<gst::ClockTime>,
}

impl Feed {
    fn is_of(&self, participant: &ParticipantId, shared: bool) -> bool {
        self.participant == *participant && self.shared == shared
    }
}

#[derive(Debug)]
enum Command {
    Feed(Feed),
    Starve {
        participant: ParticipantId,
        shared: bool,
        kind: Kind,
    },
    Left(ParticipantId),
    /// To look at what is wanted at once.
    Look,
}

/// What is wanted of the thread and must not be lost.
#[derive(Debug, Default)]
struct Wanted {
    /// What comes next does not follow what came last.
    cut: AtomicBool,
    stop: AtomicBool,
}

/// What becomes of the files.
#[derive(Debug)]
pub(super) enum Report {
    /// One has begun, or ended.
    File(MediaFile),
    /// One failed, and nobody writes it any more.
    Lost(MediaFile),
    /// None is written any more.
    Failed(String),
}

/// The files of those who send. Dropping it ends them, but then nobody knows when they are whole.
#[derive(Debug)]
pub(super) struct Individual {
    commands: std_mpsc::SyncSender<Command>,
    wanted: Arc<Wanted>,
    reports: mpsc::Receiver<Report>,
}

impl Individual {
    /// Begins to record what is in `span`, with `feeds`, and says in which files those will be. Must be called within a
    /// Tokio runtime.
    pub(super) fn start(
        folder: PathBuf,
        id: RecordingId,
        format: Format,
        descriptions: Descriptions,
        span: Arc<Mutex<Span>>,
        feeds: Vec<Feed>,
    ) -> Result<(Self, Vec<MediaFile>), OutputError> {
        let (commands, inbox) = std_mpsc::sync_channel(COMMANDS);
        let (sender, reports) = mpsc::channel(REPORTS);
        let wanted = Arc::new(Wanted::default());
        let mut files = Files {
            folder,
            id,
            format,
            descriptions,
            span,
            reels: Vec::new(),
            made: 0,
            again: Vec::new(),
            lost: Vec::new(),
            claimed: Vec::new(),
            reports: sender,
        };
        let claimed = files.claim(&feeds)?;
        let runtime = tokio::runtime::Handle::current();
        let looks = Arc::clone(&wanted);
        let work = move || {
            // For the tasks that drain the pipelines' buses.
            let _context = runtime.enter();
            feeds.into_iter().for_each(|feed| files.feed(feed));
            files.run(&inbox, &looks);
        };
        let thread = std::thread::Builder::new().name("individual".into()).spawn(work);
        thread.map_err(|_| OutputError::Graph { step: "starting a thread" })?;
        Ok((Self { commands, wanted, reports }, claimed))
    }

    /// Takes in a track, in the place of the one that came before. False if that is lost, as with those below.
    pub(super) fn feed(&self, feed: Feed) -> bool {
        self.send(Command::Feed(feed))
    }

    /// A track sends nothing until it is fed again.
    pub(super) fn starve(&self, participant: ParticipantId, shared: bool, kind: Kind) -> bool {
        self.send(Command::Starve { participant, shared, kind })
    }

    /// Somebody has gone.
    pub(super) fn left(&self, participant: ParticipantId) -> bool {
        self.send(Command::Left(participant))
    }

    /// A pause is over: what comes next does not follow what came last.
    pub(super) fn cut(&self) {
        self.wanted.cut.store(true, Ordering::Release);
        self.send(Command::Look);
    }

    /// Lets all files end, since its span has; [`Individual::report`] gives nothing once they have.
    pub(super) fn stop(&self) {
        self.wanted.stop.store(true, Ordering::Release);
        self.send(Command::Look);
    }

    /// Ends all files without a word, and waits until nobody writes them any more.
    pub(super) async fn abandon(self) {
        let Self { commands, mut reports, .. } = self;
        drop(commands);
        let ended = async { while reports.recv().await.is_some() {} };
        if tokio::time::timeout(ABANDON, ended).await.is_err() {
            tracing::error!("individual files were not let go within {ABANDON:?}: what is known of them may be wrong");
        }
    }

    /// What becomes of the files; nothing when there will be no more.
    pub(super) async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }

    fn send(&self, command: Command) -> bool {
        // Of a thread that has ended the reports tell.
        !matches!(self.commands.try_send(command), Err(std_mpsc::TrySendError::Full(_)))
    }
}

/// Makes a file that the sink opens again: a recording never overwrites anything.
fn make(path: &Path) -> Result<(), OutputError> {
    std::fs::File::create_new(path).map(drop).map_err(OutputError::file(path))
}

/// What the thread owns.
struct Files {
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
    /// Runs until it is stopped and all files have ended, or nobody wants them any more.
    fn run(mut self, commands: &std_mpsc::Receiver<Command>, wanted: &Wanted) {
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
    fn feed(&mut self, feed: Feed) {
        if !self.takes(&feed) {
            return;
        }
        let of = |reel: &Reel| reel.is_open() && feed.is_of(&reel.participant, reel.shared);
        let reel = match self.reels.iter().position(of) {
            Some(index) => &mut self.reels[index],
            None => match self.open(&feed) {
                Ok(reel) => {
                    self.report(Report::File(reel.file()));
                    self.reels.push_mut(reel)
                }
                Err(file) => {
                    self.report(Report::Lost(file));
                    return self.rest([feed]);
                }
            },
        };
        if let Err(error) = reel.feed(&feed) {
            tracing::error!(participant = %feed.participant, %error, "a track is missing in its file");
            reel.note(error.to_string());
            self.rest([feed]);
        }
    }

    /// Begins a file for what `feed` is of, or says how it failed.
    fn open(&mut self, feed: &Feed) -> Result<Reel, MediaFile> {
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
            MediaFile { error: Some(error.to_string()), ..file }
        })
    }

    /// Makes the files for what is sent already, so that their names are known: they begin with the recording.
    fn claim(&mut self, feeds: &[Feed]) -> Result<Vec<MediaFile>, OutputError> {
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
