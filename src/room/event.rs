//! What a room tells a participant.

use super::model::{Height, Member, Message, Quality, Running, Settings, Snapshot, Source, TrackId, Waiter};
use crate::egress::manifest::Manifest;
use crate::id::{EndpointName, ParticipantId};
use crate::webrtc::LocalCandidate;

/// A message to a session.
#[derive(Debug, Clone)]
pub enum Event {
    /// You are in, or in again: this is everything.
    Joined(Box<Snapshot>),
    /// You wait until a moderator admits you.
    Waiting,
    /// Somebody came.
    ParticipantJoined(Member),
    /// Something about somebody changed.
    ParticipantChanged(Member),
    /// Somebody went.
    ParticipantLeft(ParticipantId),
    /// A candidate of the server for one of your endpoints.
    Candidate {
        /// Which.
        endpoint: EndpointName,
        /// The candidate.
        candidate: LocalCandidate,
    },
    /// What the slots of one of your endpoints carry.
    Slots {
        /// Which.
        endpoint: EndpointName,
        /// By m-line, in their order.
        slots: Vec<(String, Option<TrackId>)>,
    },
    /// Who speaks now, if anybody.
    Speaker(Option<ParticipantId>),
    /// How large anybody shows one of your tracks.
    Demand {
        /// Which.
        source: Source,
        /// The largest height, 0 if nobody looks.
        height: Height,
    },
    /// How well somebody's media arrives.
    Quality(ParticipantId, Quality),
    /// The room's settings changed.
    RoomChanged(Settings),
    /// Who waits now; for moderators.
    Lobby(Vec<Waiter>),
    /// A moderator muted one of your tracks.
    Muted {
        /// Which.
        source: Source,
        /// The moderator.
        by: ParticipantId,
    },
    /// Somebody said something.
    Chat(Message),
    /// From now on the room is recorded.
    RecordingStarted(Running),
    /// The recording is held, or goes on.
    RecordingChanged(Running),
    /// The recording is over.
    RecordingStopped(Manifest),
    /// Something of yours failed; the rest goes on.
    Error {
        /// A stable word for programs.
        code: &'static str,
        /// A sentence for people.
        message: String,
        /// Which of your endpoints ended by it, if one did.
        endpoint: Option<EndpointName>,
    },
    /// You are out: this is the last event.
    Removed(Removal),
}

/// Why one is out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Removal {
    /// By a moderator.
    #[error("a moderator removed you from the room")]
    Removed,
    /// By a moderator, before one came in.
    #[error("a moderator did not let you in")]
    Denied,
    /// One came back by another connection.
    #[error("you are in the room by another connection now")]
    Replaced,
    /// One did not take what the room had to tell.
    #[error("the connection does not take the room's events: join again")]
    Slow,
    /// Nothing was heard of one any more, or a part of one failed that nobody else owns.
    #[error("{0}")]
    Lost(String),
    /// The server stops.
    #[error("the server is stopping")]
    Closing,
}

impl Removal {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Denied => "denied",
            Self::Replaced => "replaced",
            Self::Slow => "slow",
            Self::Lost(_) => "lost",
            Self::Closing => "closing",
        }
    }
}
