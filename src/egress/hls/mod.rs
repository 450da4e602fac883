//! A mix as HLS, with low latency: segments and parts in memory, served over HTTP.
//!
//! ```text
//! link ─ stream/h264 ─ appsink ─┐
//! link ─ stream/aac ── appsink ─┴ cutter ─ fragment ─ shelf ─ HTTP
//! ```
//!
//! Threads: frames are cut and written in the streaming threads that bring them, one lock each; HTTP reads the
//! [`Shelf`]. Invariant: a name below a stream's address always means the same bytes, so that caches may keep them.

mod cutter;
mod fragment;
mod packager;
mod playlist;
mod shelf;

pub(super) use packager::{Lengths, install};
pub use shelf::{Missing, Shelf};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::config;
use crate::id::RoomName;

/// A room, and one of its mixes.
type Place = (RoomName, String);

/// The shelves of all streams, by room and mix; cheap to clone. A stream that has ended is forgotten with its output.
#[derive(Debug, Clone)]
pub struct Shelves {
    lengths: Lengths,
    all: Arc<Mutex<HashMap<Place, Weak<Shelf>>>>,
}

impl Shelves {
    /// None yet.
    #[must_use]
    pub fn new(settings: &config::Hls) -> Self {
        Self { lengths: Lengths::from(settings), all: Arc::default() }
    }

    /// How streams are cut.
    pub(super) fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// The stream of a room's mix, if there is one.
    #[must_use]
    pub fn get(&self, room: &RoomName, mix: &str) -> Option<Arc<Shelf>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(room.clone(), mix.to_owned())).and_then(Weak::upgrade)
    }

    /// Makes a stream known, if that mix has none yet.
    pub(super) fn put(&self, room: &RoomName, mix: &str, shelf: &Arc<Shelf>) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, shelf| shelf.strong_count() > 0);
        let place = all.entry((room.clone(), mix.to_owned())).or_default();
        let is_free = place.strong_count() == 0;
        if is_free {
            *place = Arc::downgrade(shelf);
        }
        is_free
    }
}
