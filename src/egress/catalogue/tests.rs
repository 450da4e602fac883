//! The catalogue on a disk.

use super::*;
use crate::egress::file::{FileName, MediaFile};
use crate::egress::format::{Choice, Container};
use crate::egress::manifest::{Attendee, State, Upload, UploadState};
use crate::id::ParticipantId;
use crate::media::Codec;

fn manifest(started_at: u64, state: State) -> Manifest {
    let manifest = Manifest::new(RecordingId::new(), "../tea".into(), Choice::default().resolve(Codec::Vp8).unwrap());
    let name = FileName::whole(&manifest.id, "mp4");
    Manifest {
        files: vec![MediaFile::new(name, Vec::new(), 0)],
        state,
        started_at,
        ended_at: (!state.is_running()).then_some(started_at + 1),
        ..manifest
    }
}

fn media(manifest: &Manifest, folder: &Path) -> PathBuf {
    manifest.files[0].name.within(folder)
}

async fn ids(catalogue: &Catalogue, filter: Filter) -> Vec<RecordingId> {
    catalogue.list(&filter).await.unwrap().recordings.into_iter().map(|manifest| manifest.id).collect()
}

#[tokio::test]
async fn what_was_unfinished_is_interrupted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (manifest(1, State::Complete), manifest(2, State::Recording));
    old.write(folder.path()).unwrap();
    new.write(folder.path()).unwrap();
    std::fs::write(media(&new, folder.path()), "media").unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    let mut thief = manifest(3, State::Complete);
    thief.files.clone_from(&old.files);
    thief.write(folder.path()).unwrap();

    let catalogue = Catalogue::open(folder.path()).await.unwrap();
    let all = catalogue.list(&Filter::default()).await.unwrap().recordings;
    assert_eq!(all.iter().map(|m| &m.id).collect::<Vec<_>>(), [&new.id, &old.id]);
    assert_eq!((all[0].state, all[0].bytes), (State::Interrupted, 5));
    assert!(all[0].ended_at.is_some_and(|at| at > 2));
    assert!(catalogue.media(&new.id, None).await.unwrap().is_some());
    assert!(catalogue.media(&old.id, None).await.unwrap().is_none());
}

#[tokio::test]
async fn identifiers_from_strangers_reach_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&folder.path().join("inner")).await.unwrap();
    std::fs::write(folder.path().join("secret.mp4"), "x").unwrap();
    std::fs::write(folder.path().join("secret.json"), "{}").unwrap();
    for id in ["../secret", "..", "", "a/b", "a\0b", "%", "' OR 1 = 1 --", &"a".repeat(65)] {
        let id = RecordingId::from_remote(id);
        assert!(catalogue.media(&id, None).await.unwrap().is_none(), "{id:?}");
        assert!(catalogue.get(&id).await.unwrap().is_none(), "{id:?}");
        assert!(catalogue.remove(&id).await.unwrap().is_none(), "{id:?}");
    }
}

#[tokio::test]
async fn the_index_follows_the_folder_and_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (kept, removed) = (manifest(1, State::Complete), manifest(2, State::Complete));
    let catalogue = Catalogue::open(folder.path()).await.unwrap();
    catalogue.save(&kept).await.unwrap();
    catalogue.save(&removed).await.unwrap();
    drop(catalogue);
    std::fs::remove_file(manifest_path(folder.path(), &removed.id)).unwrap();
    let changed = Manifest { duration_ms: 7, ..kept.clone() };
    changed.write(folder.path()).unwrap();
    for _ in 0..2 {
        let catalogue = Catalogue::open(folder.path()).await.unwrap();
        let listed = catalogue.list(&Filter::default()).await.unwrap().recordings;
        assert_eq!(listed, std::slice::from_ref(&changed));
        drop(catalogue);
        for entry in std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.file_name().unwrap().to_string_lossy().starts_with(INDEX) {
                std::fs::remove_file(entry).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_that_is_lost_is_made_anew_from_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let [torn, lost, runs] = [State::Complete, State::Complete, State::Recording].map(|state| manifest(1, state));
    let mut away = manifest(4, State::Complete);
    let (location, uploaded_at) = ("s3://films/".to_owned(), Some(5));
    let state = UploadState::Done;
    away.upload = Some(Box::new(Upload { state, location, uploaded_at, local_deleted: true, error: None }));
    let catalogue = Catalogue::open(folder.path()).await.unwrap();
    for each in [&torn, &lost, &runs, &away] {
        catalogue.save(each).await.unwrap();
        std::fs::write(media(each, folder.path()), "media").unwrap();
    }
    drop(catalogue);
    std::fs::write(manifest_path(folder.path(), &torn.id), "{\"id\":").unwrap();
    for each in [&lost, &runs, &away] {
        std::fs::remove_file(manifest_path(folder.path(), &each.id)).unwrap();
    }
    std::fs::remove_file(media(&away, folder.path())).unwrap();
    for _ in 0..2 {
        let catalogue = Catalogue::open(folder.path()).await.unwrap();
        for each in [&torn, &lost, &away] {
            assert_eq!(catalogue.manifest(&each.id).await.unwrap().as_ref(), Some(each));
            assert_eq!(Manifest::read(&manifest_path(folder.path(), &each.id)).unwrap(), *each);
        }
        assert_eq!(catalogue.get(&runs.id).await.unwrap().map(|entry| entry.state), Some(State::Interrupted));
    }
    let kept = unreadable_path(folder.path(), &torn.id);
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "{\"id\":", "it may be of use to somebody");
    Catalogue::open(folder.path()).await.unwrap().remove(&torn.id).await.unwrap().unwrap();
    assert!(!kept.exists(), "what is deleted is gone");
}

#[tokio::test]
async fn a_recording_is_found_by_what_it_is_and_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(folder.path()).await.unwrap();
    let attendee = |name: &str| Attendee { id: ParticipantId::new(), name: name.into() };
    let mut all = Vec::new();
    for at in 0..10u64 {
        let mut each = manifest(at / 2, if at == 3 { State::Failed } else { State::Complete });
        each.room = if at % 2 == 0 { "tea" } else { "O'Hara" }.into();
        each.format.container = if at == 4 { Container::Mkv } else { Container::Mp4 };
        each.participants = if at == 5 { vec![attendee("ann"), attendee("bob")] } else { vec![attendee("bob")] };
        catalogue.save(&each).await.unwrap();
        all.push(each);
    }
    let one = |index: usize| vec![all[index].id.clone()];
    let filter = Filter::default;
    assert_eq!(ids(&catalogue, Filter { state: Some(State::Failed), ..filter() }).await, one(3));
    assert_eq!(ids(&catalogue, Filter { container: Some(Container::Mkv), ..filter() }).await, one(4));
    assert_eq!(ids(&catalogue, Filter { participant: Some("ann".into()), ..filter() }).await, one(5));
    let bob = all[6].participants[0].id.as_str().to_owned();
    assert_eq!(ids(&catalogue, Filter { participant: Some(bob), ..filter() }).await, one(6));
    assert_eq!(ids(&catalogue, Filter { room: Some("O'Hara".into()), ..filter() }).await.len(), 5);
    assert_eq!(ids(&catalogue, Filter { from: Some(1), until: Some(3), ..filter() }).await.len(), 4);

    all.sort_by(|a, b| (b.started_at, &b.id).cmp(&(a.started_at, &a.id)));
    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let page = catalogue.list(&Filter { limit: 3, cursor, ..filter() }).await.unwrap();
        paged.extend(page.recordings);
        let Some(next) = page.next else { break };
        let (at, id) = next.split_once('-').unwrap();
        cursor = Some((at.parse().unwrap(), RecordingId::from_remote(id)));
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_what_runs_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(folder.path()).await.unwrap();
    let (ended, runs) = (manifest(1, State::Complete), manifest(2, State::Recording));
    for each in [&ended, &runs] {
        catalogue.save(each).await.unwrap();
        std::fs::write(media(each, folder.path()), "media").unwrap();
    }
    assert_eq!(catalogue.remove(&ended.id).await.unwrap().as_ref(), Some(&ended));
    assert!(!media(&ended, folder.path()).exists() && !manifest_path(folder.path(), &ended.id).exists());
    assert_eq!(catalogue.remove(&ended.id).await.unwrap(), None);
    assert!(matches!(catalogue.remove(&runs.id).await, Err(OutputError::Running(id)) if id == runs.id));
    assert!(media(&runs, folder.path()).exists());
    // Its checksum comes too late, and brings nothing back.
    let late = catalogue.update(&ended.id, |manifest| manifest.bytes = 9).await.unwrap();
    assert!(!late);
    assert!(!manifest_path(folder.path(), &ended.id).exists());
    assert_eq!(ids(&catalogue, Filter::default()).await, [runs.id]);
}
