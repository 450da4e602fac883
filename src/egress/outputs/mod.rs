//! Where a mix goes while it happens: pushed by RTMP, SRT or WHIP, or to be fetched by HLS.
//!
//! Owner: a task for each output. It alone starts and ends its pipeline, again and again where that fails; what is slow or
//! broken there loses frames there, and nowhere else.

mod destination;
mod keep;
mod pipeline;
mod reach;
mod whip;

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::{oneshot, watch};

use destination::Route;
pub use destination::{BadDestination, Destination};
pub use keep::PATIENCE;
pub use reach::{Reach, Unreachable};

use super::hls::{self, Shelf, Shelves};
use super::manifest::unix_ms;
use crate::config::Ice;
use crate::id::{MixName, OutputId, RoomName};
use crate::media::description::{Descriptions, Values};
use crate::mix::{Encoded, Encoding};

/// Where a mix is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To be fetched at `/hls/{room}/{mix}/index.m3u8`.
    Hls,
    /// Pushed there, by RTMP, SRT or WHIP.
    Push(Destination),
}

/// Why there is no such output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// That mix is served already.
    #[error("the mix is served as HLS already: it serves as many as come")]
    Served,
}

/// What an output writes to.
#[derive(Debug, Clone)]
enum Way {
    Push(Destination),
    Hls { shelf: Arc<Shelf>, lengths: hls::Lengths },
}

impl Way {
    /// What is said of it, without its secrets.
    fn conceal(&self, text: String) -> String {
        match self {
            Self::Push(destination) => destination.conceal(&text),
            Self::Hls { .. } => text,
        }
    }

    /// In which codecs it wants the mix.
    fn encodings(&self) -> [Encoding; 2] {
        match self {
            Self::Push(destination) if matches!(destination.route(), Route::Whip { .. }) => {
                [Encoding::H264, Encoding::Opus]
            }
            Self::Push(_) | Self::Hls { .. } => [Encoding::H264, Encoding::Aac],
        }
    }

    fn end(&self) {
        if let Self::Hls { shelf, .. } = self {
            shelf.end();
        }
    }
}

/// How an output fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It has not yet given anything away.
    Connecting,
    /// What is mixed arrives.
    Live,
    /// It failed, and is tried again in a moment.
    Waiting,
    /// It is over.
    Ended,
}

/// What is known of an output. Secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its identifier.
    pub id: OutputId,
    /// The mix that it takes.
    pub mix: MixName,
    /// `hls`, `rtmp`, `rtmps`, `srt` or `whip`.
    pub kind: String,
    /// Where it goes, without keys; of HLS, the path at which it is.
    pub url: String,
    /// How it fares.
    pub state: State,
    /// Since when it is so, in milliseconds since 1970.
    pub since: u64,
    /// How often it was tried again.
    pub retries: u32,
    /// Why it failed last.
    pub error: Option<String>,
    /// How much was taken.
    pub bytes: u64,
    /// How many frames the other side was too slow for.
    pub dropped: u64,
}

/// What an output is made of, each time.
#[derive(Debug, Clone)]
struct Material {
    descriptions: Descriptions,
    values: Values,
    ice: Ice,
}

/// An output that was asked for, and can be had.
#[derive(Debug)]
pub struct Plan {
    way: Way,
    status: Status,
}

impl Plan {
    /// Looks whether `target` can be had of a room's mix.
    ///
    /// # Errors
    /// When it cannot.
    pub fn make(target: &Target, room: &RoomName, mix: &MixName, shelves: &Shelves) -> Result<Self, Refusal> {
        let (way, kind, url) = match target {
            Target::Push(destination) => {
                let (kind, shown) = (destination.kind().to_owned(), destination.to_string());
                (Way::Push(destination.clone()), kind, shown)
            }
            Target::Hls => {
                let lengths = shelves.lengths();
                let shelf = Arc::new(lengths.shelf());
                if !shelves.put(room, mix.as_str(), &shelf) {
                    return Err(Refusal::Served);
                }
                let room = percent_encoding::utf8_percent_encode(room.as_str(), percent_encoding::NON_ALPHANUMERIC);
                let url = format!("/hls/{room}/{mix}/index.m3u8");
                (Way::Hls { shelf, lengths }, "hls".to_owned(), url)
            }
        };
        let status = Status {
            id: OutputId::new(),
            mix: mix.clone(),
            kind,
            url,
            state: State::Connecting,
            since: unix_ms(SystemTime::now()),
            retries: 0,
            error: None,
            bytes: 0,
            dropped: 0,
        };
        Ok(Self { way, status })
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &OutputId {
        &self.status.id
    }

    /// In which codecs it wants the mix.
    #[must_use]
    pub fn encodings(&self) -> [Encoding; 2] {
        self.way.encodings()
    }

    /// What is known of it if it never starts.
    #[must_use]
    pub fn ended(self) -> Status {
        Status { state: State::Ended, ..self.status }
    }

    /// Starts it, of a mix in its [encodings](Self::encodings). `ice` is how media finds its way, where that is by WebRTC. Must be
    /// called within a Tokio runtime.
    #[must_use]
    pub fn start(self, descriptions: &Descriptions, values: Values, ice: &Ice, encoded: Vec<Encoded>) -> Output {
        let (stop, stopped) = oneshot::channel();
        let (sender, status) = watch::channel(self.status);
        let material = Material { descriptions: descriptions.clone(), values, ice: ice.clone() };
        let keeper = keep::Keeper { way: self.way, material, encoded, status: sender };
        tokio::spawn(keeper.run(stopped));
        Output { status, _stop: stop }
    }
}

/// A running output. Dropping it ends it.
#[derive(Debug)]
pub struct Output {
    status: watch::Receiver<Status>,
    // Its end is the word.
    _stop: oneshot::Sender<()>,
}

impl Output {
    /// How it fares.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Ends it, and waits until it has ended.
    pub async fn stop(self) -> Status {
        let Self { mut status, _stop: stop } = self;
        drop(stop);
        // Gone is ended, too.
        let _ = status.wait_for(|status| status.state == State::Ended).await;
        status.borrow().clone()
    }
}
