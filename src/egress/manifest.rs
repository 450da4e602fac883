//! What is known about a recording, kept beside it as JSON.
//!
//! Invariant: the file on disk is always whole, since each version replaces the former one at once.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OutputError;
use super::durable;
use super::file::{FileName, MediaFile, half_made, is_zero, size_of};
use super::format::Format;
use super::happening::{Happening, Moment};
use crate::id::{ParticipantId, RecordingId};
use crate::mix::layout::Layout;

/// A day of a busy room; some 10 MB.
const MOST_EVENTS: usize = 100_000;

/// How a recording fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being written.
    Recording,
    /// It is held: what happens now is not in it.
    Paused,
    /// It was stopped, and is whole.
    Complete,
    /// The server ended while it was being written; it plays up to a moment before that.
    Interrupted,
    /// It was interrupted, and a later server made what was written of it whole.
    Recovered,
    /// It could not be written to its end; what was written plays.
    Failed,
}

impl State {
    /// Whether it has not ended yet.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Recording | Self::Paused)
    }
}

/// A time that is not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// When it began.
    pub from: u64,
    /// When it ended; with the recording, if nobody ended it before.
    pub to: Option<u64>,
}

/// Somebody who was in the room while it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attendee {
    /// Who.
    #[schemars(with = "String")]
    pub id: ParticipantId,
    /// Their name.
    pub name: String,
}

/// How an upload fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// It is to be done, or done again.
    Pending,
    /// Everything is stored, and was compared.
    Done,
    /// It was given up.
    Failed,
}

/// What became of a recording elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// How it fares.
    pub state: UploadState,
    /// The folder with its files and its manifest.
    pub location: String,
    /// When all was stored.
    pub uploaded_at: Option<u64>,
    /// Whether its files are there only.
    #[serde(default)]
    pub local_deleted: bool,
    /// Why it failed the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One recording. Times are in milliseconds, moments since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Which recording.
    #[schemars(with = "String")]
    pub id: RecordingId,
    /// The room's name.
    pub room: String,
    /// What it holds.
    #[serde(flatten)]
    pub format: Format,
    /// How its picture is arranged, where that is one of the mix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// How it fares.
    pub state: State,
    /// When it began.
    pub started_at: u64,
    /// How long before it was asked for that was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pre_roll_ms: u64,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// The times that are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// How long it is; of one that was interrupted, about how long.
    pub duration_ms: u64,
    /// The size of all its files.
    pub bytes: u64,
    /// Its files.
    #[serde(default)]
    pub files: Vec<MediaFile>,
    /// Why it failed, or ended by itself.
    pub error: Option<String>,
    /// Its upload, where recordings are uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Box<Upload>>,
    /// Everybody who was there.
    pub participants: Vec<Attendee>,
    /// What happened, in its order: only in the manifest file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Moment>,
    /// How much more happened than is kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub events_lost: u64,
}

impl Manifest {
    /// A recording that begins now.
    #[must_use]
    pub(super) fn new(id: RecordingId, room: String, format: Format) -> Self {
        Self {
            id,
            room,
            format,
            layout: None,
            state: State::Recording,
            started_at: unix_ms(SystemTime::now()),
            pre_roll_ms: 0,
            ended_at: None,
            pauses: Vec::new(),
            duration_ms: 0,
            bytes: 0,
            files: Vec::new(),
            error: None,
            upload: None,
            participants: Vec::new(),
            events: Vec::new(),
            events_lost: 0,
        }
    }

    /// How long it has run until `now`, without its pauses.
    #[must_use]
    pub fn elapsed_ms(&self, now: u64) -> u64 {
        let rested: u64 = self.pauses.iter().map(|pause| pause.to.unwrap_or(now).saturating_sub(pause.from)).sum();
        now.saturating_sub(self.started_at).saturating_sub(rested)
    }

    /// Notes what happened when it had come `at_ms` far.
    pub(super) fn note(&mut self, at_ms: u64, happening: Happening) {
        if let Happening::Joined { participant, name } = &happening
            && !self.participants.iter().any(|known| known.id == *participant)
        {
            self.participants.push(Attendee { id: participant.clone(), name: name.clone() });
        }
        if self.events.len() < MOST_EVENTS {
            self.events.push(Moment { at_ms, happening });
        } else {
            self.events_lost += 1;
        }
    }

    /// The same without what happened, which may be long.
    #[must_use]
    pub fn brief(&self) -> Self {
        // Not cloned only to be thrown away.
        let Self { id, room, format, files, state, started_at, ended_at, pauses, .. } = self;
        Self {
            id: id.clone(),
            room: room.clone(),
            format: *format,
            layout: self.layout.clone(),
            state: *state,
            started_at: *started_at,
            pre_roll_ms: self.pre_roll_ms,
            ended_at: *ended_at,
            pauses: pauses.clone(),
            duration_ms: self.duration_ms,
            bytes: self.bytes,
            files: files.clone(),
            error: self.error.clone(),
            upload: self.upload.clone(),
            participants: self.participants.clone(),
            events: Vec::new(),
            events_lost: 0,
        }
    }

    /// What a manifest looks like, as JSON Schema.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// Whether every file is known by what was in it when it was whole.
    pub(super) fn is_checked(&self) -> bool {
        self.files.iter().all(|file| file.sha256.is_some())
    }

    /// Whether its files are here, as far as there are any.
    pub(super) fn is_here(&self) -> bool {
        !self.upload.as_ref().is_some_and(|upload| upload.local_deleted)
    }

    /// Refuses what is elsewhere only.
    pub(super) fn must_be_here(&self) -> Result<(), OutputError> {
        match self.upload.as_ref().filter(|upload| upload.local_deleted) {
            Some(upload) => Err(OutputError::Elsewhere { id: self.id.clone(), location: upload.location.clone() }),
            None => Ok(()),
        }
    }

    /// The file of that name, or the only one, or the first of several.
    pub(super) fn file(&self, name: Option<&str>) -> Option<&MediaFile> {
        match name {
            Some(name) => self.files.iter().find(|file| file.name.as_str() == name),
            None => self.files.first(),
        }
    }

    pub(super) fn file_mut(&mut self, name: &FileName) -> Option<&mut MediaFile> {
        self.files.iter_mut().find(|file| file.name == *name)
    }

    /// Notes how long the recording is, by its files.
    pub(super) fn measure(&mut self) {
        self.duration_ms = self.files.iter().map(|file| file.start_ms + file.duration_ms).max().unwrap_or(0);
    }

    /// Notes how large the files are now.
    pub(super) fn weigh(&mut self, folder: &Path) {
        for file in &mut self.files {
            file.bytes = size_of(&file.name.within(folder));
        }
        self.bytes = self.files.iter().map(|file| file.bytes).sum();
    }

    /// Puts this version in the place of the former one in `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), OutputError> {
        let path = manifest_path(folder, &self.id);
        let new = half_made(&path);
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from).map_err(OutputError::file(&path))?;
        let written = std::fs::write(&new, text).map_err(OutputError::file(&new));
        let replaced = written.and_then(|()| durable::replace(&new, &path).map_err(OutputError::file(&path)));
        // Half of one on a full disk is in the way of what makes space.
        replaced.inspect_err(|_| drop(std::fs::remove_file(&new)))
    }

    /// Reads a manifest.
    pub(super) fn read(path: &Path) -> Result<Self, OutputError> {
        let text = std::fs::read(path).map_err(OutputError::file(path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(OutputError::file(path))?;
        match manifest.files.iter().find(|file| !file.name.is_of(&manifest.id)) {
            Some(file) => {
                let reason = format!("{} is a file of another recording", file.name.as_str());
                Err(OutputError::file(path)(std::io::Error::other(reason)))
            }
            None => Ok(manifest),
        }
    }
}

/// Where the manifest of a recording is.
pub(super) fn manifest_path(folder: &Path, id: &RecordingId) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// Where a manifest is put that cannot be read, once there is another one.
pub(super) fn unreadable_path(folder: &Path, id: &RecordingId) -> PathBuf {
    folder.join(format!("{id}.json.unreadable"))
}

/// A moment as manifests have it.
#[must_use]
pub fn unix_ms(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_that_of_the_code() {
        let published: serde_json::Value =
            serde_json::from_str(include_str!("../../docs/recording.schema.json")).unwrap();
        let code = serde_json::to_value(Manifest::schema()).unwrap();
        assert_eq!(published, code, "put what GET /api/v1/schemas/recording answers into docs/recording.schema.json");
    }
}
