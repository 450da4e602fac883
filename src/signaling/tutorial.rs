//! The wire protocol of the Kurento group-call tutorial, and what we add to it.
//!
//! Everything travels in the one Socket.IO event `message` as one JSON object whose `event` says what it is. Clients of
//! the tutorial ignore what they do not know, so additions are safe.
//!
//! # From the client ([`ClientMessage`])
//! | event | fields | meaning |
//! |---|---|---|
//! | `joinRoom` | `userName`, `roomName` | come in; once per connection |
//! | `receiveVideoFrom` | `userid`, `sdpOffer` | own id: publish (a sendonly offer); another's: receive them (a recvonly offer) |
//! | `candidate` | `userid`, `candidate` | an `RTCIceCandidate` of the connection for `userid`; an empty or null one ends them |
//! | `leaveRoom` | – | go out but stay connected (ours) |
//!
//! `roomName` may come with every message and is only looked at in `joinRoom`.
//!
//! # From the server ([`ServerMessage`])
//! | event | fields | meaning |
//! |---|---|---|
//! | `existingParticipants` | `userid`, `existingUsers` `[{id, name}]`, `iceServers` (ours), `recording` (ours) | you are in |
//! | `newParticipantArrived` | `userid`, `username` | somebody came; each pair is announced exactly once |
//! | `receiveVideoAnswer` | `senderid`, `sdpAnswer` | the answer; candidates follow |
//! | `candidate` | `userid`, `candidate` `{candidate, sdpMid, sdpMLineIndex}` | a candidate of the server |
//! | `participantLeft` | `userid` | somebody went (ours) |
//! | `recordingStarted` | `id`, `startedAt` | the room is recorded from now on (ours) |
//! | `recordingStopped` | `id`, `state`, `url` | it no longer is (ours) |
//! | `error` | `code`, `message`, `userid`? | something you sent was not right, or something of yours failed (ours) |
//!
//! Times are milliseconds since 1970. Error codes are stable; messages are for people.

use serde::{Deserialize, Serialize};

use super::ice::{self, IceServer};
use crate::config::Ice;
use crate::egress::manifest::{Manifest, State};
use crate::id::{EndpointName, ParticipantId};
use crate::room::{Event, Member, Request, Running, Tracks, Wanted};

/// The Socket.IO event that carries everything.
pub const EVENT: &str = "message";

/// What a client says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientMessage {
    /// Come in.
    JoinRoom {
        /// The name to go by.
        user_name: String,
        /// The room.
        room_name: String,
    },
    /// Publish, or receive somebody.
    ReceiveVideoFrom {
        /// Oneself, or whom to receive.
        userid: String,
        /// Absent when the browser could not make one.
        sdp_offer: Option<String>,
    },
    /// A candidate of the client.
    Candidate {
        /// Which connection it is for.
        userid: String,
        /// The candidate; null at the end of candidates.
        candidate: Option<RemoteCandidate>,
    },
    /// Go out.
    LeaveRoom,
}

/// An `RTCIceCandidate` as a browser writes it. All m-lines are bundled, so that only its text matters.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RemoteCandidate {
    /// `candidate:…`, or empty at the end of candidates.
    #[serde(default)]
    pub candidate: String,
}

/// What the server says.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// You are in.
    ExistingParticipants {
        /// You.
        userid: String,
        /// Who was there before.
        existing_users: Vec<User>,
        /// For `new RTCPeerConnection({iceServers})`.
        ice_servers: Vec<IceServer>,
        /// The first of the recordings that run.
        recording: Option<Recording>,
    },
    /// Somebody came.
    NewParticipantArrived {
        /// Who.
        userid: String,
        /// Their name; lower case, as the tutorial has it.
        #[serde(rename = "username")]
        user_name: String,
    },
    /// An answer.
    ReceiveVideoAnswer {
        /// Which connection it is for.
        senderid: String,
        /// The answer.
        sdp_answer: String,
    },
    /// A candidate of the server.
    Candidate {
        /// Which connection it is for.
        userid: String,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Somebody went.
    ParticipantLeft {
        /// Who.
        userid: String,
    },
    /// The room is recorded.
    RecordingStarted(Recording),
    /// The room is no longer recorded.
    RecordingStopped {
        /// Which recording.
        id: String,
        /// `complete` or `failed`.
        state: State,
        /// Where the file is.
        url: String,
    },
    /// Something was not right.
    Error {
        /// A stable word for programs.
        code: &'static str,
        /// A sentence for people.
        message: String,
        /// Which connection it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        userid: Option<String>,
    },
}

/// A participant.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// Their identifier.
    pub id: String,
    /// Their name.
    pub name: String,
}

/// A running recording.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Which.
    pub id: String,
    /// Milliseconds since 1970.
    pub started_at: u64,
}

/// A candidate as `new RTCIceCandidate` takes it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IceCandidate {
    /// `candidate:…`
    pub candidate: String,
    /// The mid of its m-line.
    pub sdp_mid: String,
    /// The index of its m-line.
    pub sdp_m_line_index: usize,
}

impl ServerMessage {
    /// What `event` is in this dialect, if it has a word for it.
    #[must_use]
    pub fn from_event(event: Event, ice: &Ice) -> Option<Self> {
        Some(match event {
            Event::Joined(snapshot) => Self::ExistingParticipants {
                existing_users: snapshot.members.into_iter().filter(|m| m.id != snapshot.id).map(User::from).collect(),
                userid: snapshot.id.to_string(),
                ice_servers: ice::servers(ice, snapshot.id.as_str()),
                recording: snapshot.settings.recordings.into_iter().next().map(Recording::from),
            },
            Event::ParticipantJoined(member) => {
                Self::NewParticipantArrived { userid: member.id.to_string(), user_name: member.name.to_string() }
            }
            Event::ParticipantLeft(id) => Self::ParticipantLeft { userid: id.to_string() },
            Event::Candidate { endpoint, candidate } => Self::Candidate {
                userid: endpoint.to_string(),
                candidate: IceCandidate {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.mid,
                    sdp_m_line_index: candidate.line,
                },
            },
            Event::RecordingStarted(running) => Self::RecordingStarted(running.into()),
            Event::RecordingStopped(manifest) => Self::recording_stopped(&manifest),
            Event::Error { code, message, endpoint } => {
                Self::Error { code, message, userid: endpoint.map(|endpoint| endpoint.to_string()) }
            }
            Event::Removed(removal) => Self::Error { code: "removed", message: removal.to_string(), userid: None },
            Event::Waiting
            | Event::ParticipantChanged(_)
            | Event::Slots { .. }
            | Event::Speaker(_)
            | Event::Demand { .. }
            | Event::Quality(..)
            | Event::RoomChanged(_)
            | Event::Lobby(_)
            | Event::Muted { .. }
            | Event::RecordingChanged(_)
            | Event::Chat(_) => return None,
        })
    }

    fn recording_stopped(manifest: &Manifest) -> Self {
        Self::RecordingStopped {
            id: manifest.id.to_string(),
            state: manifest.state,
            url: format!("/api/v1/recordings/{}/file", manifest.id),
        }
    }
}

impl From<Member> for User {
    fn from(member: Member) -> Self {
        Self { id: member.id.to_string(), name: member.name.to_string() }
    }
}

impl From<Running> for Recording {
    fn from(running: Running) -> Self {
        Self { id: running.id.to_string(), started_at: running.started_at }
    }
}

/// What [`ClientMessage::ReceiveVideoFrom`] asks of the room: `userid` is whom to receive, or oneself to publish.
#[must_use]
pub fn offer(own: &ParticipantId, userid: &str, offer: String) -> Request {
    let sender = ParticipantId::from_remote(userid);
    let endpoint = EndpointName::of(&sender);
    if sender == *own {
        Request::Publish { endpoint, offer, tracks: Tracks::ByKind, replaces: None, trickles: true }
    } else {
        Request::Subscribe { endpoint, offer, wanted: Wanted::Of(sender), replaces: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ParticipantId;
    use serde_json::json;

    #[test]
    fn the_tutorials_messages_are_understood() {
        let parse = |value| serde_json::from_value::<ClientMessage>(value);
        assert_eq!(
            parse(json!({"event": "joinRoom", "userName": "ann", "roomName": "tea"})).expect("known"),
            ClientMessage::JoinRoom { user_name: "ann".into(), room_name: "tea".into() }
        );
        assert!(matches!(
            parse(json!({"event": "receiveVideoFrom", "userid": "x", "roomName": "tea"})).expect("known"),
            ClientMessage::ReceiveVideoFrom { sdp_offer: None, .. }
        ));
        assert!(matches!(
            parse(json!({"event": "candidate", "userid": "x", "roomName": "tea", "candidate": null})).expect("known"),
            ClientMessage::Candidate { candidate: None, .. }
        ));
        assert!(parse(json!({"event": "format"})).is_err());
        assert!(parse(json!({"userName": "ann"})).is_err());
    }

    fn member(id: &str, name: &str) -> Member {
        Member {
            id: ParticipantId::from_remote(id),
            name: crate::id::ParticipantName::parse(name).expect("a name"),
            role: crate::room::Role::Participant,
            connection: crate::room::Connection::Connected,
            hand: false,
            tracks: Vec::new(),
            identity: None,
            metadata: None,
        }
    }

    fn joined(members: Vec<Member>) -> Event {
        let name = crate::id::RoomName::parse("tea").expect("a name");
        let settings = crate::room::Settings { name, locked: false, lobby: false, recordings: Vec::new() };
        Event::Joined(Box::new(crate::room::Snapshot {
            id: ParticipantId::from_remote("q"),
            resume: None,
            session: 0,
            members,
            settings,
            speaker: None,
            chat: Vec::new(),
            endpoints: Vec::new(),
            sends: None,
        }))
    }

    #[test]
    fn field_names_are_the_tutorials() {
        let ice = crate::config::Config::default().ice;
        let wire = |event, ice: &Ice| serde_json::to_value(ServerMessage::from_event(event, ice)).expect("JSON");
        assert_eq!(
            wire(joined(vec![member("p", "ann"), member("q", "me")]), &ice),
            json!({"event": "existingParticipants", "userid": "q", "existingUsers": [{"id": "p", "name": "ann"}], "iceServers": [], "recording": null})
        );
        assert_eq!(
            wire(Event::ParticipantJoined(member("p", "ann")), &ice),
            json!({"event": "newParticipantArrived", "userid": "p", "username": "ann"})
        );
        let turn = crate::config::Turn { url: "turn:t:3478".into(), username: "u".into(), credential: "c".into() };
        let ice = Ice { stun: vec!["stun:s:3478".into()], turn: vec![turn], ..ice };
        assert_eq!(
            wire(joined(Vec::new()), &ice)["iceServers"],
            json!([{"urls": "stun:s:3478"}, {"urls": "turn:t:3478", "username": "u", "credential": "c"}])
        );
        let candidate = crate::webrtc::LocalCandidate { candidate: "candidate:1".into(), mid: "0".into(), line: 0 };
        let endpoint = EndpointName::of(&ParticipantId::from_remote("p"));
        assert_eq!(
            wire(Event::Candidate { endpoint, candidate }, &ice),
            json!({"event": "candidate", "userid": "p", "candidate": {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}})
        );
        assert!(ServerMessage::from_event(Event::Speaker(None), &ice).is_none(), "no word for it");
    }
}
