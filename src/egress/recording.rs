//! A room as files: its mix, its sound, or what everybody sends.
//!
//! Each recording has a pipeline and a task of its own, which ends with the file finalised. A file that cannot be
//! finalised, since the server was killed or the disk is full, still plays: it consists of fragments of a second.
//!
//! File names are made of identifiers only; what people typed is in the manifest beside the file.

use std::sync::Arc;
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
use crate::mix::{Encoded, Placed};

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The recording's identifier, new.
    pub id: RecordingId,
    /// What it holds, and in which file.
    pub format: Format,
    /// The room.
    pub room: RoomName,
    /// How things were when it begins, and what has happened since, in milliseconds since 1970.
    pub so_far: Vec<(u64, Happening)>,
    /// How long before now it begins, as far as was kept.
    pub pre_roll: Duration,
    /// The running time since when anything is kept of what everybody sends.
    pub kept_since: Option<gst::ClockTime>,
    /// How the picture of the mix is arranged, where it is recorded.
    pub layout: Option<watch::Receiver<Vec<Placed>>>,
    /// How much space it leaves.
    pub limits: Limits,
}

/// What the recording's task is told.
#[derive(Debug)]
pub(super) enum Command {
    Happened(Happening),
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

/// A running recording. Dropping it stops it as well, but then nobody knows when the file is whole.
#[derive(Debug)]
pub struct Recording {
    id: RecordingId,
    began: Option<gst::ClockTime>,
    commands: mpsc::UnboundedSender<Command>,
    manifest: watch::Receiver<Manifest>,
}

impl Recording {
    /// Begins to record what is `encoded` of a mix, the leading stream first, and what it is [fed](Self::feed), into new
    /// files in the catalogue's folder. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When there is too little space, the file cannot be made or the pipeline does not play.
    pub async fn start(
        spec: Spec,
        catalogue: &Arc<Catalogue>,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
    ) -> Result<Self, OutputError> {
        let id = spec.id.clone();
        let (catalogue, descriptions) = (Arc::clone(catalogue), descriptions.clone());
        // Files and state changes block.
        let begun = tokio::task::spawn_blocking(move || Take::begin(spec, catalogue, &descriptions, encoded));
        let take = begun.await.map_err(|_| OutputError::Graph { step: "starting a recording" })??;
        // Puts it on the list. A list that fails costs no recording: it is made good at the next write, or start.
        take.write().await;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (sender, manifest) = watch::channel(take.manifest.brief());
        let began = take.past();
        tokio::spawn(take.run(inbox, sender));
        Ok(Self { id, began, commands, manifest })
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &RecordingId {
        &self.id
    }

    /// The running time of its beginning, if that was before it was asked for.
    #[must_use]
    pub fn began(&self) -> Option<gst::ClockTime> {
        self.began
    }

    /// What is known about it. It changes when the recording is held, goes on, or ends, by itself or not.
    #[must_use]
    pub fn manifest(&self) -> watch::Receiver<Manifest> {
        self.manifest.clone()
    }

    /// Notes that something happened just now.
    pub fn happened(&self, happening: Happening) {
        // After the end there is nothing to note.
        let _ = self.commands.send(Command::Happened(happening));
    }

    /// Takes in a track of somebody, if it records individual ones, until the track is muted, unpublished or replaced.
    pub fn feed(&self, feed: Feed) {
        let _ = self.commands.send(Command::Feed(feed));
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
    pub async fn stop(self) -> Manifest {
        self.end(None).await
    }

    /// Ends it for a `reason` that its owner has to know, as [`stop`](Self::stop) does.
    pub async fn stop_because(self, reason: String) -> Manifest {
        self.end(Some(reason)).await
    }

    async fn end(mut self, reason: Option<String>) -> Manifest {
        let _ = self.commands.send(Command::Stop(reason));
        // An error means that the task has ended, and the last manifest is the final one.
        let _ = self.manifest.wait_for(|manifest| !manifest.state.is_running()).await;
        self.manifest.borrow().clone()
    }
}
