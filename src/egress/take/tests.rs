#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::egress::OutputError;
use crate::egress::format::Content;
use crate::egress::manifest::State;
use crate::egress::samples::{record, recording};

/// What is left of a recording that was written, before its end.
fn take(manifest: Manifest, catalogue: &Arc<Catalogue>) -> Take {
    Take {
        manifest,
        catalogue: Arc::clone(catalogue),
        limits: Limits::default(),
        is_low: false,
        from: gst::ClockTime::ZERO,
        span: Arc::default(),
        mending: JoinSet::new(),
        lost: 0,
        mixdown: None,
        individual: None,
        layout: None,
        unwritten: false,
        rest_until: Instant::now(),
        durable: Durable::default(),
        ended: false,
        deleted: false,
    }
}

/// The names of the files of a recording that are there.
fn left(folder: &std::path::Path, manifest: &Manifest) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(manifest.id.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_while_its_tracks_become_one_file_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Arc::new(Catalogue::open(folder.path()).await.unwrap());
    let manifest = recording(Content::Multitrack, State::Recording, 3);
    // Long enough to be deleted meanwhile.
    record(&manifest, folder.path(), 120);
    catalogue.save(&manifest).await.unwrap();
    let (report, _) = watch::channel(manifest.brief());
    let close = take(manifest.clone(), &catalogue).close(Ok(None), &report);
    let delete = async {
        let mut turns = tokio::time::interval(Duration::from_millis(5));
        while matches!(catalogue.remove(&manifest.id).await, Err(OutputError::Running(_))) {
            turns.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(close, delete) }).await.unwrap();
    assert_eq!(catalogue.get(&manifest.id).await.unwrap(), None);
    assert_eq!(left(folder.path(), &manifest), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_become_one_file_and_stay_several_where_there_is_no_space() {
    for kept in [0, u64::MAX / 2] {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Arc::new(Catalogue::open(folder.path()).await.unwrap().keeping(kept));
        let manifest = recording(Content::Multitrack, State::Recording, 2);
        record(&manifest, folder.path(), 1);
        catalogue.save(&manifest).await.unwrap();
        let (report, ended) = watch::channel(manifest.brief());
        take(manifest.clone(), &catalogue).close(Ok(None), &report).await;
        let ended = ended.borrow().clone();
        let known = catalogue.get(&manifest.id).await.unwrap().unwrap();
        assert_eq!((known.state, known.is_checked()), (State::Complete, true));
        assert_eq!((ended.state, ended.bytes), (State::Complete, known.bytes));
        let names: Vec<_> = known.files.iter().map(|file| file.name.as_str().to_owned()).collect();
        let mut there = left(folder.path(), &manifest);
        there.retain(|name| name.ends_with("mka"));
        there.sort();
        assert_eq!((there.len(), &there), (if kept == 0 { 1 } else { 2 }, &names));
        assert_eq!(known.error.is_some_and(|error| error.contains("make space")), kept > 0);
    }
}
