//! What there is in a room, in the words of every dialect. Plain data.

use serde::{Deserialize, Serialize};

use crate::access::TrackSource;
use crate::id::{EndpointName, ParticipantId, ParticipantName, RecordingId, RoomName};
use crate::media::Kind;

/// What a track shows or lets hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A person's voice.
    Microphone,
    /// A person's face.
    Camera,
    /// A shared screen.
    Screen,
    /// What the shared screen sounds like.
    ScreenAudio,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenAudio];

    /// Sound or pictures.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Microphone | Self::ScreenAudio => Kind::Audio,
            Self::Camera | Self::Screen => Kind::Video,
        }
    }

    /// What a client means that only says `audio` or `video`.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::Microphone,
            Kind::Video => Self::Camera,
        }
    }

    /// What tokens call it.
    #[must_use]
    pub fn granted_as(self) -> TrackSource {
        match self {
            Self::Microphone => TrackSource::Microphone,
            Self::Camera => TrackSource::Camera,
            Self::Screen => TrackSource::ScreenShare,
            Self::ScreenAudio => TrackSource::ScreenShareAudio,
        }
    }

    /// Whether it belongs to a shared screen.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Screen | Self::ScreenAudio)
    }
}

/// A track, by who publishes it and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// Whose.
    pub participant: ParticipantId,
    /// Which.
    pub source: Source,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Everything.
    Moderator,
    /// Send and receive.
    Participant,
    /// Receive.
    Viewer,
}

/// Whether somebody can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Connection {
    /// Yes.
    Connected,
    /// Not now; their place is kept for a while.
    Reconnecting,
}

/// How well media arrives at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quality {
    /// Nothing arrives.
    Lost,
    /// Much is missing.
    Poor,
    /// Something is missing.
    Fair,
    /// All is well.
    Good,
}

/// A height in pixels.
pub type Height = u16;

/// A published track, as others see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// What it is.
    pub source: Source,
    /// Whether it is silenced or blanked.
    pub muted: bool,
}

/// Somebody in a room, as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub id: ParticipantId,
    /// The name that they go by.
    pub name: ParticipantName,
    /// What they may do.
    pub role: Role,
    /// Whether they can be reached.
    pub connection: Connection,
    /// Whether their hand is up.
    pub hand: bool,
    /// What they publish.
    pub tracks: Vec<Track>,
    /// Who they are by their token; none where there are no tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What the maker of their token wants others to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// How a room is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name.
    pub name: RoomName,
    /// Whether nobody new may come in.
    pub locked: bool,
    /// Whether newcomers wait until they are admitted.
    pub lobby: bool,
    /// The recordings that run, in the order in which they began.
    pub recordings: Vec<Running>,
}

/// A recording that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The recording.
    pub id: RecordingId,
    /// When it began, in milliseconds since 1970.
    pub started_at: u64,
    /// Whether it is held.
    pub paused: bool,
    /// How long it has run, in milliseconds, when this was told.
    pub elapsed_ms: u64,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Rises with each message of the room.
    pub id: u64,
    /// Who said it.
    pub from: ParticipantId,
    /// Their name.
    pub name: ParticipantName,
    /// What they said.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// Somebody who waits to be admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub id: ParticipantId,
    /// The name that they gave.
    pub name: ParticipantName,
}

/// Everything that somebody who comes in has to know.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Who one is.
    pub id: ParticipantId,
    /// For coming back; none for those who cannot.
    pub resume: Option<String>,
    /// Which of one's sessions this is; see [`Command::Leave`](super::Command::Leave).
    pub session: u64,
    /// Everybody, oneself included, in the order in which they came.
    pub members: Vec<Member>,
    /// How the room is set.
    pub settings: Settings,
    /// Who speaks.
    pub speaker: Option<ParticipantId>,
    /// What was said since one came first.
    pub chat: Vec<Message>,
    /// Those of one's endpoints that still live.
    pub endpoints: Vec<EndpointName>,
    /// What one may send, where one's token does not allow all of it.
    pub sends: Option<Vec<Source>>,
}

/// How one looks at one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which.
    pub track: TrackId,
    /// The height at which it is shown; 0 hides it.
    pub height: Height,
    /// Whether it comes before all that are not pinned.
    pub pinned: bool,
}
