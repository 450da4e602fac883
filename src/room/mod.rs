//! A room: one task owns its pipeline and all its participants.
//!
//! This file is a room's whole public surface: a [`Command`] goes in through a [`RoomHandle`], an [`Event`] comes out to
//! each participant's session. Nobody else touches room state; GStreamer's callbacks send events to the task.

mod actor;
mod endpoints;
mod participant;
mod publication;
mod recordings;
mod registry;

use tokio::sync::{mpsc, oneshot};

use crate::egress::manifest::Manifest;
use crate::id::{ParticipantId, ParticipantName, RecordingId, RoomName};
use crate::webrtc::LocalCandidate;

pub use registry::{Registry, RoomContext};

/// How many commands wait for a room before those who send them wait.
const COMMANDS: usize = 256;

/// How many events may wait for a session; a session that is slower than that is dropped.
pub const EVENTS: usize = 1024;

/// Who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The participant.
    pub id: ParticipantId,
    /// The name that it goes by.
    pub name: ParticipantName,
}

/// A recording that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The recording.
    pub id: RecordingId,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
}

/// What one may ask of a room.
#[derive(Debug)]
pub enum Command {
    /// Come in. The first event is then [`Event::Joined`].
    Join {
        /// The name to go by.
        name: ParticipantName,
        /// Where events go.
        events: mpsc::Sender<Event>,
        /// The identifier given, or why not.
        reply: oneshot::Sender<Result<ParticipantId, JoinError>>,
    },
    /// Go out, with everything that one brought.
    Leave(ParticipantId),
    /// Offer to send to the room.
    Publish {
        /// Who offers.
        participant: ParticipantId,
        /// The offer, as the client wrote it.
        offer: String,
    },
    /// Offer to receive another participant.
    Subscribe {
        /// Who offers.
        participant: ParticipantId,
        /// Whom it wants to receive.
        sender: ParticipantId,
        /// The offer, as the client wrote it.
        offer: String,
    },
    /// A remote candidate of the endpoint by which `participant` receives `sender`, or publishes if both are the same.
    Candidate {
        /// Whose candidate it is.
        participant: ParticipantId,
        /// Which of its endpoints is meant.
        sender: ParticipantId,
        /// The candidate, as the client wrote it; empty for the end of candidates.
        candidate: String,
    },
    /// Record the mix of the room.
    StartRecording(oneshot::Sender<Result<Manifest, RecordingError>>),
    /// End a recording and finalise its file.
    StopRecording {
        /// Which.
        id: RecordingId,
        /// What became of it.
        reply: oneshot::Sender<Result<Manifest, RecordingError>>,
    },
    /// Send everybody away and finalise what is being recorded.
    Close,
}

/// What a room tells a participant.
#[derive(Debug, Clone)]
pub enum Event {
    /// You are in; these were there before. Always the first event.
    Joined {
        /// Your identifier.
        id: ParticipantId,
        /// Everybody who was there before.
        others: Vec<Member>,
        /// The recording that runs, if any.
        recording: Option<Running>,
    },
    /// Somebody came.
    ParticipantJoined(Member),
    /// Somebody went.
    ParticipantLeft(ParticipantId),
    /// The answer to the offer for `sender` (yourself for what you publish).
    Answer {
        /// Which of your endpoints is meant.
        sender: ParticipantId,
        /// The answer.
        sdp: String,
    },
    /// A candidate of the server.
    Candidate {
        /// Which of your endpoints is meant.
        sender: ParticipantId,
        /// The candidate.
        candidate: LocalCandidate,
    },
    /// From now on the room is recorded.
    RecordingStarted(Running),
    /// The recording is over.
    RecordingStopped(Manifest),
    /// Something of yours failed; the rest goes on.
    Error {
        /// A stable word for programs.
        code: &'static str,
        /// A sentence for people.
        message: String,
        /// Which of your endpoints is meant, if one is.
        sender: Option<ParticipantId>,
    },
    /// You are out: this is the last event.
    Removed {
        /// Why, for people.
        reason: String,
    },
}

/// Why one cannot come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There are as many as allowed.
    #[error("the room has {0} participants and no place for more: try again when somebody has left")]
    Full(usize),
    /// There are as many rooms as allowed.
    #[error("the server has {0} rooms and no place for more: try again later")]
    TooManyRooms(usize),
    /// The room ended or the server stops.
    #[error("the room is closing: try again")]
    Closing,
    /// The pipeline could not start.
    #[error("the room could not be opened: {0}")]
    Media(String),
}

/// Why a recording did not start or stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// One runs already.
    #[error("the room is being recorded already, as {0}: stop that recording first")]
    Already(RecordingId),
    /// No such recording runs.
    #[error("no recording {0} is running: see GET /api/v1/recordings")]
    NotRunning(RecordingId),
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// Mixing or writing could not start, or failed.
    #[error("the recording failed: {0}")]
    Media(String),
}

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

    /// Starts a recording of the room's mix.
    ///
    /// # Errors
    /// When one runs already, or mixing or writing cannot start.
    pub async fn start_recording(&self) -> Result<Manifest, RecordingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::StartRecording(reply)).await;
        answer.await.unwrap_or_else(|_| Err(RecordingError::NoRoom(self.name.to_string())))
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
}
