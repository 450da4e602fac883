//! What was written is brought to the disk itself, so that a loss of power costs little more than a crash does. The system
//! alone would take half a minute for it.

use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::manifest::{Manifest, manifest_path};

/// Brings the files of one recording to the disk, over and over. One turn at a time: a slow disk has as much to do as it can.
#[derive(Debug, Default)]
pub(super) struct Durable {
    turn: Option<JoinHandle<()>>,
}

impl Durable {
    /// Begins a turn, unless the last one goes on. Must be called within a Tokio runtime.
    pub(super) fn turn(&mut self, manifest: &Manifest, folder: &Path) {
        if self.turn.as_ref().is_some_and(|turn| !turn.is_finished()) {
            return;
        }
        let media = manifest.files.iter().map(|file| file.name.within(folder));
        let paths: Vec<PathBuf> = media.chain([manifest_path(folder, &manifest.id)]).collect();
        self.turn = Some(tokio::task::spawn_blocking(move || paths.iter().for_each(|path| sync(path))));
    }
}

fn sync(path: &Path) {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_data());
    if let Err(error) = synced {
        tracing::debug!(%error, path = %path.display(), "a file is on its way to the disk");
    }
}
