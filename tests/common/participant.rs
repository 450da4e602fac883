//! A synthetic participant of the tutorial's dialect: joins a room, publishes a colour and a tone, and looks at
//! everybody else, by itself; tests read what it saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gstreamer_webrtc::WebRTCPeerConnectionState;
use plenum::config::VideoCodec;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connection::{Connection, Say};
use super::reception::Reception;
use super::server::Server;
use super::signaling::{Client, PATIENCE};
use super::source::{Camera, Look};

/// How a participant behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Its colour and pitch.
    pub look: Look,
    /// Whether it has a camera.
    pub video: bool,
    /// Whether it publishes at all.
    pub publish: bool,
    /// Whether it looks at the others.
    pub subscribe: bool,
    /// Whether its offers lie about its certificate.
    pub wrong_fingerprint: bool,
}

impl Options {
    /// The ways of the participant `index`: sends and receives sound and pictures.
    pub fn of(index: usize) -> Self {
        Self { look: Look::of(index), video: true, publish: true, subscribe: true, wrong_fingerprint: false }
    }
}

/// Somebody in a room. Leaves without a word when dropped.
#[derive(Debug)]
pub struct Participant {
    /// Its id, by the server.
    pub id: String,
    /// How it behaves.
    pub options: Options,
    /// Its signaling connection.
    pub client: Client,
    shared: Arc<Shared>,
    attending: JoinHandle<()>,
}

/// What the attending task and the test both know.
#[derive(Debug)]
struct Shared {
    publisher: Mutex<Option<Connection>>,
    viewers: Mutex<HashMap<String, Connection>>,
    /// Also of those who have left.
    receptions: watch::Sender<HashMap<String, watch::Sender<Reception>>>,
    published: watch::Sender<Option<(Instant, Option<Instant>)>>,
}

impl Participant {
    /// Joins `room` as `name` and starts to publish and to look at everybody.
    pub async fn join(server: &Server, room: &str, name: &str, options: Options) -> Self {
        Self::join_at(&server.address, room, name, options).await
    }

    /// As [`Participant::join`], from a process that does not own the server.
    pub async fn join_at(address: &str, room: &str, name: &str, options: Options) -> Self {
        let client = Client::connect(address).await;
        client.ask_to_join(room, name);
        let welcome = client.wait_for_event("existingParticipants").await;
        let id = welcome["userid"].as_str().expect("existingParticipants names the joiner").to_owned();
        let shared = Arc::new(Shared {
            publisher: Mutex::new(None),
            viewers: Mutex::default(),
            receptions: watch::Sender::new(HashMap::new()),
            published: watch::Sender::new(None),
        });
        let person = Attending {
            id: id.clone(),
            room: room.to_owned(),
            options,
            client: client.clone(),
            shared: shared.clone(),
        };
        Self { id, options, client, shared, attending: tokio::spawn(person.attend()) }
    }

    /// What it has received of the participant `other`, as it goes; waits until it has asked for it.
    pub async fn reception_of(&self, other: &str) -> watch::Receiver<Reception> {
        let mut receptions = self.shared.receptions.subscribe();
        let asked =
            tokio::time::timeout(PATIENCE, receptions.wait_for(|receptions| receptions.contains_key(other))).await;
        let asked = asked.unwrap_or_else(|_| panic!("{} never heard of {other}", self.id)).expect("the task lives");
        asked[other].subscribe()
    }

    /// Waits until what it received of `other` is as `wanted`; `what` names that when it does not come.
    pub async fn wait_until(&self, other: &str, what: &str, wanted: impl Fn(&Reception) -> bool) -> Reception {
        self.wait_within(PATIENCE, other, what, wanted).await
    }

    /// Watches `other` for a number of its seconds, counted by its flashes.
    pub async fn watch(&self, other: &Participant, seconds: u64) {
        let before = self.reception_of(&other.id).await.borrow().flashes;
        let patience = PATIENCE + Duration::from_secs(seconds);
        let what = format!("{seconds} further flashes");
        self.wait_within(patience, &other.id, &what, |seen| seen.flashes >= before + seconds).await;
    }

    async fn wait_within(
        &self,
        patience: Duration,
        other: &str,
        what: &str,
        wanted: impl Fn(&Reception) -> bool,
    ) -> Reception {
        let mut reception = self.reception_of(other).await;
        let last = reception.borrow().clone();
        let found = tokio::time::timeout(patience, reception.wait_for(|reception| wanted(reception))).await;
        if let Ok(Ok(reception)) = found.map(|found| found.map(|reception| reception.clone())) {
            return reception;
        }
        panic!("{} waited {patience:?} for {what} of {other}; first {last:?}, then {:?}", self.id, *reception.borrow())
    }

    /// Waits until it sees the colour and hears the tone of `other`.
    pub async fn wait_to_meet(&self, other: &Participant) -> Reception {
        let look = other.options.look;
        let (video, what) = (other.options.video, format!("the look and the tone of {look:?}"));
        let meets = |seen: &Reception| (!video || seen.shows(look)) && seen.sounds_like(look);
        self.wait_until(&other.id, &what, meets).await
    }

    /// Waits until its own connection is up.
    pub async fn wait_until_publishing(&self) {
        self.publisher_reaches(WebRTCPeerConnectionState::Connected, PATIENCE).await;
    }

    /// Waits until the state of its publishing connection is `wanted`.
    pub async fn publisher_reaches(&self, wanted: WebRTCPeerConnectionState, patience: Duration) {
        let search = async {
            let mut published = self.shared.published.subscribe();
            let _ = published.wait_for(Option::is_some).await;
            self.publisher_state().wait_for(|state| *state == wanted).await.map(|_| ())
        };
        let reached = tokio::time::timeout(patience, search).await;
        reached.unwrap_or_else(|_| panic!("{} was not {wanted:?} within {patience:?}", self.id)).expect("it lives");
    }

    /// The state of its publishing connection.
    pub fn publisher_state(&self) -> watch::Receiver<WebRTCPeerConnectionState> {
        self.shared.publisher.lock().unwrap().as_ref().map(Connection::state).expect("it publishes")
    }

    /// Leaves politely.
    pub async fn leave(self) {
        self.client.leave();
        self.client.wait_until_closed().await;
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.attending.abort();
        self.client.vanish();
    }
}

/// The task that follows the room.
struct Attending {
    id: String,
    room: String,
    options: Options,
    client: Client,
    shared: Arc<Shared>,
}

impl Attending {
    async fn attend(self) {
        let mut cursor = 0;
        while let Some(message) = self.client.next(&mut cursor).await {
            match message["event"].as_str().unwrap_or_default() {
                "existingParticipants" => self.begin(&message),
                "newParticipantArrived" => self.look_at(&message["userid"]),
                "receiveVideoAnswer" => self.take_answer(&message),
                "candidate" => {
                    self.with(&message["userid"], |connection| connection.add_candidate(&message["candidate"]))
                }
                "participantLeft" => self.look_away(&message["userid"]),
                _ => {}
            }
        }
    }

    fn begin(&self, message: &Value) {
        if self.options.publish {
            let begun = Instant::now();
            let connection = {
                let picture = self.options.video.then(|| (VideoCodec::Vp8, Camera::default()));
                Connection::publish(self.options.look, picture, self.say(self.id.clone()))
            };
            *self.shared.publisher.lock().unwrap() = Some(connection);
            self.shared.published.send_replace(Some((begun, None)));
        }
        for other in message["existingUsers"].as_array().into_iter().flatten() {
            self.look_at(&other["id"]);
        }
    }

    fn look_at(&self, other: &Value) {
        let (true, Some(other)) = (self.options.subscribe, other.as_str()) else { return };
        let report = watch::Sender::new(Reception::new());
        let connection = Connection::subscribe(report.clone(), self.say(other.to_owned()));
        self.shared.viewers.lock().unwrap().insert(other.to_owned(), connection);
        self.shared.receptions.send_modify(|receptions| {
            receptions.insert(other.to_owned(), report);
        });
    }

    fn look_away(&self, other: &Value) {
        let viewer = other.as_str().and_then(|other| self.shared.viewers.lock().unwrap().remove(other));
        drop(viewer);
    }

    fn take_answer(&self, message: &Value) {
        let sdp = message["sdpAnswer"].as_str().expect("an answer has SDP");
        self.with(&message["senderid"], |connection| connection.answer(sdp));
        let sender = message["senderid"].as_str().unwrap_or_default();
        if sender == self.id {
            self.shared.published.send_modify(|times| {
                if let Some((_, answered)) = times {
                    *answered = Some(Instant::now());
                }
            });
        } else if let Some(report) = self.shared.receptions.borrow().get(sender) {
            report.send_modify(|reception| reception.answered = Some(Instant::now()));
        }
    }

    /// Does something with the connection that `other` names, if there is one.
    fn with(&self, other: &Value, act: impl FnOnce(&Connection)) {
        let other = other.as_str().unwrap_or_default();
        if other == self.id {
            self.shared.publisher.lock().unwrap().as_ref().map(act);
        } else {
            self.shared.viewers.lock().unwrap().get(other).map(act);
        }
    }

    /// How the connection for `other` talks to the server.
    fn say(&self, other: String) -> impl Fn(Say) + Send + Sync + 'static {
        let (client, room, lies) = (self.client.clone(), self.room.clone(), self.options.wrong_fingerprint);
        move |say| match say {
            Say::Offer(sdp) => {
                let sdp = if lies { with_wrong_fingerprint(&sdp) } else { sdp };
                client.send(&json!({"event": "receiveVideoFrom", "userid": other, "roomName": room, "sdpOffer": sdp}));
            }
            Say::Candidate(candidate) => {
                client.send(&json!({"event": "candidate", "userid": other, "roomName": room, "candidate": candidate}));
            }
        }
    }
}

/// The same SDP with the fingerprint of some other certificate.
pub fn with_wrong_fingerprint(sdp: &str) -> String {
    let turn = |line: &str| match line.split_once("a=fingerprint:sha-256 ") {
        Some((_, digits)) => format!("a=fingerprint:sha-256 {}", digits.chars().map(turned).collect::<String>()),
        None => line.to_owned(),
    };
    sdp.lines().map(|line| turn(line) + "\r\n").collect()
}

fn turned(digit: char) -> char {
    match digit.to_digit(16) {
        Some(value) => char::from_digit(15 - value, 16).map_or(digit, |digit| digit.to_ascii_uppercase()),
        None => digit,
    }
}
