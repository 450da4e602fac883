#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use super::*;
use crate::egress::file::half_made;
use crate::egress::format::Content;
use crate::egress::samples::{record, recording};

/// Longer than any recovery here takes with all its tries.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any disk has.
const ALL: u64 = u64::MAX / 2;

async fn open(folder: &Path, kept: u64) -> Arc<Catalogue> {
    Arc::new(Catalogue::open(folder).await.unwrap().keeping(kept))
}

/// Recovers until the recording is as `wanted`.
async fn recovered(
    catalogue: &Arc<Catalogue>,
    first: Duration,
    id: &RecordingId,
    wanted: impl Fn(&Manifest) -> bool,
) -> Manifest {
    let watching = async {
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        loop {
            turns.tick().await;
            let manifest = catalogue.get(id).await.unwrap().unwrap();
            if wanted(&manifest) {
                return manifest;
            }
        }
    };
    let deadline = async {
        tokio::time::sleep(PATIENCE).await;
        panic!("still {:?}", catalogue.get(id).await.unwrap());
    };
    tokio::select! {
        manifest = watching => manifest,
        () = work(catalogue, first) => panic!("it ended"),
        () = deadline => panic!("it took too long"),
    }
}

fn is_known(manifest: &Manifest) -> bool {
    !manifest.state.is_running() && manifest.is_checked()
}

fn is_whole(manifest: &Manifest) -> bool {
    manifest.state == State::Recovered && manifest.is_checked()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lacks_space_is_left_as_it_is_and_made_whole_later() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = recording(Content::Audio, State::Recording, 1);
    record(&manifest, folder.path(), 2);
    manifest.write(folder.path()).unwrap();
    let path = manifest.files[0].name.within(folder.path());
    let before = std::fs::read(&path).unwrap();

    let catalogue = open(folder.path(), ALL).await;
    let tries = Duration::from_millis(1);
    let lacking = recovered(&catalogue, tries, &manifest.id, |manifest| manifest.error.is_some()).await;
    assert_eq!(lacking.state, State::Interrupted);
    assert!(lacking.error.as_ref().is_some_and(|error| error.contains("make space")), "{lacking:?}");
    assert!(!lacking.is_checked(), "it is not to be uploaded as it is");
    assert!(std::fs::read(&path).unwrap() == before && !half_made(&path).exists());
    assert_eq!(attend(&catalogue, &manifest.id, u32::MAX).await, Outcome::NeedsSpace);
    drop(catalogue);

    let catalogue = open(folder.path(), 0).await;
    let whole = recovered(&catalogue, FIRST, &manifest.id, is_whole).await;
    assert_eq!(whole.error, None);
    assert!((1_900..2_200).contains(&whole.duration_ms), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_uploaded_does_not_wait_for_space_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = recording(Content::Audio, State::Recording, 1);
    record(&manifest, folder.path(), 1);
    manifest.write(folder.path()).unwrap();
    let catalogue = Arc::new(Catalogue::open(folder.path()).await.unwrap().keeping(ALL).with_uploads());
    for (tries, outcome) in [(1, Outcome::NeedsSpace), (TRIES, Outcome::NeedsSpace), (LOOKS, Outcome::Done)] {
        assert_eq!(attend(&catalogue, &manifest.id, tries).await, outcome);
        let known = catalogue.get(&manifest.id).await.unwrap().unwrap();
        assert_eq!((known.state, known.is_checked()), (State::Interrupted, outcome == Outcome::Done));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_whole_at_first_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = recording(Content::Audio, State::Recording, 1);
    let path = manifest.files[0].name.within(folder.path());
    std::fs::write(&path, "a disk that gives nothing useful").unwrap();
    manifest.write(folder.path()).unwrap();
    let catalogue = open(folder.path(), 0).await;
    let (first, id) = (Duration::from_millis(500), &manifest.id);
    let mend = async {
        let mut turns = tokio::time::interval(Duration::from_millis(20));
        while catalogue.get(id).await.unwrap().unwrap().error.is_none() {
            turns.tick().await;
        }
        record(&manifest, folder.path(), 2);
    };
    let (whole, ()) = tokio::join!(recovered(&catalogue, first, id, is_whole), mend);
    assert_eq!(whole.error, None);
    assert!((1_900..2_200).contains(&whole.duration_ms), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_repair_is_known_as_it_is_until_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = recording(Content::Audio, State::Recording, 1);
    let path = manifest.files[0].name.within(folder.path());
    std::fs::write(&path, "nothing useful").unwrap();
    manifest.write(folder.path()).unwrap();
    let catalogue = open(folder.path(), 0).await;
    let given_up = recovered(&catalogue, Duration::from_millis(1), &manifest.id, Manifest::is_checked).await;
    assert_eq!((given_up.state, given_up.error.is_some()), (State::Interrupted, true));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "nothing useful");
    drop(catalogue);

    record(&manifest, folder.path(), 2);
    let catalogue = Arc::new(Catalogue::open(folder.path()).await.unwrap().with_uploads());
    assert_eq!(attend(&catalogue, &manifest.id, 1).await, Outcome::Done);
    let same = catalogue.get(&manifest.id).await.unwrap().unwrap();
    assert_eq!(same, given_up, "what is being uploaded does not change");
    drop(catalogue);
    let catalogue = open(folder.path(), 0).await;
    let whole = recovered(&catalogue, FIRST, &manifest.id, is_whole).await;
    assert_ne!(whole.files[0].sha256, given_up.files[0].sha256);
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_for_which_there_is_no_space_in_one_file_stay_in_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = recording(Content::Multitrack, State::Complete, 2);
    record(&manifest, folder.path(), 1);
    manifest.write(folder.path()).unwrap();
    let catalogue = open(folder.path(), ALL).await;
    let apart = recovered(&catalogue, FIRST, &manifest.id, Manifest::is_checked).await;
    assert_eq!((apart.state, apart.files.len()), (State::Complete, 2));
    assert!(apart.error.as_ref().is_some_and(|error| error.contains("own") && error.contains("space")), "{apart:?}");
    assert!(apart.files.iter().all(|file| file.name.within(folder.path()).is_file()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_while_the_server_runs_is_made_whole_too() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = open(folder.path(), 0).await;
    let failed = Manifest { error: Some("spilt".into()), ..recording(Content::Audio, State::Failed, 1) };
    record(&failed, folder.path(), 2);
    let running = Manifest { state: State::Recording, ended_at: None, ..failed.clone() };
    catalogue.save(&running).await.unwrap();
    let fail = async {
        tokio::task::yield_now().await;
        catalogue.save(&failed).await.unwrap();
        catalogue.hand_over(&failed.id);
    };
    let (whole, ()) = tokio::join!(recovered(&catalogue, FIRST, &failed.id, is_known), fail);
    assert_eq!((whole.state, whole.error.as_deref()), (State::Failed, Some("spilt")));
    assert!((1_900..2_200).contains(&whole.duration_ms), "{whole:?}");
}
