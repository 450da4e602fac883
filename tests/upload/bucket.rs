//! Into a bucket whose store fails in every way.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::store::Fault;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Whatever fails for a while is uploaded in the end, and stays here.
async fn goes_wrong_and_then_well(fault: Fault) {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    // Twice in a row: one is made good by a second try at once.
    store.fail(&[fault, fault]);
    let uploading = Uploading::start(folder.path(), &into_bucket(&store)).await;
    let failed = uploading.wait_for(&id, failed_once).await;
    assert!(is(UploadState::Pending)(&failed), "{:?}", failed.upload);
    let done = uploading.is_done(&id).await;
    assert_eq!(done.location, format!("s3://films/of/rooms/{id}/"));
    assert_eq!((done.error, done.local_deleted, store.faults_left()), (None, false, 0));
    judge(&store, &id, &files);
    assert!(are_here(folder.path(), &files));
    uploading.end().await;
}

#[tokio::test]
async fn a_store_that_fails_is_tried_again() {
    goes_wrong_and_then_well(Fault::Error).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_no_end() {
    goes_wrong_and_then_well(Fault::Cut).await;
}

#[tokio::test]
async fn a_store_that_is_silent_is_not_waited_for() {
    goes_wrong_and_then_well(Fault::Silence).await;
}

#[tokio::test]
async fn what_is_corrupted_is_sent_again() {
    goes_wrong_and_then_well(Fault::Corrupt).await;
}

#[tokio::test]
async fn a_store_that_is_slow_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    // Longer in all than it may be silent.
    store.slow_down(Duration::from_millis(300));
    let uploading = Uploading::start(folder.path(), &into_bucket(&store)).await;
    assert_eq!(uploading.is_done(&id).await.error, None);
    judge(&store, &id, &files);
    let sent = store.seen().iter().filter(|request| request.contains("partNumber=1&")).count();
    assert_eq!(sent, 1, "at the first try");
    uploading.end().await;
}

#[tokio::test]
async fn what_was_compared_is_neither_sent_nor_read_again_when_something_else_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    // The three parts of the first file come, and then nothing for two tries.
    let [well, ill] = [[Fault::None; 3].as_slice(), [Fault::Error; 4].as_slice()];
    store.fail(&[well, ill].concat());
    let uploading = Uploading::start(folder.path(), &into_bucket(&store)).await;
    uploading.is_done(&id).await;
    judge(&store, &id, &files);
    let count = |wanted: &str| store.seen().iter().filter(|request| request.starts_with(wanted)).count();
    let first = format!("/films/of/rooms/{id}/{}", files[0].0);
    assert_eq!(count(&format!("PUT {first}")), 3, "{:?}", store.seen());
    assert_eq!(count(&format!("GET {first}")), 1, "{:?}", store.seen());
    uploading.end().await;
}

#[tokio::test]
async fn what_stays_corrupted_never_counts_as_done_and_is_given_up_until_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    store.fail_always(Some(Fault::Corrupt));
    let config = config::Upload { give_up_hours: 0, delete_local: true, ..into_bucket(&store) };
    let uploading = Uploading::start(folder.path(), &config).await;
    let failed = uploading.wait_for(&id, is(UploadState::Failed)).await.upload.unwrap();
    assert!(failed.error.as_ref().is_some_and(|error| error.contains("differs")), "{failed:?}");
    assert!(are_here(folder.path(), &files), "the last copy stays");

    // Neither does a new server try again by itself, nor one that lost the index.
    uploading.end().await;
    for name in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    let (other, _) = recording(folder.path());
    let before = store.seen().len();
    let uploading = Uploading::start(folder.path(), &config).await;
    uploading.wait_for(&other, is(UploadState::Failed)).await;
    assert!(!store.seen()[before..].iter().any(|request| request.contains(id.as_str())));

    store.fail_always(None);
    uploading.catalogue.upload_again(&id).await.unwrap().unwrap();
    assert!(uploading.is_done(&id).await.local_deleted);
    uploading.end().await;
}

#[tokio::test]
async fn what_the_store_quotes_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (id, _) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    store.fail_always(Some(Fault::Forbidden));
    let uploading = Uploading::start(folder.path(), &into_bucket(&store)).await;
    let error = uploading.wait_for(&id, failed_once).await.upload.unwrap().error.unwrap();
    assert!(error.contains("AccessDenied") && !error.contains("Signature"), "{error}");
    uploading.end().await;
}

#[tokio::test]
async fn a_local_file_that_changed_is_not_passed_off_as_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let mut bytes = files[0].1.clone();
    bytes[7 << 20] ^= 1;
    std::fs::write(folder.path().join(&files[0].0), bytes).unwrap();
    let store = Store::start(LOOPBACK).await;
    let uploading = Uploading::start(folder.path(), &into_bucket(&store)).await;
    let failed = uploading.wait_for(&id, failed_once).await.upload.unwrap();
    assert!(failed.error.is_some_and(|error| error.contains(&files[0].0) && error.contains("checksum")));
    assert_eq!((store.objects().len(), store.unfinished()), (0, 0));
    uploading.end().await;
}

#[tokio::test]
async fn what_is_deleted_while_it_is_uploaded_is_deleted_there_too() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    // The first file is there, and the second one on its way.
    store.fail(&[Fault::None; 3]);
    store.fail_always(Some(Fault::Silence));
    let config = config::Upload { patience_seconds: 30, ..into_bucket(&store) };
    let uploading = Uploading::start(folder.path(), &config).await;
    store.wait_for(|seen| seen.iter().any(|request| request.starts_with("PUT") && request.contains(&files[1].0))).await;
    assert_eq!(store.objects().len(), 1);
    uploading.catalogue.remove(&id).await.unwrap().unwrap();
    let last = format!("DELETE /films/of/rooms/{id}/{id}.json");
    store.wait_for(|seen| seen.contains(&last)).await;
    assert_eq!((store.objects().len(), store.unfinished()), (0, 0));
    // And the next one is not kept waiting.
    store.fail_always(None);
    let (other, others) = recording(folder.path());
    uploading.end().await;
    let uploading = Uploading::start(folder.path(), &config).await;
    uploading.is_done(&other).await;
    judge(&store, &other, &others);
    uploading.end().await;
}

#[tokio::test]
async fn what_is_deleted_while_the_store_is_down_is_deleted_there_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<_> = (0..2).map(|_| recording(folder.path()).0).collect();
    let store = Store::start(LOOPBACK).await;
    // The three parts of one file come, then those of the other recording's.
    let [well, ill] = [[Fault::None; 3].as_slice(), [Fault::Error; 2].as_slice()];
    store.fail(&[well, ill, well, ill].concat());
    store.fail_always(Some(Fault::Error));
    let config = into_bucket(&store);
    let uploading = Uploading::start(folder.path(), &config).await;
    for id in &ids {
        uploading.wait_for(id, failed_once).await;
    }
    assert_eq!(store.objects().len(), 2);
    store.keep_everything(true);
    uploading.catalogue.remove(&ids[0]).await.unwrap().unwrap();
    let deletes = |id: &RecordingId| {
        let path = format!("DELETE /films/of/rooms/{id}/");
        move |request: &&String| request.starts_with(&path)
    };
    // More often than the client itself tries.
    store.wait_for(|seen| seen.iter().filter(deletes(&ids[0])).count() > 2).await;
    // One is removed by hand while no server runs.
    uploading.end().await;
    for entry in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_string_lossy().starts_with(ids[1].as_str()) {
            std::fs::remove_file(entry).unwrap();
        }
    }
    store.keep_everything(false);
    store.fail_always(None);
    // Deleted first, and once: the next server does not do it again.
    for wanted in [6, 0] {
        let before = store.seen().len();
        let (other, _) = recording(folder.path());
        let uploading = Uploading::start(folder.path(), &config).await;
        uploading.is_done(&other).await;
        let deleted = store.seen()[before..].iter().filter(|request| request.starts_with("DELETE")).count();
        assert_eq!(deleted, wanted, "two files and a manifest of each");
        assert!(!store.objects().keys().any(|key| ids.iter().any(|id| key.contains(id.as_str()))));
        uploading.end().await;
    }
    assert_eq!(store.unfinished(), 0);
}

#[tokio::test]
async fn a_part_that_is_on_its_way_when_its_recording_is_deleted_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (id, _) = recording(folder.path());
    let store = Store::start(LOOPBACK).await;
    store.fail(&[Fault::None]);
    store.fail_always(Some(Fault::Silence));
    let config = config::Upload { patience_seconds: 30, ..into_bucket(&store) };
    let uploading = Uploading::start(folder.path(), &config).await;
    store.wait_for(|seen| seen.iter().any(|request| request.contains("partNumber=2"))).await;
    assert_eq!(store.unfinished(), 1);
    uploading.catalogue.remove(&id).await.unwrap().unwrap();
    let dropped = |request: &String| request.starts_with("DELETE") && request.contains("uploadId=");
    store.wait_for(|seen| seen.iter().any(dropped)).await;
    uploading.end().await;
}
