//! One media file of a recording.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ParticipantId, RecordingId};
use crate::mix::Encoding;

/// The name of a file in the folder of recordings: letters, digits, `-` and dots, so that it never leads out of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct FileName(String);

impl FileName {
    /// The name of the file that holds a whole recording.
    pub(super) fn whole(id: &RecordingId, extension: &str) -> Self {
        Self(format!("{id}.{extension}"))
    }

    /// The name of the `number`-th file of a recording of several.
    pub(super) fn numbered(id: &RecordingId, number: usize, extension: &str) -> Self {
        Self(format!("{id}-{number}.{extension}"))
    }

    /// Whether a file of this name is one of that recording.
    pub(super) fn is_of(&self, id: &RecordingId) -> bool {
        self.0.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with(['-', '.']))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the file is.
    #[must_use]
    pub fn within(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl TryFrom<String> for FileName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !name.is_empty() && !name.starts_with('.') && name.chars().all(is_fit) {
            Ok(Self(name))
        } else {
            Err(format!("{name:?} is no name of a recording's file"))
        }
    }
}

/// A stream in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stream {
    /// Its codec.
    pub codec: Encoding,
    /// Whose it is, where it is not the whole room's.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// What it is, where it is not the whole room's: `microphone`, `camera`, `screen` or `screenAudio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Stream {
    /// A stream of the whole room.
    pub(super) fn mixed(codec: Encoding) -> Self {
        Self { codec, participant: None, source: None }
    }
}

/// A time in which a stream of a file had nothing, and something stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Which of the file's streams, counted from 0.
    pub stream: usize,
    /// When it began, on the clock of the recording.
    pub at_ms: u64,
    /// How long it was.
    pub duration_ms: u64,
}

/// One media file. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaFile {
    /// Its name.
    pub name: FileName,
    /// What is in it, in this order.
    pub streams: Vec<Stream>,
    /// How far the recording had come when the file began.
    pub start_ms: u64,
    /// How long it is; of one that was interrupted, about how long.
    pub duration_ms: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits: a moment after its end.
    pub sha256: Option<String>,
    /// When something stood in for what did not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// How many packets were lost on the way into the file, since the disk was too slow for them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: u64,
    /// Why something is missing in it, or it could not be written to its end; what was written plays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl MediaFile {
    /// A file that begins `start_ms` after its recording.
    pub(super) fn new(name: FileName, streams: Vec<Stream>, start_ms: u64) -> Self {
        Self {
            name,
            streams,
            start_ms,
            duration_ms: 0,
            bytes: 0,
            sha256: None,
            gaps: Vec::new(),
            dropped: 0,
            error: None,
        }
    }

    /// Whether there are pictures in it.
    #[must_use]
    pub fn has_pictures(&self) -> bool {
        self.streams.iter().any(|stream| stream.codec.kind() == crate::media::Kind::Video)
    }
}

/// How the name of a file ends that is not whole yet.
const HALF: &str = ".new";

/// Where a file grows that is to take the place of the one at `path`.
pub(super) fn half_made(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(HALF);
    PathBuf::from(new)
}

/// Deletes what a former server left half made of the recordings `ids`: it never is the last copy of anything. Blocks.
pub(super) fn sweep<'a>(folder: &Path, ids: impl Iterator<Item = &'a RecordingId> + Clone) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().into_string().ok().and_then(|name| name.strip_suffix(HALF).map(str::to_owned));
        let is_ours = |name: &FileName| ids.clone().any(|id| name.is_of(id));
        if name.and_then(|name| FileName::try_from(name).ok()).is_some_and(|name| is_ours(&name))
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "a file that was never finished takes space: delete it");
        }
    }
}

/// The size of a file now; nothing when there is none.
pub(super) fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_made_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (RecordingId::new(), RecordingId::new());
        let name = |text: String| FileName::try_from(text).unwrap().within(folder.path());
        let half = [half_made(&FileName::whole(&ours, "mkv").within(folder.path())), name(format!("{ours}.json.new"))];
        let kept = [name(format!("{ours}.mkv")), name(format!("{theirs}.mkv.new")), name("notes.new".to_owned())];
        half.iter().chain(&kept).for_each(|path| std::fs::write(path, "x").unwrap());
        sweep(folder.path(), [&ours].into_iter());
        assert_eq!(half.iter().filter(|path| path.exists()).count(), 0);
        assert_eq!(kept.iter().filter(|path| path.exists()).count(), kept.len());
    }

    #[test]
    fn names_never_lead_out_of_the_folder() {
        let id = RecordingId::new();
        let whole = FileName::whole(&id, "mp4");
        assert_eq!(FileName::try_from(whole.as_str().to_owned()), Ok(whole.clone()));
        assert!(whole.is_of(&id) && FileName::numbered(&id, 3, "webm").is_of(&id));
        assert!(!whole.is_of(&RecordingId::new()));
        for bad in ["", "..", ".hidden", "../secret", "a/b", "a\\b", "a\0b", "über.mp4", "a b"] {
            assert!(FileName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
