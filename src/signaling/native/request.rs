//! What a client of the native dialect asks for, and what it gets back. Limits that depend on content are checked where
//! the content is used; the shape is checked here, by serde.

use serde::{Deserialize, Serialize};

use super::event::{ChatMessage, IceCandidate, Room};
use crate::room::{Height, Member, Role, Source};

/// A request: the Socket.IO event of the same name, with its fields as the one argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Come into a room, or come back to it.
    Join(Join),
    /// Open an endpoint that sends tracks to the room.
    Publish(Publish),
    /// Open an endpoint that receives: one slot per m-line of the offer.
    Subscribe(Subscribe),
    /// A candidate of the client for one of its endpoints.
    Candidate(Candidate),
    /// End an endpoint.
    Close(Close),
    /// Silence or blank one's own track, or undo that.
    Mute(Mute),
    /// Say what one looks at.
    View(View),
    /// Say something to everybody in the room.
    Chat(Chat),
    /// Raise or lower one's hand.
    Hand(Hand),
    /// What moderators may do.
    Moderate(Moderation),
    /// Go out. The connection stays.
    Leave(Empty),
}

impl Request {
    /// The names of all requests.
    pub const NAMES: [&'static str; 11] =
        ["join", "publish", "subscribe", "candidate", "close", "mute", "view", "chat", "hand", "moderate", "leave"];
}

/// No fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Come into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The room: 1 to 64 printable characters.
    pub room: String,
    /// The name to go by: 1 to 64 printable characters.
    pub name: String,
    /// A token that says who one is and what one may do, where the server has keys: `docs/access.md`. It is looked at when
    /// coming in, and not when coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Come in as a `viewer`, who publishes nothing. Otherwise the room decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Come back as whom one was: the `resume` of the last join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

/// Open an endpoint that sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// A name of the client's choice for this endpoint, not yet used: 1 to 32 of letters, digits, `-` and `_`.
    pub endpoint: String,
    /// The offer (SDP): each m-line that sends is named in `tracks`.
    pub offer: String,
    /// What each m-line carries.
    pub tracks: Vec<PublishedTrack>,
    /// An endpoint that this one replaces: it ends once this one is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// What an m-line of a publishing endpoint carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTrack {
    /// The m-line.
    pub mid: String,
    /// What it carries.
    pub source: Source,
    /// Whether it begins muted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
}

/// Open an endpoint that receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// A name of the client's choice for this endpoint, as in [`Publish::endpoint`].
    pub endpoint: String,
    /// The offer (SDP): each m-line is recvonly and becomes a slot.
    pub offer: String,
    /// An endpoint that this one replaces: it ends once this one is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// A candidate of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Which endpoint it is for; one that was opened before.
    pub endpoint: String,
    /// `RTCIceCandidate.toJSON()`; null at the end of candidates.
    pub candidate: Option<IceCandidate>,
}

/// End an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// Which.
    pub endpoint: String,
}

/// Mute or unmute one's own track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// Which.
    pub source: Source,
    /// True: the server passes nothing of it on to anybody.
    pub muted: bool,
}

/// What one looks at: the whole of it, each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Tracks by importance. Those that are not listed get what slots remain, recent speakers first.
    pub tracks: Vec<Look>,
}

/// How one looks at one track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Whose.
    pub participant: String,
    /// `camera` or `screen`.
    pub source: Source,
    /// The height at which it is shown, in physical pixels; 0 hides it, and it takes no slot.
    pub height: Height,
    /// Comes before all that are not pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// Say something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// 1 to 2000 characters.
    pub text: String,
}

/// Raise or lower one's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hand {
    /// Whether it is up.
    pub raised: bool,
}

/// What moderators may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Moderation {
    /// Mute somebody's track. They may unmute it themselves.
    Mute {
        /// Whose.
        participant: String,
        /// Which.
        source: Source,
    },
    /// Send somebody away.
    Remove {
        /// Whom.
        participant: String,
    },
    /// Let nobody new in, or let them in again.
    Lock {
        /// Whether it is locked.
        locked: bool,
    },
    /// Let newcomers wait until they are admitted, or let them in again; those who wait are then admitted.
    Lobby {
        /// Whether newcomers wait.
        enabled: bool,
    },
    /// Let in who waits.
    Admit {
        /// Whom.
        participant: String,
    },
    /// Send away who waits.
    Deny {
        /// Whom.
        participant: String,
    },
    /// Give somebody another role.
    Role {
        /// Whom.
        participant: String,
        /// Which.
        role: Role,
    },
    /// Lower somebody's hand.
    LowerHand {
        /// Whose.
        participant: String,
    },
}

/// The acknowledgement of a request: `{"result": …}` or `{"error": …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// It was done.
    Result(Done),
    /// It was not done.
    Error(Refusal),
}

/// What a request gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Done {
    /// Of `join`.
    Joined(Box<Joined>),
    /// Of `join`, where a moderator has to admit newcomers. The event `admitted` or `removed` follows.
    Waiting(Waiting),
    /// Of `publish` and `subscribe`.
    Answer(Answer),
    /// Of all others.
    Nothing(Empty),
}

/// Who one is, and everything there is to know about the room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Joined {
    /// Oneself, by identifier.
    pub id: String,
    /// For coming back: secret, and good for `limits.reconnectSeconds` after the connection was lost.
    pub resume: String,
    /// Everybody, oneself included, in the order in which they came.
    pub participants: Vec<Member>,
    /// The room.
    pub room: Room,
    /// Who speaks.
    pub speaker: Option<String>,
    /// What was said since one came first.
    pub chat: Vec<ChatMessage>,
    /// Those of one's endpoints that still live; after coming back, all others have to be opened anew.
    pub endpoints: Vec<String>,
    /// What one may send, where one's token does not allow all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<Vec<Source>>,
    /// For `new RTCPeerConnection({iceServers})`.
    pub ice_servers: Vec<crate::signaling::ice::IceServer>,
    /// What the server allows.
    pub limits: Limits,
}

/// What the server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Endpoints per participant.
    pub endpoints: usize,
    /// M-lines per endpoint.
    pub slots: usize,
    /// Characters of a chat message.
    pub chat_characters: usize,
    /// How long one's place is kept after the connection was lost.
    pub reconnect_seconds: u64,
}

/// One waits to be admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Always true.
    pub waiting: bool,
}

/// The answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// SDP.
    pub answer: String,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}
