//! Folder and index are brought together: at the start and, where the disk was full then, once there is space.
//!
//! Nothing here keeps the server from serving calls but a folder that cannot be read or written to, or an index that is
//! broken.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::index::Index;
use super::{Catalogue, INDEX, blocking};
use crate::egress::OutputError;
use crate::egress::file::sweep;
use crate::egress::manifest::{Manifest, State, manifest_path, unix_ms, unreadable_path};
use crate::egress::space::{free, must_be_writable};

/// What an index needs to be written: with less the disk counts as full.
const LEAST: u64 = 1 << 20;

/// Reads the folder, making it if need be, and gives an index of it: one in memory if the disk is full.
pub(super) async fn open(folder: &Path) -> Result<Index, OutputError> {
    let there = folder.to_owned();
    let found = blocking(move || {
        std::fs::create_dir_all(&there).map_err(OutputError::file(&there))?;
        must_be_writable(&there)?;
        manifests(&there)
    });
    let mut manifests = found.await?;
    let lasting = async {
        let index = Index::open(&folder.join(INDEX)).await?;
        let rows = index.all().await?;
        Ok::<_, OutputError>((index, rows))
    };
    let (index, rows) = match lasting.await {
        Ok((index, rows)) => (Ok(index), rows),
        Err(error) => (Err(error), Vec::new()),
    };
    let there = folder.to_owned();
    let manifests = blocking(move || {
        restore(&mut manifests, rows, &there);
        sweep(&there, manifests.iter().map(|manifest| &manifest.id));
        manifests.iter_mut().filter(|manifest| manifest.state.is_running()).for_each(|manifest| {
            interrupt(manifest, &there);
            if let Err(error) = manifest.write(&there) {
                tracing::error!(%error, recording = %manifest.id, "the manifest does not say yet that its recording was interrupted");
            }
        });
        Ok(manifests)
    });
    let manifests = manifests.await?;
    let followed = match index {
        Ok(index) => index.follow(&manifests).await.map(|()| index),
        Err(error) => Err(error),
    };
    match followed {
        Ok(index) => Ok(index),
        Err(error) if is_full(&error, folder) => {
            tracing::error!(%error, folder = %folder.display(), "the disk is full: recordings are indexed in memory until there is space");
            let index = Index::in_memory().await?;
            index.follow(&manifests).await?;
            Ok(index)
        }
        Err(error) => Err(error),
    }
}

impl Catalogue {
    /// Whether the index is on the disk; if the disk was full, tries again.
    ///
    /// # Errors
    /// When it still cannot be written.
    pub(in crate::egress) async fn settle(&self) -> Result<(), OutputError> {
        if self.index.lasts() {
            return Ok(());
        }
        let _one = self.changes.lock().await;
        let lasting = Index::open(&self.folder.join(INDEX)).await?;
        let (mut known, mut rows) = (self.index.all().await?, lasting.all().await?);
        rows.retain(|row| !self.index.has_removed(&row.id));
        let there = self.folder.clone();
        let known = blocking(move || {
            restore(&mut known, rows, &there);
            Ok(known)
        });
        lasting.follow(&known.await?).await?;
        self.index.give_way_to(&lasting).await?;
        tracing::info!("there is space again: the index of recordings is on the disk");
        Ok(())
    }
}

/// What an index knows of recordings whose manifest is not to be read takes the place of that manifest, unless somebody
/// removed such a recording by hand: then nothing is left of it.
fn restore(known: &mut Vec<Manifest>, rows: Vec<Manifest>, folder: &Path) {
    let ids: HashSet<_> = known.iter().map(|manifest| manifest.id.clone()).collect();
    for row in rows.into_iter().filter(|row| !ids.contains(&row.id)) {
        let path = manifest_path(folder, &row.id);
        let has_media = row.files.iter().any(|file| file.name.within(folder).is_file());
        if !path.exists() && !has_media && row.is_here() {
            tracing::info!(recording = %row.id, "a recording was removed by hand");
            continue;
        }
        if path.exists() {
            // Whatever it is, somebody may be able to read it.
            let _ = std::fs::rename(&path, unreadable_path(folder, &row.id));
        }
        match row.write(folder) {
            Ok(()) => {
                tracing::warn!(recording = %row.id, "a manifest was missing or not readable: it was made anew from the index, without what happened")
            }
            Err(error) => {
                tracing::error!(%error, recording = %row.id, "a manifest is missing, and the index alone knows the recording")
            }
        }
        known.push(row);
    }
}

/// Whether the disk is to blame, and space would help.
fn is_full(error: &OutputError, folder: &Path) -> bool {
    // SQLITE_FULL, and SQLITE_IOERR with what it says more.
    let is_of_the_disk = |code: &str| code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 10 | 13));
    let told = match error {
        OutputError::Catalogue(sqlx::Error::Database(error)) => error.code().is_some_and(|code| is_of_the_disk(&code)),
        _ => false,
    };
    told || free(folder).is_ok_and(|free| free < LEAST)
}

/// A former server left it unfinished.
fn interrupt(manifest: &mut Manifest, folder: &Path) {
    let touched = |path: PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let written = manifest.files.iter().filter_map(|file| touched(file.name.within(folder))).max();
    let ended = unix_ms(written.unwrap_or_else(SystemTime::now)).max(manifest.started_at);
    manifest.state = State::Interrupted;
    manifest.ended_at = Some(ended);
    manifest.duration_ms = manifest.elapsed_ms(ended);
    manifest.weigh(folder);
    tracing::warn!(recording = %manifest.id, bytes = manifest.bytes, "a recording was interrupted; it plays up to that moment");
}

fn manifests(folder: &Path) -> Result<Vec<Manifest>, OutputError> {
    let entries = std::fs::read_dir(folder).map_err(OutputError::file(folder))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let manifests = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    Ok(manifests
        .filter_map(|path| match Manifest::read(&path) {
            // A manifest speaks of the recording beside it only.
            Ok(manifest) => (manifest_path(folder, &manifest.id) == path).then_some(manifest),
            Err(error) => {
                tracing::warn!(%error, "a manifest is not readable: unless the index knows its recording, that is not listed");
                None
            }
        })
        .collect())
}
