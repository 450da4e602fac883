//! A synthetic participant of the native dialect: joins, publishes a colour and a tone, and receives by slots, each when
//! the test says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gstreamer_webrtc::WebRTCPeerConnectionState;
use plenum::config::VideoCodec;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::connection::{Connection, Say};
use super::reception::Reception;
use super::replay::Clip;
use super::server::Server;
use super::signaling::{Client, PATIENCE};
use super::source::{Camera, Look, Manner};
use super::talker::Level;

/// Somebody in a room. Their socket closes without a word when dropped.
#[derive(Debug)]
pub struct Native {
    /// Their id, by the server.
    pub id: String,
    /// What `join` gave.
    pub welcome: Value,
    /// Their colour and pitch.
    pub look: Look,
    /// What takes their picture.
    pub camera: Camera,
    /// Their signaling connection.
    pub client: Client,
}

impl Native {
    /// Joins `room` as `name`, with the look `index`.
    pub async fn join(server: &Server, room: &str, name: &str, index: usize) -> Self {
        Self::join_by(server, &json!({"room": room, "name": name}), index).await
    }

    /// Joins by a request of any content, which has to let them in at once.
    pub async fn join_by(server: &Server, request: &Value, index: usize) -> Self {
        let client = Client::connect(&server.address).await;
        let welcome = client.get("join", request).await;
        let id = welcome["id"].as_str().unwrap_or_else(|| panic!("not let in: {welcome}")).to_owned();
        Self { id, welcome, look: Look::of(index), camera: Camera::default(), client }
    }

    /// Asks for something that has to work.
    pub async fn get(&self, name: &str, data: Value) -> Value {
        self.client.get(name, &data).await
    }

    /// Asks for something that has to be refused, and gives the code.
    pub async fn refused(&self, name: &str, data: Value) -> String {
        self.client.refused(name, &data).await
    }

    /// Waits for an event whose data is as wanted, also one that came before.
    pub async fn told(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.told_since(0, event, wanted).await
    }

    /// Waits for an event after the first `skip` messages, as counted by [`Client::count`].
    pub async fn told_since(&self, skip: usize, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let is = |message: &Value| message["event"] == event && wanted(&message["data"]);
        self.client.wait_for_since(skip, &format!("the event {event}"), is).await["data"].clone()
    }

    /// Waits until what was last said about the participant `id` is as wanted.
    pub async fn sees(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let member = |messages: &[Value]| {
            let told = messages.iter().rev().map(|message| &message["data"]["participant"]);
            let listed = self.welcome["participants"].as_array().into_iter().flatten();
            told.chain(listed).find(|member| member["id"] == id).filter(|member| wanted(member)).cloned()
        };
        self.client.wait_until(&format!("{id} to be {what}"), member).await
    }

    /// Goes to the server and back: what it said before is here when this returns.
    pub async fn round_trip(&self) {
        assert_eq!(self.refused("round trip", json!({})).await, "unknown_event");
    }

    /// Publishes microphone and camera.
    pub async fn publish(&self, endpoint: &str) -> Endpoint {
        self.publish_by(endpoint, json!({})).await
    }

    /// Shares a screen and its sound, which have a look of their own.
    pub async fn share(&self, endpoint: &str, look: Look) -> Endpoint {
        let open = Opening { shared: true, ..Opening::publish() };
        let screen = Some((VideoCodec::Vp8, Camera::default()));
        self.open(endpoint, open, |say| Connection::publish(look, screen, say)).await
    }

    /// As [`Native::publish`], in a room that speaks H.264.
    pub async fn publish_h264(&self, endpoint: &str) -> Endpoint {
        let (look, camera) = (self.look, self.camera.clone());
        let publish = |say: Talk| Connection::publish(look, Some((VideoCodec::H264, camera)), say);
        self.open(endpoint, Opening::publish(), publish).await
    }

    /// As [`Native::publish`]; `more` has fields for the request, and `muted` for both tracks.
    pub async fn publish_by(&self, endpoint: &str, more: Value) -> Endpoint {
        let muted = more["muted"].as_bool().unwrap_or_default();
        let (look, camera) = (self.look, self.camera.clone());
        let open = Opening { muted, replaces: more["replaces"].clone(), ..Opening::publish() };
        self.open(endpoint, open, |say| Connection::publish(look, Some((VideoCodec::Vp8, camera)), say)).await
    }

    /// As [`Native::publish`], in some manner.
    pub async fn publish_in(&self, endpoint: &str, manner: Manner) -> Endpoint {
        let (look, camera) = (self.look, self.camera.clone());
        let publish = |say: Talk| Connection::publish_in(look, manner, Some((VideoCodec::Vp8, camera)), say);
        self.open(endpoint, Opening::publish(), publish).await
    }

    /// As [`Native::publish`], by a path of somebody's choice.
    pub async fn publish_over(&self, endpoint: &str, detour: Arc<dyn Detour>) -> Endpoint {
        let (look, camera) = (self.look, self.camera.clone());
        let open = Opening { detour: Some(detour), ..Opening::publish() };
        self.open(endpoint, open, |say| Connection::publish(look, Some((VideoCodec::Vp8, camera)), say)).await
    }

    /// Publishes what was encoded before.
    pub async fn replay(&self, endpoint: &str, clip: Arc<Clip>) -> Endpoint {
        self.open(endpoint, Opening::publish(), |say| Connection::replay(clip, say)).await
    }

    /// Publishes a microphone whose level the test sets.
    pub async fn talk(&self, endpoint: &str) -> (Endpoint, Level) {
        let level = Level::silent();
        let talking = level.clone();
        (self.open(endpoint, Opening::publish(), |say| Connection::talk(None, talking, say)).await, level)
    }

    /// The same with a camera.
    pub async fn talk_on_camera(&self, endpoint: &str) -> (Endpoint, Level) {
        let (level, look) = (Level::silent(), self.look);
        let talking = level.clone();
        (self.open(endpoint, Opening::publish(), |say| Connection::talk(Some(look), talking, say)).await, level)
    }

    /// Opens an endpoint with slots for sound and pictures.
    pub async fn subscribe(&self, endpoint: &str, audio: usize, video: usize) -> Endpoint {
        let reports: Vec<_> = (0..audio + video).map(|_| watch::Sender::new(Reception::new())).collect();
        let receptions = reports.iter().map(watch::Sender::subscribe).collect();
        let open = Opening { request: "subscribe", receptions, ..Opening::publish() };
        self.open(endpoint, open, |say| Connection::slots(audio, reports, say)).await
    }

    async fn open(&self, name: &str, opening: Opening, connect: impl FnOnce(Talk) -> Connection) -> Endpoint {
        let Opening { request, muted, shared, replaces, receptions, detour } = opening;
        let secret = detour.is_some();
        let (client, endpoint) = (self.client.clone(), name.to_owned());
        let (asked, mut number) = mpsc::unbounded_channel();
        // Candidates that come at once are heard from here on.
        let mut cursor = self.client.count();
        let connection = Arc::new(connect(Box::new(move |say| match say {
            Say::Offer(offer) => {
                let mut data = json!({"endpoint": endpoint, "offer": offer});
                if request == "publish" {
                    data["tracks"] = named(&offer, shared, muted);
                }
                if replaces.is_string() {
                    data["replaces"] = replaces.clone();
                }
                let _ = asked.send(client.request(request, &[data]));
            }
            // The server would send there, by the short way.
            Say::Candidate(_) if secret => {}
            Say::Candidate(candidate) => {
                client.request("candidate", &[json!({"endpoint": endpoint, "candidate": candidate})]);
            }
        })));
        let number = tokio::time::timeout(PATIENCE, number.recv()).await.expect("an offer in time").expect("an offer");
        let reply = self.client.reply(number).await;
        let answer = reply["result"]["answer"].as_str().unwrap_or_else(|| panic!("{name} was refused: {reply}"));
        connection.answer(&answer.lines().filter_map(|line| led(detour.as_deref(), line)).collect::<String>());
        let (client, weak, own) = (self.client.clone(), Arc::downgrade(&connection), name.to_owned());
        let attending = tokio::spawn(async move {
            while let Some(message) = client.next(&mut cursor).await {
                let Some(connection) = weak.upgrade() else { return };
                if message["event"] == "candidate" && message["data"]["endpoint"] == *own {
                    let mut candidate = message["data"]["candidate"].clone();
                    let line = candidate["candidate"].as_str().unwrap_or_default();
                    if let Some(line) = led(detour.as_deref(), line) {
                        candidate["candidate"] = json!(line.trim_end());
                        connection.add_candidate(&candidate);
                    }
                }
            }
        });
        let endpoint = Endpoint { name: name.to_owned(), connection, receptions, attending };
        endpoint.reaches(WebRTCPeerConnectionState::Connected).await;
        endpoint
    }

    /// Waits until a slot of the endpoint is said to carry that track, and gives its index.
    pub async fn finds(&self, endpoint: &Endpoint, participant: &str, source: &str) -> usize {
        let track = json!({"participant": participant, "source": source});
        let found = |slots: &[Value]| slots.iter().position(|slot| slot["track"] == track);
        self.slots_until(endpoint, &format!("a slot with {track}"), found).await
    }

    /// Waits until no slot of the endpoint is said to carry that track.
    pub async fn misses(&self, endpoint: &Endpoint, participant: &str, source: &str) {
        let track = json!({"participant": participant, "source": source});
        let gone = |slots: &[Value]| slots.iter().all(|slot| slot["track"] != track).then_some(());
        self.slots_until(endpoint, &format!("no slot with {track}"), gone).await;
    }

    async fn slots_until<T>(&self, endpoint: &Endpoint, what: &str, found: impl Fn(&[Value]) -> Option<T>) -> T {
        let of = |messages: &[Value]| {
            let ours = |message: &&Value| message["event"] == "slots" && message["data"]["endpoint"] == *endpoint.name;
            let last = messages.iter().rev().find(ours)?;
            found(last["data"]["slots"].as_array()?)
        };
        self.client.wait_until(what, of).await
    }

    /// Waits until the picture and the sound of `other` come through the slots that are said to carry them.
    pub async fn meets(&self, endpoint: &Endpoint, other: &str, look: Look) {
        let sound = self.finds(endpoint, other, "microphone").await;
        endpoint.wait_until(sound, "their tone", |seen| seen.sounds_like(look)).await;
        let picture = self.finds(endpoint, other, "camera").await;
        endpoint.wait_until(picture, "their colour", |seen| seen.shows(look)).await;
    }

    /// Holds all that was ever said about slots against the protocol: nobody's track is in two of them.
    pub fn check_slots(&self) {
        for message in self.client.messages().iter().filter(|message| message["event"] == "slots") {
            let slots = message["data"]["slots"].as_array().expect("slots");
            let tracks: Vec<_> = slots.iter().map(|slot| &slot["track"]).filter(|track| !track.is_null()).collect();
            let twice = tracks.iter().enumerate().find(|(at, track)| tracks[..*at].contains(track));
            assert!(twice.is_none(), "a track in two slots: {message}");
        }
    }

    /// Goes by name.
    pub async fn leave(self) {
        self.get("leave", json!({})).await;
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        self.client.vanish();
    }
}

type Talk = Box<dyn Fn(Say) + Send + Sync>;

struct Opening {
    request: &'static str,
    muted: bool,
    shared: bool,
    replaces: Value,
    receptions: Vec<watch::Receiver<Reception>>,
    detour: Option<Arc<dyn Detour>>,
}

impl Opening {
    fn publish() -> Self {
        let (muted, shared) = (false, false);
        Self { request: "publish", muted, shared, replaces: Value::Null, receptions: Vec::new(), detour: None }
    }
}

/// Another path to the server than the straight one.
pub trait Detour: Send + Sync {
    /// Where to send instead of a server's address, if there is a way.
    fn instead_of(&self, server: SocketAddr) -> Option<SocketAddr>;
}

/// A line of SDP, or a candidate alone, by way of the detour: nothing where there is no way.
fn led(detour: Option<&dyn Detour>, line: &str) -> Option<String> {
    let Some(detour) = detour.filter(|_| line.contains("candidate:")) else { return Some(format!("{line}\r\n")) };
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let [_, _, protocol, _, host, port, ..] = words.as_slice() else { return None };
    if !protocol.eq_ignore_ascii_case("udp") {
        return None;
    }
    let front = detour.instead_of(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))?;
    (words[4], words[5]) = (front.ip().to_string(), front.port().to_string());
    Some(format!("{}\r\n", words.join(" ")))
}

/// The tracks of an offer of [`Connection::publish`], as the protocol names them.
pub fn tracks(offer: &str, muted: bool) -> Value {
    named(offer, false, muted)
}

fn named(offer: &str, shared: bool, muted: bool) -> Value {
    let kinds = offer.lines().filter_map(|line| line.strip_prefix("m=")?.split(' ').next());
    let mids = offer.lines().filter_map(|line| line.strip_prefix("a=mid:"));
    let source = |kind: &str| match (kind == "audio", shared) {
        (true, false) => "microphone",
        (false, false) => "camera",
        (true, true) => "screenAudio",
        (false, true) => "screen",
    };
    kinds.zip(mids).map(|(kind, mid)| json!({"mid": mid.trim(), "source": source(kind), "muted": muted})).collect()
}

/// One of a participant's endpoints, ended without a word when dropped.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    connection: Arc<Connection>,
    receptions: Vec<watch::Receiver<Reception>>,
    attending: JoinHandle<()>,
}

impl Endpoint {
    /// What has come by a slot.
    pub fn seen(&self, slot: usize) -> Reception {
        self.receptions[slot].borrow().clone()
    }

    /// Waits until what came by a slot is as `wanted`; `what` names that when it does not come.
    pub async fn wait_until(&self, slot: usize, what: &str, wanted: impl Fn(&Reception) -> bool) -> Reception {
        let mut reception = self.receptions[slot].clone();
        let found = tokio::time::timeout(PATIENCE, reception.wait_for(|seen| wanted(seen))).await;
        match found.map(|found| found.map(|seen| seen.clone())) {
            Ok(Ok(seen)) => seen,
            _ => panic!("slot {slot} of {} waited {PATIENCE:?} for {what}: {:?}", self.name, self.seen(slot)),
        }
    }

    /// Waits until so many packets of sound more have come by a slot: a clock that a test can wait for.
    pub async fn hears(&self, slot: usize, packets: u64) {
        let before = self.seen(slot).audio.packets;
        self.wait_until(slot, "packets of sound", |seen| seen.audio.packets >= before + packets).await;
    }

    /// Waits until so many pictures more have come by a slot.
    pub async fn watches(&self, slot: usize, frames: u64) {
        let before = self.seen(slot).frames;
        self.wait_until(slot, "pictures", |seen| seen.frames >= before + frames).await;
    }

    /// Waits until its connection is in a state.
    pub async fn reaches(&self, wanted: WebRTCPeerConnectionState) {
        self.reaches_within(wanted, PATIENCE).await;
    }

    /// As [`Endpoint::reaches`], with another limit of time.
    pub async fn reaches_within(&self, wanted: WebRTCPeerConnectionState, patience: Duration) {
        let mut state = self.connection.state();
        let reached = tokio::time::timeout(patience, state.wait_for(|state| *state == wanted)).await;
        let now = *self.connection.state().borrow();
        assert!(reached.is_ok(), "{} was not {wanted:?} within {patience:?}: {now:?}", self.name);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.attending.abort();
    }
}
