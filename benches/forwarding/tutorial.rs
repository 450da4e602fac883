//! The tutorial dialect, as an old client speaks it: one connection per publisher and viewer, named by the publisher.

use serde_json::{Value, json};

use crate::peer::{Opening, Role};
use crate::signaling::{Dialect, Heard, Said};

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct Tutorial {
    /// The room's name.
    pub(crate) room: String,
    /// Their own.
    pub(crate) name: String,
}

impl Tutorial {
    fn say(message: Value) -> Said {
        Said { event: "message", data: message, wants: None }
    }
}

impl Dialect for Tutorial {
    fn join(&mut self) -> Said {
        Self::say(json!({"event": "joinRoom", "userName": self.name, "roomName": self.room}))
    }

    fn open(&mut self, user: &str, _: &Role, opening: &Opening) -> Said {
        let offer = &opening.offer;
        Self::say(json!({"event": "receiveVideoFrom", "userid": user, "roomName": self.room, "sdpOffer": offer}))
    }

    fn candidate(&mut self, user: &str, candidate: Value) -> Said {
        Self::say(json!({"event": "candidate", "userid": user, "roomName": self.room, "candidate": candidate}))
    }

    fn event(&mut self, _: &str, message: &Value) -> Option<Heard> {
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        Some(match message["event"].as_str().unwrap_or_default() {
            "existingParticipants" => Heard::Joined(field("userid")),
            "receiveVideoAnswer" => Heard::Answer { user: field("senderid"), sdp: field("sdpAnswer") },
            "candidate" => {
                let candidate = message["candidate"]["candidate"].as_str().unwrap_or_default().to_owned();
                Heard::Candidate { user: field("userid"), candidate }
            }
            other if other.to_lowercase().contains("error") => Heard::Refused(message.to_string()),
            // Arrivals, departures and extensions: the scenarios know who is there.
            _ => return None,
        })
    }

    fn acknowledged(&mut self, _: &str, _: &Value) -> Option<Heard> {
        None
    }
}
