//! What was written is brought to the disk itself, so that a loss of power costs little more than a crash does. The system
//! alone would take half a minute for it.

use std::fs::File;
use std::io;
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

/// Brings the files of a recording that has ended to the disk, and their names: until then nobody may say that they are
/// whole. One that is not there is no loss here. Blocks.
pub(super) fn keep(files: &[PathBuf], folder: &Path) -> io::Result<()> {
    for path in files {
        match File::open(path).and_then(|file| file.sync_all()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_folder(folder);
    Ok(())
}

/// Puts the file `new` in the place of `path`, which only what is on the disk takes. Blocks.
pub(super) fn replace(new: &Path, path: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    std::fs::rename(new, path)?;
    path.parent().into_iter().for_each(sync_folder);
    Ok(())
}

/// Brings the names in a folder to the disk. Not every file system can, and what was renamed stays renamed.
fn sync_folder(folder: &Path) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::warn!(%error, path = %folder.display(), "a loss of power now may cost the name of a file");
    }
}

fn sync(path: &Path) {
    let synced = File::open(path).and_then(|file| file.sync_data());
    if let Err(error) = synced {
        tracing::debug!(%error, path = %path.display(), "a file is on its way to the disk");
    }
}
