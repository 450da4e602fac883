//! A room as files: its mix, its sound, or what everybody sends.
//!
//! Each recording has a pipeline and a task of its own, which ends with the file finalised. A file that cannot be
//! finalised, since the server was killed or the disk is full, still plays: it consists of fragments of a second.
//!
//! File names are made of identifiers only; what people typed is in the manifest beside the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use tokio::sync::{mpsc, oneshot, watch};

use super::OutputError;
use super::catalogue::Catalogue;
use super::format::Format;
use super::happening::Happening;
use super::individual::Feed;
use super::manifest::Manifest;
use super::space::Limits;
use super::take::Take;
use crate::id::{RecordingId, RoomName};
use crate::media::description::Descriptions;
use crate::media::pipeline::Pipeline;
use crate::mix::layout::Layout;
use crate::mix::{Encoded, Placed};

/// How much may wait for a recording's task. What happens in a room leaves some places to what is asked of it.
const COMMANDS: usize = 1024;
const RESERVED: usize = 256;

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The recording's identifier, new.
    pub id: RecordingId,
    /// What it holds, and in which file.
    pub format: Format,
    /// The room.
    pub room: RoomName,
    /// How things were when it begins, and what has happened since, in milliseconds of the running time.
    pub so_far: Vec<(u64, Happening)>,
    /// What everybody sends, if that is recorded.
    pub feeds: Vec<Feed>,
    /// How long before now it begins, as far as was kept.
    pub pre_roll: Duration,
    /// The running time since when anything is kept of what everybody sends.
    pub kept_since: Option<gst::ClockTime>,
    /// How the picture of the mix is arranged, where it is recorded.
    pub layout: Option<Layout>,
    /// Who is where in it, where the mix is recorded.
    pub placements: Option<watch::Receiver<Vec<Placed>>>,
    /// How much space it leaves.
    pub limits: Limits,
}

/// What the recording's task is told.
#[derive(Debug)]
pub(super) enum Command {
    Happened {
        moment: gst::ClockTime,
        happening: Happening,
    },
    Feed(Feed),
    Pause {
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
    },
    Resume {
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
    },
    /// End, of itself or for a reason.
    Stop(Option<String>),
}

/// What the recording's task is told, and how much of it was lost.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) lost: Arc<AtomicU64>,
}

/// A running recording. Dropping it stops it as well, but then nobody knows when the file is whole.
#[derive(Debug)]
pub struct Recording {
    id: RecordingId,
    commands: mpsc::Sender<Command>,
    lost: Arc<AtomicU64>,
    manifest: watch::Receiver<Manifest>,
}

/// What is left to be done for a recording to begin. Dropping it ends the recording before it does.
#[derive(Debug)]
pub struct Start {
    spec: Spec,
    inbox: Inbox,
    manifest: watch::Sender<Manifest>,
}

impl Start {
    /// Lets the manifest say how the picture of the mix is arranged.
    pub fn arrange(&mut self, layout: watch::Receiver<Vec<Placed>>) {
        self.spec.placements = Some(layout);
    }

    /// Begins to record what is `encoded` of a mix, the leading stream first, and what is sent, into new files in the
    /// catalogue's folder, and gives what is known then: the names of its files, too. Must be called within a Tokio
    /// runtime. Whoever gives this up half-way finds no recording.
    ///
    /// # Errors
    /// When there is too little space, a file cannot be made or the pipeline does not play.
    pub async fn run(
        self,
        catalogue: &Arc<Catalogue>,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
    ) -> Result<Manifest, OutputError> {
        let Self { spec, inbox, manifest } = self;
        let (catalogue, descriptions) = (Arc::clone(catalogue), descriptions.clone());
        let (say, begun) = oneshot::channel();
        // Files and state changes block.
        tokio::task::spawn_blocking(move || {
            if let Err(Ok(take)) = say.send(Take::begin(spec, catalogue, &descriptions, encoded)) {
                take.discard();
            }
        });
        let take = begun.await.map_err(|_| OutputError::Graph { step: "starting a recording" })??;
        let begun = take.manifest.brief();
        let (say, listed) = oneshot::channel();
        tokio::spawn(take.run(inbox, manifest, say));
        // Whoever is told of it finds it on the list.
        let _ = listed.await;
        Ok(begun)
    }
}

impl Recording {
    /// A recording that is yet to [start](Start::run). What it is told waits until then.
    #[must_use]
    pub fn new(spec: Spec) -> (Self, Start) {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let lost = Arc::new(AtomicU64::new(0));
        let mut known = Manifest::new(spec.id.clone(), spec.room.to_string(), spec.format);
        known.layout = spec.layout.clone();
        let (sender, manifest) = watch::channel(known);
        let recording = Self { id: spec.id.clone(), commands, lost: Arc::clone(&lost), manifest };
        (recording, Start { spec, inbox: Inbox { commands: inbox, lost }, manifest: sender })
    }

    /// Starts one.
    ///
    /// # Errors
    /// As with [`Start::run`].
    pub async fn start(
        spec: Spec,
        catalogue: &Arc<Catalogue>,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
    ) -> Result<Self, OutputError> {
        let (recording, start) = Self::new(spec);
        start.run(catalogue, descriptions, encoded).await.map(|_| recording)
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

    /// Notes that something happened just now. Where its task is far behind, that is counted only.
    pub fn happened(&self, happening: Happening) {
        let command = Command::Happened { moment: Pipeline::running_time(), happening };
        if self.commands.capacity() > RESERVED {
            self.send(command);
        } else {
            self.lose();
        }
    }

    /// Takes in a track of somebody, if it records individual ones, until the track is muted, unpublished or replaced.
    pub fn feed(&self, feed: Feed) {
        self.send(Command::Feed(feed));
    }

    fn send(&self, command: Command) {
        // After the end there is nothing to note.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(command) {
            self.lose();
        }
    }

    fn lose(&self) {
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(recording = %self.id, "a recording is so far behind that it loses what happens: is the disk slow?");
        }
    }

    /// Holds it from this moment on, or lets it go on, and gives what is known of it once that is
    /// noted: nothing if it has ended. What is so already stays so.
    pub fn pause(&self, paused: bool) -> impl Future<Output = Option<Manifest>> + Send + 'static {
        let (done, noted) = oneshot::channel();
        let moment = Pipeline::running_time();
        let command = if paused { Command::Pause { moment, done } } else { Command::Resume { moment, done } };
        // Now, before what is told later, if there is a place.
        let refused = self.commands.try_send(command).err();
        let commands = self.commands.clone();
        async move {
            if let Some(mpsc::error::TrySendError::Full(command)) = refused {
                let _ = commands.send(command).await;
            }
            drop(commands);
            noted.await.ok()
        }
    }

    /// Ends it, and returns once the file is whole, or has failed.
    pub async fn stop(self) -> Manifest {
        self.end(None).await
    }

    /// Ends it for a `reason` that its owner has to know, as [`stop`](Self::stop) does.
    pub async fn stop_because(self, reason: String) -> Manifest {
        self.end(Some(reason)).await
    }

    async fn end(mut self, reason: Option<String>) -> Manifest {
        let _ = self.commands.send(Command::Stop(reason)).await;
        // An error means that the task has ended, and the last manifest is the final one.
        let _ = self.manifest.wait_for(|manifest| !manifest.state.is_running()).await;
        self.manifest.borrow().clone()
    }
}
