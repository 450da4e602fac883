//! The files of a multitrack recording become one: the mix, and the sound of everybody in a track of its own.
//!
//! They are written one by one, since nobody knows at the start who will come, and a file cut off in a crash is worth no
//! less than another. Invariant: the one takes the place of the many only when it is whole.

use std::path::Path;

use super::OutputError;
use super::file::{MediaFile, half_made, size_of};
use super::format::Content;
use super::manifest::Manifest;
use super::remux::{Source, remux};

/// Puts one file in the place of those of `manifest`, the mix being the first. The others are deleted by the caller, once
/// the manifest no longer has them.
pub(super) async fn merge(manifest: &Manifest, folder: &Path) -> Result<MediaFile, OutputError> {
    let Some(mix) = manifest.files.first() else { return Err(OutputError::Graph { step: "looking for the mix" }) };
    let sources = manifest.files.iter().map(|file| Source {
        path: file.name.within(folder),
        streams: file.streams.clone(),
        title: title(manifest, file),
    });
    let path = mix.name.within(folder);
    let new = half_made(&path);
    remux(sources.collect(), new.clone(), manifest.format.container).await.inspect_err(|_| {
        let _ = std::fs::remove_file(&new);
    })?;
    let replace = {
        let (new, path) = (new.clone(), path.clone());
        move || {
            // Its place is taken only by what is on the disk.
            std::fs::File::open(&new).and_then(|file| file.sync_all()).and_then(|()| std::fs::rename(&new, &path))
        }
    };
    let replaced = tokio::task::spawn_blocking(replace).await;
    replaced.map_err(|_| OutputError::Graph { step: "replacing a file" })?.map_err(OutputError::file(&path))?;
    let mut whole = mix.clone();
    for file in manifest.files.iter().skip(1) {
        let first = whole.streams.len();
        whole.streams.extend(file.streams.iter().cloned());
        whole.dropped += file.dropped;
        let moved = file.gaps.iter().map(|gap| super::file::Gap { stream: first + gap.stream, ..*gap });
        whole.gaps.extend(moved);
    }
    whole.bytes = size_of(&path);
    Ok(whole)
}

/// Whether there are files to be merged.
pub(super) fn is_due(manifest: &Manifest) -> bool {
    manifest.format.content == Content::Multitrack && manifest.files.len() > 1
}

/// Deletes what was `merged`, once the manifest no longer has it.
pub(super) fn tidy(merged: &[MediaFile], folder: &Path) {
    merged.iter().skip(1).for_each(|file| drop(std::fs::remove_file(file.name.within(folder))));
}

fn title(manifest: &Manifest, file: &MediaFile) -> Option<String> {
    let id = file.streams.first()?.participant.as_ref()?;
    let name = manifest.participants.iter().find(|attendee| attendee.id == *id).map(|attendee| attendee.name.clone());
    let shared = file.streams.iter().any(|stream| stream.source.as_deref() == Some("screenAudio"));
    name.map(|name| if shared { format!("{name}'s screen") } else { name })
}
