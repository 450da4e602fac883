//! The part of the room's task that mixes and records: the mix runs only while something wants it.

use std::path::Path;

use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use super::{Event, Member, RecordingError, Running};
use crate::egress::catalogue::Entry;
use crate::egress::recording::{self, Recording};
use crate::id::{ParticipantId, RecordingId};
use crate::media::Kind;
use crate::media::bus::BusEvent;
use crate::mix::{Mix, MixSettings};

/// How many recordings may end at once without waiting for the room.
const FINISHED: usize = 8;

/// A recording whose file is written, or lost.
#[derive(Debug)]
pub(super) struct Finished {
    id: RecordingId,
}

/// What the room records.
#[derive(Debug)]
pub(super) struct Recordings {
    active: Vec<Active>,
    mix: Option<Mix>,
    finished: mpsc::Sender<Finished>,
}

/// One recording, from start to finalised file.
#[derive(Debug)]
struct Active {
    running: Running,
    /// Ends it when taken.
    stop: Option<oneshot::Sender<()>>,
    waiting: Vec<oneshot::Sender<Result<Entry, RecordingError>>>,
}
