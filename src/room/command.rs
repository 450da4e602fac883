//! What one may ask of a room.

use std::collections::BTreeMap;

use bytes::Bytes;
use gstreamer as gst;
use tokio::sync::{mpsc, oneshot};

use super::error::{JoinError, MixesError, OutputError, RecordingError, RequestError, SnapshotError};
use super::event::Event;
use super::mixes::{Change, Described};
use super::model::{Look, Role, Source};
use crate::access::Entry;
use crate::egress::format::Choice;
use crate::egress::manifest::Manifest;
use crate::egress::outputs::Status;
use crate::id::{EndpointName, MixName, OutputId, ParticipantId, RecordingId};
use crate::webrtc::sdp::Fragment;

/// A message to the room's task.
#[derive(Debug)]
pub enum Command {
    /// Come in. The first event is then [`Event::Joined`] or [`Event::Waiting`].
    Join {
        /// Who comes.
        newcomer: Newcomer,
        /// The identifier given, or why not.
        reply: oneshot::Sender<Result<ParticipantId, JoinError>>,
    },
    /// Come back by another session, with the secret of the last [`Event::Joined`]. The first event is then another one.
    Resume {
        /// The secret.
        resume: String,
        /// Where events go from now on.
        events: mpsc::Sender<Event>,
        /// The identifier that one had, or why not.
        reply: oneshot::Sender<Result<ParticipantId, JoinError>>,
    },
    /// Go out, with everything that one brought. Ignored from a session that another one has replaced.
    Leave {
        /// Who.
        participant: ParticipantId,
        /// The number of its session, from [`Event::Joined`]; anybody's word counts while waiting for admission.
        session: u64,
    },
    /// Go out without a session, with the secret of the last [`Event::Joined`].
    Depart {
        /// The secret.
        resume: String,
        /// Whether there was such a place.
        reply: oneshot::Sender<bool>,
    },
    /// The connection was lost: the place is kept for a while if one can come back, else this is [`Command::Leave`].
    Disconnected {
        /// Who.
        participant: ParticipantId,
        /// The number of its session.
        session: u64,
    },
    /// What a participant asks for.
    Request {
        /// Who asks.
        participant: ParticipantId,
        /// What.
        request: Request,
        /// What came of it.
        reply: Reply,
    },
    /// Record the room, or a mix of it.
    StartRecording {
        /// What it holds, and in which file.
        choice: Choice,
        /// What is known of it then.
        reply: oneshot::Sender<Result<Manifest, RecordingError>>,
    },
    /// Say whether a recording runs here, or is about to, or to end.
    Records {
        /// Which.
        id: RecordingId,
        /// Whether it does.
        reply: oneshot::Sender<bool>,
    },
    /// Hold a recording, or let it go on.
    PauseRecording {
        /// Which.
        id: RecordingId,
        /// Whether it is held from now on.
        paused: bool,
        /// What is known of it then.
        reply: oneshot::Sender<Result<Manifest, RecordingError>>,
    },
    /// End a recording and finalise its file.
    StopRecording {
        /// Which.
        id: RecordingId,
        /// What became of it.
        reply: oneshot::Sender<Result<Manifest, RecordingError>>,
    },
    /// Give a mix away while it happens.
    StartOutput {
        /// Where, and how it is arranged.
        wanted: super::outputs::Wanted,
        /// What is known of it then.
        reply: oneshot::Sender<Result<Status, OutputError>>,
    },
    /// How all outputs fare.
    Outputs {
        /// In the order in which they were asked for.
        reply: oneshot::Sender<Vec<Status>>,
    },
    /// End an output.
    StopOutput {
        /// Which.
        id: OutputId,
        /// What became of it.
        reply: oneshot::Sender<Result<Status, OutputError>>,
    },
    /// Somebody outside of the room watches a mix.
    Watch(super::viewers::Watch),
    /// What all mixes are.
    Mixes {
        /// By their names.
        reply: oneshot::Sender<Vec<Described>>,
    },
    /// Make a mix.
    MakeMix {
        /// Its name.
        name: MixName,
        /// What it is to be.
        change: Change,
        /// What it is.
        reply: oneshot::Sender<Result<Described, MixesError>>,
    },
    /// Change a mix, at once if it runs.
    ChangeMix {
        /// Which.
        name: MixName,
        /// What it is to be.
        change: Change,
        /// What it is then.
        reply: oneshot::Sender<Result<Described, MixesError>>,
    },
    /// Forget a mix that nothing takes.
    ForgetMix {
        /// Which.
        name: MixName,
        /// Whether that was done.
        reply: oneshot::Sender<Result<(), MixesError>>,
    },
    /// Make a picture of a mix.
    Snapshot {
        /// Of which, and how wide.
        wanted: super::snapshots::Wanted,
        /// The JPEG, or why there is none.
        reply: oneshot::Sender<Result<Bytes, SnapshotError>>,
    },
    /// The pipelines, to be looked at.
    Pipelines {
        /// The room's own, then those of its mixes.
        reply: oneshot::Sender<Vec<gst::Pipeline>>,
    },
    /// Send everybody away and finalise what is being recorded.
    Close,
}

/// Where the outcome of a [`Request`] goes.
pub type Reply = oneshot::Sender<Result<Done, RequestError>>;

/// What came of a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The answer to an offer.
    Answer(String),
    /// Nothing more is to be said.
    Nothing,
}

/// Somebody who wants to come in.
#[derive(Debug)]
pub struct Newcomer {
    /// As whom they come, and what they may do.
    pub entry: Entry,
    /// The role that is asked for; the room gives no more than what it decides itself.
    pub role: Role,
    /// Whether this session can come back, moderate, and tell what it looks at: whether it speaks the native dialect.
    pub native: bool,
    /// Where events go.
    pub events: mpsc::Sender<Event>,
}

/// What a participant may ask for.
#[derive(Debug)]
pub enum Request {
    /// Offer to send to the room.
    Publish {
        /// The client's name for the new endpoint.
        endpoint: EndpointName,
        /// The offer, as the client wrote it.
        offer: String,
        /// What its m-lines carry.
        tracks: Tracks,
        /// The endpoint that ends when this one is connected.
        replaces: Option<EndpointName>,
        /// Whether the client is told our candidates one by one, by [`Event::Candidate`]. If not, the answer has them all.
        trickles: bool,
    },
    /// Offer to receive.
    Subscribe {
        /// The client's name for the new endpoint.
        endpoint: EndpointName,
        /// The offer, as the client wrote it.
        offer: String,
        /// What its slots are for.
        wanted: Wanted,
        /// The endpoint that ends when this one is connected.
        replaces: Option<EndpointName>,
    },
    /// A remote candidate of an endpoint, as the client wrote it; empty for the end of candidates.
    Candidate {
        /// Which endpoint.
        endpoint: EndpointName,
        /// The candidate.
        candidate: String,
    },
    /// Several remote candidates of an endpoint at once.
    Trickle {
        /// Which endpoint.
        endpoint: EndpointName,
        /// What the client says.
        fragment: Fragment,
    },
    /// End an endpoint.
    CloseEndpoint(EndpointName),
    /// Mute one's own track, or undo that.
    Mute {
        /// Which.
        source: Source,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// What one looks at.
    View(Vec<Look>),
    /// Say something to everybody.
    Chat(String),
    /// Raise or lower one's hand.
    Hand(bool),
    /// What moderators may do.
    Moderate(Moderation),
}

/// What the m-lines of a publishing endpoint carry.
#[derive(Debug, Clone)]
pub enum Tracks {
    /// By mid: what it is, and whether it begins muted.
    Named(BTreeMap<String, (Source, bool)>),
    /// Sound is the microphone, pictures are the camera.
    ByKind,
}

/// What the slots of a receiving endpoint are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Microphone and camera of one participant.
    Of(ParticipantId),
    /// Whatever its owner looks at, and whoever speaks.
    Viewed,
}

/// What moderators may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moderation {
    /// Mute a track of somebody's.
    Mute(ParticipantId, Source),
    /// Send somebody away.
    Remove(ParticipantId),
    /// Let nobody new in, or let them in again.
    Lock(bool),
    /// Let newcomers wait, or let them in again.
    Lobby(bool),
    /// Let in who waits.
    Admit(ParticipantId),
    /// Send away who waits.
    Deny(ParticipantId),
    /// Give somebody another role.
    Role(ParticipantId, Role),
    /// Lower somebody's hand.
    LowerHand(ParticipantId),
}
