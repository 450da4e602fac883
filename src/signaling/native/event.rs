//! What the server tells a client of the native dialect by itself.

use serde::{Deserialize, Serialize};

use super::request::Joined;
use crate::egress::manifest::State;
use crate::room::{Height, Member, Quality, Source};

/// An event: the Socket.IO event of the same name, with its fields as the one argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerEvent {
    /// One waited and may come in now.
    Admitted(Box<Joined>),
    /// Somebody came.
    ParticipantJoined {
        /// Who.
        participant: Member,
    },
    /// Somebody's name, role, hand, tracks or connection changed: this is all of them.
    ParticipantChanged {
        /// Who.
        participant: Member,
    },
    /// Somebody went.
    ParticipantLeft {
        /// Who.
        participant: String,
    },
    /// What the slots of an endpoint carry now: all of its slots.
    Slots {
        /// Which of one's endpoints.
        endpoint: String,
        /// In the order of the m-lines.
        slots: Vec<Slot>,
    },
    /// A candidate of the server.
    Candidate {
        /// Which of one's endpoints.
        endpoint: String,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Somebody else speaks now, or nobody.
    Speaker {
        /// Who.
        participant: Option<String>,
    },
    /// How large anybody shows one's camera or screen: encode no more lines than that.
    Demand {
        /// Which of one's tracks.
        source: Source,
        /// The largest height at which somebody shows it, in pixels; 0: nobody looks, send nothing.
        height: Height,
    },
    /// How well somebody's media arrives at the server.
    Quality {
        /// Whose.
        participant: String,
        /// How well.
        quality: Quality,
    },
    /// The room was locked, or unlocked, or its lobby was.
    RoomChanged {
        /// How it is now.
        room: Room,
    },
    /// For moderators: who waits to be admitted now.
    Lobby {
        /// All of them.
        waiting: Vec<Waiter>,
    },
    /// A moderator muted one's track.
    Muted {
        /// Which.
        source: Source,
        /// The moderator.
        by: String,
    },
    /// Somebody said something; also to who said it.
    Chat(ChatMessage),
    /// From now on the room is recorded.
    RecordingStarted(Recording),
    /// The recording is held, or goes on.
    RecordingChanged(Recording),
    /// It no longer is.
    RecordingStopped {
        /// Which recording.
        id: String,
        /// `complete` or `failed`.
        state: State,
        /// Where the file is.
        url: String,
    },
    /// Something of one's own failed; the rest goes on.
    Error {
        /// A stable word for programs.
        code: String,
        /// A sentence for people.
        message: String,
        /// The endpoint that ended by it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// One is out: this is the last event.
    Removed {
        /// `removed`, `denied`, `replaced`, `slow` or `closing`.
        code: String,
        /// A sentence for people.
        message: String,
    },
}

impl ServerEvent {
    /// The names of all events.
    pub const NAMES: [&'static str; 18] = [
        "admitted",
        "participantJoined",
        "participantChanged",
        "participantLeft",
        "slots",
        "candidate",
        "speaker",
        "demand",
        "quality",
        "roomChanged",
        "lobby",
        "muted",
        "chat",
        "recordingStarted",
        "recordingChanged",
        "recordingStopped",
        "error",
        "removed",
    ];
}

/// How a room is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Whether nobody new may come in.
    pub locked: bool,
    /// Whether newcomers wait until they are admitted.
    pub lobby: bool,
    /// The recordings that run, in the order in which they began.
    pub recordings: Vec<Recording>,
}

/// What a slot carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// The m-line.
    pub mid: String,
    /// The track whose packets it carries; none when it is empty or still waits for the next track's first keyframe.
    pub track: Option<TrackName>,
}

/// A track: whose, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackName {
    /// Whose.
    pub participant: String,
    /// Which.
    pub source: Source,
}

/// Somebody who waits to be admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiter {
    /// For `admit` and `deny`.
    pub id: String,
    /// The name that they gave.
    pub name: String,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// Rises with each message of the room.
    pub id: u64,
    /// Who said it; they may have gone since.
    pub from: String,
    /// Their name then.
    pub name: String,
    /// What was said.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// A running recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recording {
    /// Which.
    pub id: String,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
    /// Whether it is held.
    pub paused: bool,
    /// How long it had run, in milliseconds and without its pauses, when this was told.
    pub elapsed_ms: u64,
}

/// An ICE candidate as browsers read and write it. All m-lines are bundled, so that only its text matters to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// `candidate:…`, or empty at the end of candidates.
    pub candidate: String,
    /// The mid of its m-line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The index of its m-line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<usize>,
}
