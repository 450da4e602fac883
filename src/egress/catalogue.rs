//! The recordings there are.
//!
//! The folder is the truth: whoever removes a file by hand removes the recording. Calls read it, so make them off the
//! async threads.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::OutputError;
use super::manifest::{Manifest, State, manifest_path, size_of, unix_ms};
use crate::id::RecordingId;

/// The folder of recordings.
#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
}

impl Catalogue {
    /// Opens the folder, making it if need be. Recordings that a former server left unfinished become interrupted, so
    /// open it before any recording starts.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path) -> Result<Self, OutputError> {
        std::fs::create_dir_all(folder).map_err(OutputError::file(folder))?;
        let catalogue = Self { folder: folder.to_owned() };
        for mut manifest in catalogue.manifests()? {
            if !manifest.state.is_running() {
                continue;
            }
            let media = manifest.media_path(folder);
            let written = std::fs::metadata(&media).and_then(|metadata| metadata.modified());
            let ended = unix_ms(written.unwrap_or_else(|_| SystemTime::now())).max(manifest.started_at);
            manifest.state = State::Interrupted;
            manifest.ended_at = Some(ended);
            manifest.duration_ms = manifest.elapsed_ms(ended);
            manifest.bytes = size_of(&media);
            tracing::warn!(recording = %manifest.id, bytes = manifest.bytes, "a recording was interrupted; it plays up to that moment");
            manifest.write(folder)?;
        }
        Ok(catalogue)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All recordings, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Manifest>, OutputError> {
        let mut all = self.manifests()?;
        all.iter_mut().for_each(|manifest| self.bring_up_to_date(manifest));
        all.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
        Ok(all)
    }

    /// One recording.
    #[must_use]
    pub fn get(&self, id: &RecordingId) -> Option<Manifest> {
        let id = known_shape(id)?;
        let mut manifest = Manifest::read(&manifest_path(&self.folder, id)).ok()?;
        self.bring_up_to_date(&mut manifest);
        Some(manifest)
    }

    /// The file of one recording, if there is one.
    #[must_use]
    pub fn media(&self, id: &RecordingId) -> Option<PathBuf> {
        self.get(id).map(|manifest| manifest.media_path(&self.folder)).filter(|path| path.is_file())
    }

    fn bring_up_to_date(&self, manifest: &mut Manifest) {
        if manifest.state.is_running() {
            manifest.bytes = size_of(&manifest.media_path(&self.folder));
            manifest.duration_ms = manifest.elapsed_ms(unix_ms(SystemTime::now()));
        }
    }

    fn manifests(&self) -> Result<Vec<Manifest>, OutputError> {
        let entries = std::fs::read_dir(&self.folder).map_err(OutputError::file(&self.folder))?;
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let manifests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        Ok(manifests
            .filter_map(|path| match Manifest::read(&path) {
                // A manifest speaks of the recording beside it only.
                Ok(manifest) => (manifest_path(&self.folder, &manifest.id) == path).then_some(manifest),
                Err(error) => {
                    tracing::warn!(%error, "a manifest is not readable: its recording is not listed");
                    None
                }
            })
            .collect())
    }
}

/// Identifiers come from strangers and become file names here: nothing but letters and digits may pass.
fn known_shape(id: &RecordingId) -> Option<&RecordingId> {
    let text = id.as_str();
    (!text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::format::Format;

    fn manifest(started_at: u64, state: State) -> Manifest {
        Manifest {
            id: RecordingId::new(),
            room: "../tea".into(),
            format: Format::default(),
            file: "../secret.mp4".into(),
            state,
            started_at,
            ended_at: None,
            pauses: Vec::new(),
            duration_ms: 0,
            bytes: 0,
            error: None,
            participants: Vec::new(),
        }
    }

    #[test]
    fn what_was_unfinished_is_interrupted_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (manifest(1, State::Complete), manifest(2, State::Recording));
        old.write(folder.path()).unwrap();
        new.write(folder.path()).unwrap();
        std::fs::write(new.media_path(folder.path()), "media").unwrap();
        std::fs::write(folder.path().join("broken.json"), "{").unwrap();

        let catalogue = Catalogue::open(folder.path()).unwrap();
        let all = catalogue.list().unwrap();
        assert_eq!(all.iter().map(|m| &m.id).collect::<Vec<_>>(), [&new.id, &old.id]);
        assert_eq!((all[0].state, all[0].bytes), (State::Interrupted, 5));
        assert!(all[0].ended_at.is_some_and(|at| at > 2));
        assert!(catalogue.media(&new.id).is_some() && catalogue.media(&old.id).is_none());
    }

    #[test]
    fn identifiers_from_strangers_reach_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&folder.path().join("inner")).unwrap();
        std::fs::write(folder.path().join("secret.mp4"), "x").unwrap();
        for id in ["../secret", "..", "", "a/b", "a\0b", &"a".repeat(65)] {
            assert!(catalogue.media(&RecordingId::from_remote(id)).is_none(), "{id:?}");
            assert!(catalogue.get(&RecordingId::from_remote(id)).is_none(), "{id:?}");
        }
    }
}
