//! What everybody sends, in files of their own: nothing is decoded, and nothing is missing.
//!
//! Everybody's camera and microphone are a file, from the first of them until the person goes; a shared screen and its
//! sound are another. All are on one clock, that of the recording: a file says where it begins on it.
//!
//! One thread per recording owns the files, since building and ending them blocks.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::time::Duration;

use gstreamer as gst;
use tokio::sync::mpsc;

mod files;
mod intake;
mod reel;
pub(super) mod span;
mod strand;
mod tile;
mod track;

#[cfg(test)]
mod torn_tests;

use self::files::Files;
use self::span::Span;
use super::OutputError;
use super::file::MediaFile;
use super::format::Format;
use crate::id::{ParticipantId, RecordingId};
use crate::media::description::Descriptions;
use crate::media::link::Outlet;
use crate::media::{Codec, Kind};

/// How long files that are given up may take to end.
const ABANDON: Duration = Duration::from_secs(10);
/// How many commands may wait. Each is an act of a person: so many wait only where the thread hangs.
const COMMANDS: usize = 1024;
/// How many reports may wait; each is about a file.
const REPORTS: usize = 1024;

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
        let mut files = Files::new(folder, id, format, descriptions, span, sender);
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
