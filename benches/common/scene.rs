//! A room with synthetic people in it, and recordings of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::common::judge::{Recording, Rect};
use crate::common::lab::Lab;
use crate::common::native::{Endpoint, Native};
use crate::common::relay::Relay;
use crate::common::replay::Clip;
use crate::common::server::Server;
use crate::common::source::{self, Look, Manner};

/// A person who sends picture and sound.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) native: Native,
    // Kept for its drop, which ends it.
    _sending: Endpoint,
}

/// How somebody reaches the server, and what they send.
pub(crate) enum Sends {
    /// Flashes and beeps, by the straight way.
    Straight,
    /// The same in some manner.
    #[allow(dead_code, reason = "the bench of streams needs it")]
    In(Manner),
    /// The same by way of a relay.
    Over(Arc<Relay>),
    /// What was encoded before.
    Clip(Arc<Clip>),
}

/// A recording that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: String,
    /// When the answer had come, by the clock of the sources.
    pub(crate) answered: f64,
}

/// The server, and who is in its room.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) people: Vec<Person>,
}

impl Scene {
    /// Starts a server with `count` people who flash and beep.
    pub(crate) async fn open(lab: &Lab, count: usize) -> Self {
        Self::around(Server::start(lab).await, count).await
    }

    /// The same, of a server that runs.
    pub(crate) async fn around(server: Server, count: usize) -> Self {
        let mut scene = Self { server, people: Vec::new() };
        for _ in 0..count {
            scene.enter(Sends::Straight).await;
        }
        scene
    }

    /// One person more.
    pub(crate) async fn enter(&mut self, sends: Sends) {
        self.enter_as(self.people.len(), sends).await;
    }

    /// One person more, who has a look of this number.
    pub(crate) async fn enter_as(&mut self, look: usize, sends: Sends) {
        let native = Native::join(&self.server, "tea", &format!("p{look}"), look).await;
        self.let_in(native, sends).await;
    }

    /// Somebody who has joined.
    pub(crate) async fn let_in(&mut self, native: Native, sends: Sends) {
        let sending = match sends {
            Sends::Straight => native.publish("send-1").await,
            Sends::In(manner) => native.publish_in("send-1", manner).await,
            Sends::Over(relay) => native.publish_over("send-1", relay).await,
            Sends::Clip(clip) => native.replay("send-1", clip).await,
        };
        let on_air = |member: &Value| member["tracks"].as_array().is_some_and(|all| all.len() == 2);
        native.sees(&native.id, "on air", on_air).await;
        self.people.push(Person { native, _sending: sending });
    }

    /// The looks of everybody.
    pub(crate) fn looks(&self) -> Vec<Look> {
        self.people.iter().map(|person| person.native.look).collect()
    }

    /// Starts a recording.
    pub(crate) async fn start(&self, format: &Value) -> Running {
        let (status, entry) = self.server.post("/api/v1/rooms/tea/recordings", format).await;
        let answered = source::now();
        assert_eq!(status, 201, "{entry}");
        Running { id: entry["id"].as_str().expect("an id").to_owned(), answered }
    }

    /// Stops it, and gives what the server says of it then.
    pub(crate) async fn stop(&self, id: &str) -> Value {
        let (status, entry) = self.server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
        assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");
        entry
    }
}

/// The files of a recording, and where each begins by the clock of the sources, as the server says.
pub(crate) fn files(folder: &Path, entry: &Value) -> Vec<(PathBuf, f64, Value)> {
    let started = entry["startedAt"].as_f64().expect("startedAt") / 1e3 - unix_at_zero();
    let files = entry["files"].as_array().expect("files").iter();
    let place = |file: &Value| {
        let start = started + file["startMs"].as_f64().unwrap_or(0.0) / 1e3;
        (folder.join(file["name"].as_str().expect("a name")), start, file.clone())
    };
    files.map(place).collect()
}

/// The participant whose file it is.
pub(crate) fn owner(file: &Value) -> Option<&str> {
    file["streams"][0]["participant"].as_str()
}

/// Decodes a file whose whole picture is one person.
pub(crate) fn open_whole(path: &Path) -> Recording {
    let (width, height) = Recording::open(path, &[]).size;
    Recording::open(path, &[Rect { x: 0, y: 0, width, height }])
}

/// The time since 1970 at which the clock of the sources began.
pub(crate) fn unix_at_zero() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs_f64() - source::now()
}

/// Lets time pass: recordings have a length.
pub(crate) async fn pass(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))).await;
}

/// Waits until the clock of the sources says `moment`.
pub(crate) async fn until(moment: f64) {
    pass(moment - source::now()).await;
}

/// Does what blocks, and says how long it took.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let begun = Instant::now();
    let done = tokio::task::spawn_blocking(work).await.expect("see above");
    if begun.elapsed() > Duration::from_secs(30) {
        eprintln!("judging took {:?}", begun.elapsed());
    }
    done
}
