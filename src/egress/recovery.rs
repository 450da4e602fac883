//! What a former server left unfinished is made whole, and what failed: one recording at a time, beside the calls.
//!
//! What does not work now, since the disk is full or slow, is tried again, after twice as long each time. A file with which
//! something is wrong is tried so often, and again by the next server; for space it is waited as long as it takes, but not
//! for ever where an upload waits for it, which may be what makes space.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff;
use super::catalogue::Catalogue;
use super::checksum;
use super::file::MediaFile;
use super::manifest::{Manifest, State};
use super::merge;
use super::repair::{Failure, repair};
use crate::id::RecordingId;

/// How long to wait after the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// How long to wait at most where space is missing: looking for it costs nothing.
const LOOK: Duration = Duration::from_secs(60);
/// How often a file is tried with which something is wrong.
const TRIES: u32 = 6;
/// How often space is looked for before a recording is uploaded as it is: for some two hours.
const LOOKS: u32 = 120;

/// Finalises all recordings that were interrupted or failed, also those that are handed over later, and notes the checksums
/// that nobody else came to. Never ends by itself; can be ended at any time. Must be called within a Tokio runtime.
pub async fn run(catalogue: Arc<Catalogue>) {
    work(&catalogue, FIRST).await;
}

/// A recording that is not finished.
struct Case {
    id: RecordingId,
    failures: u32,
    due: Instant,
}

impl Case {
    fn new(id: RecordingId) -> Self {
        Self { id, failures: 0, due: Instant::now() }
    }
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// There is nothing more to do, or nothing more can be done.
    Done,
    /// It is worth another try.
    Again,
    /// There is too little space for it.
    NeedsSpace,
}

async fn work(catalogue: &Arc<Catalogue>, first: Duration) {
    let mut cases = list(catalogue, first).await;
    let mut unsettled = 0;
    loop {
        let settled = catalogue.settle().await.inspect_err(|error| {
            unsettled += 1;
            tracing::warn!(%error, "the index of recordings is still in memory: make space");
        });
        let rest = if settled.is_ok() { LOOK } else { wait(Outcome::NeedsSpace, first, unsettled) };
        let settle_at = Instant::now() + rest;
        let now = Instant::now();
        while let Some(index) = cases.iter().position(|case| case.due <= now) {
            let mut case = cases.remove(index);
            let outcome = attend(catalogue, &case.id, case.failures.saturating_add(1)).await;
            if outcome != Outcome::Done {
                case.failures = case.failures.saturating_add(1);
                case.due = Instant::now() + wait(outcome, first, case.failures);
                cases.push(case);
            }
        }
        let due = cases.iter().map(|case| case.due).fold(settle_at, Instant::min);
        tokio::select! {
            handed = catalogue.handed_over() => cases.extend(handed.into_iter().map(Case::new)),
            () = tokio::time::sleep_until(due) => {}
        }
    }
}

async fn list(catalogue: &Catalogue, first: Duration) -> Vec<Case> {
    let mut failures = 0;
    loop {
        match catalogue.unfinished().await {
            Ok(ids) => return ids.into_iter().map(Case::new).collect(),
            Err(error) => tracing::error!(%error, "nobody knows which recordings were interrupted: it is tried again"),
        }
        failures += 1;
        tokio::time::sleep(wait(Outcome::Again, first, failures)).await;
    }
}

fn wait(outcome: Outcome, first: Duration, failures: u32) -> Duration {
    let wait = backoff::wait(first, failures, rand::random());
    if outcome == Outcome::NeedsSpace { wait.min(LOOK) } else { wait }
}

/// Does what is to be done for a recording, for so many times with this.
async fn attend(catalogue: &Arc<Catalogue>, id: &RecordingId, tries: u32) -> Outcome {
    let last = tries >= TRIES;
    let manifest = match catalogue.manifest(id).await {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Outcome::Done,
        Err(error) => {
            tracing::warn!(recording = %id, %error, last, "a recording is left as it is");
            return if last { Outcome::Done } else { Outcome::Again };
        }
    };
    let is_apart = manifest.state == State::Complete && manifest.error.is_none() && merge::is_due(&manifest);
    if catalogue.may_change(&manifest) && (needs_repair(&manifest) || is_apart) {
        make_whole(catalogue, &manifest, tries).await
    } else if checksum::note(catalogue, &manifest).await || last {
        Outcome::Done
    } else {
        Outcome::Again
    }
}

/// Whether nobody has finalised its files yet.
fn needs_repair(manifest: &Manifest) -> bool {
    match manifest.state {
        State::Interrupted => true,
        State::Failed => !manifest.is_checked(),
        _ => false,
    }
}

/// Finalises the files of a recording that was cut off, makes one of those that are to be one, and notes what became of them.
async fn make_whole(catalogue: &Arc<Catalogue>, manifest: &Manifest, tries: u32) -> Outcome {
    let (last, may_wait) = (tries >= TRIES, tries < LOOKS || !catalogue.uploads());
    let (folder, kept) = (catalogue.folder(), catalogue.kept());
    let (files, failure) = match needs_repair(manifest) {
        true => repair(manifest, folder, kept).await,
        false => (manifest.files.clone(), None),
    };
    match &failure {
        None => tracing::info!(recording = %manifest.id, "a recording that was cut off is whole again"),
        Some(Failure { reason, .. }) => {
            tracing::warn!(recording = %manifest.id, reason, tries, "a recording stays as it is: it plays up to where it was cut off");
        }
    }
    let mut error = failure.as_ref().map(|failure| failure.reason.clone());
    let mut whole = Manifest { files, ..manifest.clone() };
    let parts = whole.files.clone();
    if failure.is_none() && merge::is_due(&whole) {
        match merge::merge(&whole, folder, kept).await {
            Ok(file) => whole.files = vec![file],
            Err(reason) => {
                tracing::error!(%reason, recording = %manifest.id, "the tracks stay in files of their own");
                error = Some(merge::apart(&reason));
            }
        }
    }
    let merged = whole.files.len() < parts.len();
    let noted = note(catalogue, manifest, whole.files, error, failure.is_none()).await;
    if merged && noted.is_some() {
        merge::tidy(&parts, folder);
    }
    match (noted, failure) {
        (Some(false), _) => Outcome::Done,
        (Some(true), Some(failure)) if failure.needs_space && may_wait => Outcome::NeedsSpace,
        (Some(true), Some(_)) if !last => Outcome::Again,
        (Some(true), _) => finish(catalogue, &manifest.id, last).await,
        (None, _) => Outcome::NeedsSpace,
    }
}

/// Notes the checksums of what is not to change any more.
async fn finish(catalogue: &Arc<Catalogue>, id: &RecordingId, last: bool) -> Outcome {
    let noted = match catalogue.manifest(id).await {
        Ok(Some(manifest)) => checksum::note(catalogue, &manifest).await,
        Ok(None) => true,
        Err(_) => false,
    };
    if noted || last { Outcome::Done } else { Outcome::Again }
}

/// Notes what became of the `files` of a recording, and says whether it was still there, if that could be noted.
async fn note(
    catalogue: &Arc<Catalogue>,
    manifest: &Manifest,
    files: Vec<MediaFile>,
    error: Option<String>,
    is_whole: bool,
) -> Option<bool> {
    let folder = catalogue.folder();
    let noted = catalogue.update(&manifest.id, |manifest| {
        manifest.files.clone_from(&files);
        if is_whole {
            manifest.measure();
        }
        match manifest.state {
            State::Interrupted => {
                manifest.state = if is_whole { State::Recovered } else { State::Interrupted };
                manifest.error = error;
            }
            // What failed did so for a reason that its owner has to know, even where nothing is lost.
            _ => manifest.error = manifest.error.take().or(error),
        }
        manifest.weigh(folder);
    });
    match noted.await {
        Ok(true) => Some(true),
        Ok(false) => {
            // It was deleted meanwhile, and is not to come back.
            merge::delete(&files, folder);
            Some(false)
        }
        Err(error) => {
            tracing::error!(%error, "a manifest is not up to date");
            None
        }
    }
}

#[cfg(test)]
mod tests;
