//! A room: one task owns its pipeline and all its participants.
//!
//! A [`Command`] goes in through a [`RoomHandle`], an [`Event`] comes out to each participant's session. Nobody else
//! touches room state; GStreamer's callbacks send events to the task.
//!
//! What is decided stands in pure files: `slots` (which slot carries which track), `speakers` (who speaks), `view` (who
//! looks at what, and how large), `mixes` (what the mixes are). The task, `actor`, is spread over files by what it does: `presence` (who is here),
//! `endpoints` (peer connections), `tracks` (what is published), `stage` (who gets what), `moderation`, `chat`, `mixing`, `directing`
//! (how mixes change), `keeping` (what has been), `recordings`, `starting`, `outputs`, `snapshots`, `watching`
//! (who sees a mix from outside), `measuring` (what is counted).

mod actor;
mod broadcast;
mod chat;
mod command;
mod demand;
mod directing;
mod endpoints;
mod error;
mod event;
mod held;
mod keeping;
mod measuring;
mod minutes;
mod mixes;
mod mixing;
mod model;
mod moderation;
mod outputs;
mod participant;
mod presence;
mod publication;
mod recordings;
mod registry;
mod slots;
mod snapshots;
mod speakers;
mod stage;
mod starting;
mod tracks;
mod view;
mod viewers;
mod watching;

use bytes::Bytes;
use gstreamer as gst;
use tokio::sync::{mpsc, oneshot};

use crate::egress::format::Choice;
use crate::egress::manifest::Manifest;
use crate::egress::outputs::Status;
use crate::id::{MixName, OutputId, RecordingId, RoomName, ViewerId};
use crate::webrtc::sdp::Fragment;

pub use chat::MAX_CHARACTERS as MAX_CHAT_CHARACTERS;
pub use command::{Command, Done, Moderation, Newcomer, Reply, Request, Tracks, Wanted};
pub use error::{JoinError, MixesError, OutputError, RecordingError, RequestError, SnapshotError, WatchError};
pub use event::{Event, Removal};
pub use mixes::{Change as MixChange, Described as DescribedMix, Pick};
pub use model::{
    Connection, Height, Look, Member, Message, Quality, Role, Running, Settings, Snapshot, Source, Track, TrackId,
    Waiter,
};
pub use outputs::Wanted as WantedOutput;
pub use participant::MAX_ENDPOINTS;
pub use registry::{Registry, RoomContext};
pub use snapshots::Wanted as WantedSnapshot;
pub use viewers::{Watch, Watching};

/// How many commands wait for a room before those who send them wait.
const COMMANDS: usize = 256;

/// How many events may wait for a session; a session that is slower than that is dropped.
pub const EVENTS: usize = 1024;

/// A way to reach a room; cheap to clone.
#[derive(Debug, Clone)]
pub struct RoomHandle {
    name: RoomName,
    commands: mpsc::Sender<Command>,
}

impl RoomHandle {
    /// The name of the room.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// Sends a command; waits while the room is busy. What comes after the room has ended is dropped.
    pub async fn send(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Takes out whoever has the secret `resume`. False if nobody has it.
    pub async fn depart(&self, resume: String) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Depart { resume, reply }).await;
        answer.await.unwrap_or(false)
    }

    /// Starts a recording of the room's mix.
    ///
    /// # Errors
    /// When one of the format runs already, or mixing or writing cannot start.
    pub async fn start_recording(&self, choice: Choice) -> Result<Manifest, RecordingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::StartRecording { choice, reply }).await;
        answer.await.unwrap_or_else(|_| Err(RecordingError::NoRoom(self.name.to_string())))
    }

    /// Whether a recording runs here, or is about to, or to end.
    async fn records(&self, id: &RecordingId) -> bool {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Records { id: id.clone(), reply }).await;
        answer.await.unwrap_or(false)
    }

    /// Holds a recording, or lets it go on.
    ///
    /// # Errors
    /// When it does not run in this room.
    pub async fn pause_recording(&self, id: &RecordingId, paused: bool) -> Result<Manifest, RecordingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::PauseRecording { id: id.clone(), paused, reply }).await;
        answer.await.unwrap_or_else(|_| Err(RecordingError::NotRunning(id.clone())))
    }

    /// Stops a recording and waits until its file is finalised.
    ///
    /// # Errors
    /// When it does not run in this room, or its file could not be finalised.
    pub async fn stop_recording(&self, id: &RecordingId) -> Result<Manifest, RecordingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::StopRecording { id: id.clone(), reply }).await;
        answer.await.unwrap_or_else(|_| Err(RecordingError::NotRunning(id.clone())))
    }

    /// Starts an output of a mix of the room.
    ///
    /// # Errors
    /// When there are too many, the mix is served already, or mixing cannot start.
    pub async fn start_output(&self, wanted: WantedOutput) -> Result<Status, OutputError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::StartOutput { wanted, reply }).await;
        answer.await.unwrap_or_else(|_| Err(OutputError::NoRoom(self.name.to_string())))
    }

    /// Lets somebody watch a mix who is not in the room.
    ///
    /// # Errors
    /// When the offer cannot be used, there are too many, or mixing cannot start.
    pub async fn watch(&self, mix: MixName, offer: String) -> Result<Watching, WatchError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Watch(Watch::Begin { mix, offer, reply })).await;
        answer.await.unwrap_or_else(|_| Err(WatchError::NoRoom(self.name.to_string())))
    }

    /// Takes further candidates of somebody who watches.
    ///
    /// # Errors
    /// When there is no such viewer, or they are not for its connection.
    pub async fn trickle(&self, viewer: ViewerId, fragment: Fragment) -> Result<(), WatchError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Watch(Watch::Trickle { viewer, fragment, reply })).await;
        answer.await.unwrap_or(Err(WatchError::Unknown))
    }

    /// Ends somebody's watching.
    ///
    /// # Errors
    /// When there is no such viewer.
    pub async fn stop_watching(&self, viewer: ViewerId) -> Result<(), WatchError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Watch(Watch::End { viewer, reply })).await;
        answer.await.unwrap_or(Err(WatchError::Unknown))
    }

    /// How the room's outputs fare.
    pub async fn outputs(&self) -> Vec<Status> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Outputs { reply }).await;
        answer.await.unwrap_or_default()
    }

    /// A picture of a mix of the room, as JPEG.
    ///
    /// # Errors
    /// When there is no such mix, or it gives no picture in time.
    pub async fn snapshot(&self, wanted: WantedSnapshot) -> Result<Bytes, SnapshotError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Snapshot { wanted, reply }).await;
        answer.await.unwrap_or_else(|_| Err(SnapshotError::NoRoom(self.name.to_string())))
    }

    /// Stops an output and waits until it has ended.
    ///
    /// # Errors
    /// When there is none of that identifier in this room.
    pub async fn stop_output(&self, id: &OutputId) -> Result<Status, OutputError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::StopOutput { id: id.clone(), reply }).await;
        answer.await.unwrap_or_else(|_| Err(OutputError::Unknown(id.clone())))
    }

    /// What the room's mixes are.
    pub async fn mixes(&self) -> Vec<DescribedMix> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Mixes { reply }).await;
        answer.await.unwrap_or_default()
    }

    /// Makes a mix, which runs once something takes it.
    ///
    /// # Errors
    /// When the name is taken, or there can be no such mix.
    pub async fn make_mix(&self, name: MixName, change: MixChange) -> Result<DescribedMix, MixesError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::MakeMix { name, change, reply }).await;
        answer.await.unwrap_or_else(|_| Err(MixesError::NoRoom(self.name.to_string())))
    }

    /// Changes a mix, at once if it runs.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot become that.
    pub async fn change_mix(&self, name: MixName, change: MixChange) -> Result<DescribedMix, MixesError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::ChangeMix { name, change, reply }).await;
        answer.await.unwrap_or_else(|_| Err(MixesError::NoRoom(self.name.to_string())))
    }

    /// The room's pipeline and those of its mixes, to be looked at only; none once it has ended.
    pub async fn pipelines(&self) -> Vec<gst::Pipeline> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Pipelines { reply }).await;
        answer.await.unwrap_or_default()
    }

    /// Forgets a mix.
    ///
    /// # Errors
    /// When there is none of that name, or something takes it.
    pub async fn forget_mix(&self, name: MixName) -> Result<(), MixesError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::ForgetMix { name, reply }).await;
        answer.await.unwrap_or_else(|_| Err(MixesError::NoRoom(self.name.to_string())))
    }
}
