//! Why a room did not do what it was asked for. Each has a stable code for programs and a sentence for people.

use std::sync::Arc;

use super::model::Source;
use crate::id::{EndpointName, MixName, OutputId, ParticipantId, RecordingId};
use crate::metrics::label::Refusal;
use crate::webrtc::EndpointError;
use crate::webrtc::sdp::{FragmentError, SdpError};

/// Why one cannot come in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There are as many as allowed.
    #[error("the room has {0} participants and no place for more: try again when somebody has left")]
    Full(usize),
    /// There are as many rooms as allowed.
    #[error("the server has {0} rooms and no place for more: try again later")]
    TooManyRooms(usize),
    /// A moderator locked it.
    #[error("the room is locked: ask somebody in it to unlock it")]
    Locked,
    /// The secret is not that of anybody who may come back.
    #[error("there is no place to come back to: it was given up, or never was; join without resume")]
    Resume,
    /// The room ended or the server stops.
    #[error("the room is closing: try again")]
    Closing,
    /// The pipeline could not start.
    #[error("the room could not be opened: {0}")]
    Media(String),
}

impl JoinError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "room_full",
            Self::TooManyRooms(_) => "too_many_rooms",
            Self::Locked => "locked",
            Self::Resume => "bad_resume",
            Self::Closing => "room_closing",
            Self::Media(_) => "internal",
        }
    }
}

impl From<&JoinError> for Refusal {
    fn from(error: &JoinError) -> Self {
        match error {
            JoinError::Full(_) => Self::Full,
            JoinError::TooManyRooms(_) => Self::TooManyRooms,
            JoinError::Locked => Self::Locked,
            JoinError::Resume => Self::Resume,
            JoinError::Closing => Self::Closing,
            JoinError::Media(_) => Self::Internal,
        }
    }
}

/// Why a [`Request`](super::Request) was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    /// One is not in the room, or not yet.
    #[error("you are not in this room: join first, and wait to be admitted where a moderator has to")]
    NotJoined,
    /// One's role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// One's token does not allow it.
    #[error("your token does not let you send your {0:?}: ask whoever gave it to you for another")]
    NotGranted(Source),
    /// There is nobody of that identifier.
    #[error("there is no participant {0} in this room: name those that were announced")]
    UnknownParticipant(ParticipantId),
    /// Nobody publishes that.
    #[error("{0} publishes no {1:?}: name tracks that were announced")]
    UnknownTrack(ParticipantId, Source),
    /// There is no endpoint of that name.
    #[error("there is no endpoint {0}: open it first")]
    UnknownEndpoint(EndpointName),
    /// The name is taken.
    #[error("there is an endpoint {0} already: each one has a name of its own, never used before")]
    EndpointExists(EndpointName),
    /// One has as many as allowed.
    #[error("you have {0} endpoints, and may not have more: close one first")]
    TooManyEndpoints(usize),
    /// The offer cannot be used.
    #[error("{0}")]
    Offer(SdpError),
    /// The offer and the list of tracks do not fit.
    #[error("{0}")]
    Tracks(String),
    /// The candidate cannot be used.
    #[error("{0}")]
    Candidate(String),
    /// Several candidates cannot be used.
    #[error("{0}")]
    Fragment(FragmentError),
    /// Something is too long, or too much, or empty.
    #[error("{0}")]
    Content(String),
    /// The endpoint failed.
    #[error("{0}")]
    Endpoint(Arc<EndpointError>),
}

impl From<EndpointError> for RequestError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(Arc::new(error))
    }
}

impl RequestError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJoined => "not_joined",
            Self::Forbidden(_) | Self::NotGranted(_) => "forbidden",
            Self::UnknownParticipant(_) => "unknown_participant",
            Self::UnknownTrack(..) => "unknown_track",
            Self::UnknownEndpoint(_) => "unknown_endpoint",
            Self::EndpointExists(_) => "endpoint_exists",
            Self::TooManyEndpoints(_) => "too_many_endpoints",
            Self::Offer(_) | Self::Tracks(_) => "bad_offer",
            Self::Candidate(_) | Self::Fragment(_) => "bad_candidate",
            Self::Content(_) => "bad_message",
            Self::Endpoint(error) => endpoint_code(error),
        }
    }
}

/// The code of an endpoint's failure.
pub(super) fn endpoint_code(error: &EndpointError) -> &'static str {
    match error {
        EndpointError::Fingerprint => "fingerprint_mismatch",
        _ => "endpoint_failed",
    }
}

/// Why a recording did not start or stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// One of the same format and layout runs already.
    #[error("the room is being recorded already in that format and mix, as {0}: stop that recording first")]
    Already(RecordingId),
    /// There is no such mix to be recorded.
    #[error(transparent)]
    Mix(#[from] MixesError),
    /// No such recording runs.
    #[error("no recording {0} is running: see GET /api/v1/recordings")]
    NotRunning(RecordingId),
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// There is no such file.
    #[error("{0}")]
    Format(String),
    /// The disk is full, or nearly so.
    #[error("{0}")]
    Space(String),
    /// A file cannot be made.
    #[error("{0}")]
    Folder(String),
    /// Mixing or writing could not start, or failed.
    #[error("the recording failed: {0}")]
    Media(String),
}

/// Why nobody watches, or not as they want.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// Nobody of that identifier watches.
    #[error("nobody watches here by that address: it has ended, perhaps; make a new offer")]
    Unknown,
    /// The mix cannot be had.
    #[error(transparent)]
    Mix(#[from] MixesError),
    /// There are as many as allowed.
    #[error("{0} watch already, and there is no place for more: try again later")]
    Full(usize),
    /// The offer cannot be used.
    #[error("{0}")]
    Offer(SdpError),
    /// Candidates cannot be used.
    #[error("{0}")]
    Fragment(FragmentError),
    /// Mixing, encoding or the connection could not start, or failed.
    #[error("the mix cannot be watched: {0}")]
    Media(String),
}

/// Why there is no picture of a mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// The mix cannot be had.
    #[error(transparent)]
    Mix(#[from] MixesError),
    /// There are as many as allowed.
    #[error("too many pictures of this room are being made: try again in a moment")]
    Busy,
    /// It did not come in time.
    #[error("the picture did not come in time: try again in a moment")]
    Late,
    /// Mixing or encoding could not start, or failed.
    #[error("there is no picture: {0}")]
    Media(String),
}

/// Why an output did not start or stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// There is no such output.
    #[error("there is no output {0} in this room: see GET …/outputs")]
    Unknown(OutputId),
    /// There is no such mix to be given away.
    #[error(transparent)]
    Mix(#[from] MixesError),
    /// The mix is served by HLS already.
    #[error("this mix is served as HLS already: it serves as many as come")]
    Served,
    /// There are as many as allowed.
    #[error("the room has {0} outputs, and may not have more: stop one first")]
    TooMany(usize),
    /// Mixing or encoding could not start, or failed.
    #[error("the output failed: {0}")]
    Media(String),
}

/// Why a mix is not made, or not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixesError {
    /// There is no such room.
    #[error("there is no room {0:?}: somebody has to join it first")]
    NoRoom(String),
    /// There is no such mix.
    #[error("there is no mix {0} in this room: see GET …/mixes")]
    Unknown(MixName),
    /// The name is taken.
    #[error("there is a mix {0} already: change it by PATCH, or use another name")]
    Exists(MixName),
    /// It is known by its layout only.
    #[error(
        "the mix {0} is there for all who want that layout, and stays as it is: make one of your own by POST …/mixes"
    )]
    Implied(MixName),
    /// Something is wrong with what it is to be.
    #[error("{message}")]
    Refused {
        /// What.
        field: String,
        /// Why, and what to do.
        message: String,
    },
    /// That cannot change while it runs.
    #[error("{0} cannot change while the mix runs: stop what takes it first, or make another mix")]
    Fixed(&'static str),
    /// Something takes it.
    #[error("the mix {0} is in use: stop the outputs, recordings and viewers that take it first")]
    InUse(MixName),
    /// Every room has it.
    #[error("every room has the mix default: change it instead")]
    Default,
    /// There are as many as allowed.
    #[error("the room has {0} mixes, and may not have more: delete one first")]
    TooMany(usize),
    /// As many run as allowed.
    #[error("the room is mixed in {0} ways already: stop an output or a recording, or take one of those mixes")]
    TooManyRun(usize),
}
