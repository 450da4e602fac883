//! The native dialect (`docs/protocol.md`): requests with acknowledgements, endpoints by name, slots.

use serde_json::{Value, json};

use crate::packets::Track;
use crate::peer::{Opening, Role};
use crate::signaling::{Dialect, Heard, Said};

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct Native {
    /// The room's name.
    pub(crate) room: String,
    /// Their own.
    pub(crate) name: String,
}

impl Native {
    /// Asks to look at the cameras of these participants, the most important first.
    pub(crate) fn view(participants: &[String]) -> Said {
        let look = |id: &String| json!({"participant": id, "source": "camera", "height": 180});
        let tracks: Vec<Value> = participants.iter().map(look).collect();
        ask("view", json!({"tracks": tracks}))
    }
}

fn ask(event: &'static str, data: Value) -> Said {
    Said { event, data, wants: Some(event.to_owned()) }
}

impl Dialect for Native {
    fn join(&mut self) -> Said {
        ask("join", json!({"room": self.room, "name": self.name}))
    }

    fn open(&mut self, endpoint: &str, role: &Role, opening: &Opening) -> Said {
        let wants = Some(format!("answer {endpoint}"));
        let offer = &opening.offer;
        if matches!(role, Role::Receive(_)) {
            return Said { event: "subscribe", data: json!({"endpoint": endpoint, "offer": offer}), wants };
        }
        let [audio, video] = [Track::Audio, Track::Video].map(|track| opening.mids.get(track as usize));
        let tracks = json!([{"mid": audio, "source": "microphone"}, {"mid": video, "source": "camera"}]);
        Said { event: "publish", data: json!({"endpoint": endpoint, "offer": offer, "tracks": tracks}), wants }
    }

    fn candidate(&mut self, endpoint: &str, candidate: Value) -> Said {
        ask("candidate", json!({"endpoint": endpoint, "candidate": candidate}))
    }

    fn event(&mut self, name: &str, data: &Value) -> Option<Heard> {
        let user = data["endpoint"].as_str().unwrap_or_default().to_owned();
        Some(match name {
            "candidate" => {
                let candidate = data["candidate"]["candidate"].as_str().unwrap_or_default().to_owned();
                Heard::Candidate { user, candidate }
            }
            "slots" => {
                let slots = data["slots"].as_array().into_iter().flatten();
                let who = |slot: &Value| slot["track"]["participant"].as_str().map(ToOwned::to_owned);
                Heard::Slots { user, names: slots.map(who).collect() }
            }
            "error" | "removed" => Heard::Refused(data.to_string()),
            // Arrivals, speakers, demands: the scenarios know who is there and send what they said they would.
            _ => return None,
        })
    }

    fn acknowledged(&mut self, wanted: &str, reply: &Value) -> Option<Heard> {
        if reply.get("result").is_none() {
            return Some(Heard::Refused(format!("{wanted}: {reply}")));
        }
        let text = |name: &str| reply["result"][name].as_str().unwrap_or_default().to_owned();
        match wanted.split_once(' ') {
            Some(("answer", endpoint)) => Some(Heard::Answer { user: endpoint.to_owned(), sdp: text("answer") }),
            _ if wanted == "join" => Some(Heard::Joined(text("id"))),
            _ => None,
        }
    }
}
