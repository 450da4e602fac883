//! Between the words of this dialect and those of the room. Pure.

use super::event::{ChatMessage, IceCandidate, Recording, Room, ServerEvent, Slot, TrackName, Waiter};
use super::request::{self, Answer, Done, Empty, Joined, Limits, Refusal, Reply};
use crate::config::Config;
use crate::egress::manifest::Manifest;
use crate::id::{EndpointName, NameError, ParticipantId};
use crate::room::{self, MAX_CHAT_CHARACTERS, MAX_ENDPOINTS, Message, Snapshot, TrackId};
use crate::signaling::ice;

/// M-lines per offer, as `webrtc::sdp` bounds them.
const MAX_SLOTS: usize = 64;

/// Why something is no request of this dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misunderstood {
    /// There is no such request.
    #[error("there is no request {0:?}: see docs/protocol.md")]
    Event(String),
    /// The content has another shape.
    #[error("{0} was not understood: {1}")]
    Content(String, String),
    /// A name cannot be one.
    #[error("{0}")]
    Name(#[from] NameError),
}

impl Misunderstood {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Event(_) => "unknown_event",
            Self::Content(..) | Self::Name(_) => "bad_message",
        }
    }
}

/// Reads a request.
///
/// # Errors
/// When there is none of that name, or its content has another shape.
pub fn read(event: &str, data: serde_json::Value) -> Result<request::Request, Misunderstood> {
    if !request::Request::NAMES.contains(&event) {
        let known = event.chars().take(64).collect();
        return Err(Misunderstood::Event(known));
    }
    // A request without fields may come without an argument.
    let data = if data.is_null() { serde_json::json!({}) } else { data };
    if !data.is_object() {
        // Serde would take an array for a structure.
        return Err(Misunderstood::Content(event.to_owned(), "its argument is no object".to_owned()));
    }
    serde_json::from_value(serde_json::json!({"event": event, "data": data}))
        .map_err(|error| Misunderstood::Content(event.to_owned(), error.to_string()))
}

/// What a request means to a room. None for `join` and `leave`, which are the session's matter.
///
/// # Errors
/// When a name cannot be one.
pub fn to_room(request: request::Request) -> Result<Option<room::Request>, Misunderstood> {
    use request::Request as Wire;
    let name = |text: &str| EndpointName::parse(text);
    let replaced = |text: Option<String>| text.as_deref().map(EndpointName::parse).transpose();
    Ok(Some(match request {
        Wire::Join(_) | Wire::Leave(_) => return Ok(None),
        Wire::Publish(publish) => {
            let count = publish.tracks.len();
            let tracks: std::collections::BTreeMap<_, _> =
                publish.tracks.into_iter().map(|track| (track.mid, (track.source, track.muted))).collect();
            if tracks.len() != count {
                return Err(Misunderstood::Content("publish".into(), "tracks names a mid twice".into()));
            }
            room::Request::Publish {
                endpoint: name(&publish.endpoint)?,
                offer: publish.offer,
                tracks: room::Tracks::Named(tracks),
                replaces: replaced(publish.replaces)?,
                trickles: true,
            }
        }
        Wire::Subscribe(subscribe) => room::Request::Subscribe {
            endpoint: name(&subscribe.endpoint)?,
            offer: subscribe.offer,
            wanted: room::Wanted::Viewed,
            replaces: replaced(subscribe.replaces)?,
        },
        Wire::Candidate(candidate) => room::Request::Candidate {
            endpoint: name(&candidate.endpoint)?,
            candidate: candidate.candidate.map(|candidate| candidate.candidate).unwrap_or_default(),
        },
        Wire::Close(close) => room::Request::CloseEndpoint(name(&close.endpoint)?),
        Wire::Mute(mute) => room::Request::Mute { source: mute.source, muted: mute.muted },
        Wire::View(view) => room::Request::View(view.tracks.into_iter().map(look).collect()),
        Wire::Chat(chat) => room::Request::Chat(chat.text),
        Wire::Hand(hand) => room::Request::Hand(hand.raised),
        Wire::Moderate(action) => room::Request::Moderate(moderation(action)),
    }))
}

fn look(look: request::Look) -> room::Look {
    let track = TrackId { participant: ParticipantId::from_remote(&look.participant), source: look.source };
    room::Look { track, height: look.height, pinned: look.pinned }
}

fn moderation(action: request::Moderation) -> room::Moderation {
    use request::Moderation as Wire;
    let id = |text: String| ParticipantId::from_remote(&text);
    match action {
        Wire::Mute { participant, source } => room::Moderation::Mute(id(participant), source),
        Wire::Remove { participant } => room::Moderation::Remove(id(participant)),
        Wire::Lock { locked } => room::Moderation::Lock(locked),
        Wire::Lobby { enabled } => room::Moderation::Lobby(enabled),
        Wire::Admit { participant } => room::Moderation::Admit(id(participant)),
        Wire::Deny { participant } => room::Moderation::Deny(id(participant)),
        Wire::Role { participant, role } => room::Moderation::Role(id(participant), role),
        Wire::LowerHand { participant } => room::Moderation::LowerHand(id(participant)),
    }
}

/// What came of a request.
#[must_use]
pub fn reply(outcome: Result<room::Done, room::RequestError>) -> Reply {
    match outcome {
        Ok(room::Done::Answer(answer)) => Reply::Result(Done::Answer(Answer { answer })),
        Ok(room::Done::Nothing) => Reply::Result(Done::Nothing(Empty {})),
        Err(error) => refuse(error.code(), &error),
    }
}

/// A request was not done.
#[must_use]
pub fn refuse(code: &str, error: &impl ToString) -> Reply {
    Reply::Error(Refusal { code: code.to_owned(), message: error.to_string() })
}

/// What somebody who comes in is told.
#[must_use]
pub fn joined(snapshot: Snapshot, config: &Config) -> Joined {
    Joined {
        ice_servers: ice::servers(&config.ice, snapshot.id.as_str()),
        id: snapshot.id.to_string(),
        resume: snapshot.resume.unwrap_or_default(),
        participants: snapshot.members,
        room: settings(snapshot.settings),
        speaker: snapshot.speaker.map(|id| id.to_string()),
        chat: snapshot.chat.into_iter().map(message).collect(),
        endpoints: snapshot.endpoints.iter().map(ToString::to_string).collect(),
        sends: snapshot.sends,
        limits: Limits {
            endpoints: MAX_ENDPOINTS,
            slots: MAX_SLOTS,
            chat_characters: MAX_CHAT_CHARACTERS,
            reconnect_seconds: config.rooms.reconnect_seconds,
        },
    }
}

/// What an event of the room is in this dialect. None for [`room::Event::Waiting`], which is the outcome of a request.
#[must_use]
pub fn event(event: room::Event, config: &Config) -> Option<ServerEvent> {
    use room::Event;
    Some(match event {
        Event::Waiting => return None,
        Event::Joined(snapshot) => ServerEvent::Admitted(Box::new(joined(*snapshot, config))),
        Event::ParticipantJoined(participant) => ServerEvent::ParticipantJoined { participant },
        Event::ParticipantChanged(participant) => ServerEvent::ParticipantChanged { participant },
        Event::ParticipantLeft(id) => ServerEvent::ParticipantLeft { participant: id.to_string() },
        Event::Candidate { endpoint, candidate } => ServerEvent::Candidate {
            endpoint: endpoint.to_string(),
            candidate: IceCandidate {
                candidate: candidate.candidate,
                sdp_mid: Some(candidate.mid),
                sdp_m_line_index: Some(candidate.line),
            },
        },
        Event::Slots { endpoint, slots } => ServerEvent::Slots {
            endpoint: endpoint.to_string(),
            slots: slots.into_iter().map(|(mid, track)| Slot { mid, track: track.map(track_name) }).collect(),
        },
        Event::Speaker(id) => ServerEvent::Speaker { participant: id.map(|id| id.to_string()) },
        Event::Demand { source, height } => ServerEvent::Demand { source, height },
        Event::Quality(id, quality) => ServerEvent::Quality { participant: id.to_string(), quality },
        Event::RoomChanged(room) => ServerEvent::RoomChanged { room: settings(room) },
        Event::Lobby(waiting) => {
            let waiter = |waiter: room::Waiter| Waiter { id: waiter.id.to_string(), name: waiter.name.to_string() };
            ServerEvent::Lobby { waiting: waiting.into_iter().map(waiter).collect() }
        }
        Event::Muted { source, by } => ServerEvent::Muted { source, by: by.to_string() },
        Event::Chat(said) => ServerEvent::Chat(message(said)),
        Event::RecordingStarted(running) => ServerEvent::RecordingStarted(recording(running)),
        Event::RecordingChanged(running) => ServerEvent::RecordingChanged(recording(running)),
        Event::RecordingStopped(manifest) => stopped(&manifest),
        Event::Error { code, message, endpoint } => {
            ServerEvent::Error { code: code.to_owned(), message, endpoint: endpoint.map(|name| name.to_string()) }
        }
        Event::Removed(removal) => {
            ServerEvent::Removed { code: removal.code().to_owned(), message: removal.to_string() }
        }
    })
}

fn stopped(manifest: &Manifest) -> ServerEvent {
    ServerEvent::RecordingStopped {
        id: manifest.id.to_string(),
        state: manifest.state,
        url: format!("/api/v1/recordings/{}/file", manifest.id),
    }
}

fn settings(settings: room::Settings) -> Room {
    Room {
        name: settings.name.to_string(),
        locked: settings.locked,
        lobby: settings.lobby,
        recordings: settings.recordings.into_iter().map(recording).collect(),
    }
}

fn recording(running: room::Running) -> Recording {
    let room::Running { id, started_at, paused, elapsed_ms } = running;
    Recording { id: id.to_string(), started_at, paused, elapsed_ms }
}

fn message(message: Message) -> ChatMessage {
    let Message { id, from, name, text, at } = message;
    ChatMessage { id, from: from.to_string(), name: name.to_string(), text, at }
}

fn track_name(track: TrackId) -> TrackName {
    TrackName { participant: track.participant.to_string(), source: track.source }
}
