//! What is known about a recording, kept beside it as JSON.
//!
//! Invariant: the file on disk is always whole, since each version replaces the former one at once.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::OutputError;
use crate::id::{ParticipantId, RecordingId};

/// How a recording fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being written.
    Recording,
    /// It was stopped, and is whole.
    Complete,
    /// The server ended while it was being written; it plays up to a moment before that.
    Interrupted,
    /// It could not be written to its end; what was written plays.
    Failed,
}

/// Somebody who was in the room while it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// Who.
    pub id: ParticipantId,
    /// Their name.
    pub name: String,
}

/// One recording. Times are in milliseconds, moments since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Which recording.
    pub id: RecordingId,
    /// The room's name.
    pub room: String,
    /// How it fares.
    pub state: State,
    /// When it began.
    pub started_at: u64,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// How long it is; of one that was interrupted, about how long.
    pub duration_ms: u64,
    /// The size of the file.
    pub bytes: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// Everybody who was there.
    pub participants: Vec<Attendee>,
}

impl Manifest {
    /// Puts this version in the place of the former one in `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), OutputError> {
        let path = manifest_path(folder, &self.id);
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from).map_err(OutputError::file(&path))?;
        std::fs::write(&new, text).map_err(OutputError::file(&new))?;
        std::fs::rename(&new, &path).map_err(OutputError::file(&path))
    }

    /// Reads a manifest.
    pub(super) fn read(path: &Path) -> Result<Self, OutputError> {
        let text = std::fs::read(path).map_err(OutputError::file(path))?;
        serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(OutputError::file(path))
    }
}

/// Where the media of a recording is.
pub(super) fn media_path(folder: &Path, id: &RecordingId) -> PathBuf {
    folder.join(format!("{id}.mp4"))
}

/// Where the manifest of a recording is.
pub(super) fn manifest_path(folder: &Path, id: &RecordingId) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// The size of the media now; nothing when there is none.
pub(super) fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// A moment as manifests have it.
pub(super) fn unix_ms(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
