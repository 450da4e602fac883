//! The files of a multitrack recording become one: the mix, and the sound of everybody in a track of its own.
//!
//! They are written one by one, since nobody knows at the start who will come, and a file cut off in a crash is worth no
//! less than another. Invariant: the one takes the place of the many only when it is whole.

use std::path::Path;

use super::OutputError;
use super::durable;
use super::file::{MediaFile, half_made, size_of};
use super::format::Content;
use super::manifest::Manifest;
use super::remux::{Source, remux};
use super::space::must_fit;

/// Puts one file in the place of those of `manifest`, the mix being the first, if that leaves so much space as is to be
/// `kept`. The others are deleted by the caller, once the manifest no longer has them.
pub(super) async fn merge(manifest: &Manifest, folder: &Path, kept: u64) -> Result<MediaFile, OutputError> {
    let Some(mix) = manifest.files.first() else { return Err(OutputError::Graph { step: "looking for the mix" }) };
    must_fit(folder, manifest.files.iter().map(|file| size_of(&file.name.within(folder))).sum(), kept)?;
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
        move || durable::replace(&new, &path)
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
    (whole.bytes, whole.sha256) = (size_of(&path), None);
    Ok(whole)
}

/// Whether there are files to be merged.
pub(super) fn is_due(manifest: &Manifest) -> bool {
    manifest.format.content == Content::Multitrack && manifest.files.len() > 1
}

/// What people are told where the files stay several.
pub(super) fn apart(reason: &OutputError) -> String {
    format!("the tracks are in files of their own: {reason}")
}

/// Deletes what was `merged`, once the manifest no longer has it.
pub(super) fn tidy(merged: &[MediaFile], folder: &Path) {
    delete(merged.get(1..).unwrap_or_default(), folder);
}

/// Deletes the files of a recording that was deleted while they were made.
pub(super) fn delete(files: &[MediaFile], folder: &Path) {
    files.iter().for_each(|file| drop(std::fs::remove_file(file.name.within(folder))));
}

fn title(manifest: &Manifest, file: &MediaFile) -> Option<String> {
    let id = file.streams.first()?.participant.as_ref()?;
    let name = manifest.participants.iter().find(|attendee| attendee.id == *id).map(|attendee| attendee.name.clone());
    let shared = file.streams.iter().any(|stream| stream.source.as_deref() == Some("screenAudio"));
    name.map(|name| if shared { format!("{name}'s screen") } else { name })
}
