//! Calls that are recorded and uploaded, judged by what plays from the store.

use super::server::start;
use super::*;
use crate::common::judge::Recording;
use crate::common::lab;
use crate::common::native::{Endpoint, Native};
use crate::common::server::Server;

/// How it is set.
const MOVED: &str = "delete_local = true";
const KINDS: [&str; 3] = ["mixed", "individual", "multitrack"];

/// Those who call, and what they call by.
type Call = (Vec<Native>, Vec<Endpoint>);

/// Two who send for some seconds while it is recorded in all ways: the recordings, and the call that goes on.
async fn record(server: &Server) -> (Vec<String>, Call) {
    let (ann, bob) = (Native::join(server, "tea", "Ann", 1).await, Native::join(server, "tea", "Bob", 2).await);
    let mut endpoints = vec![ann.publish("send-1").await, bob.publish("send-1").await];
    let watching = bob.subscribe("receive-1", 2, 2).await;
    let slot = bob.finds(&watching, &ann.id, "camera").await;
    let hearing = ann.subscribe("receive-1", 2, 2).await;
    let bobs = ann.finds(&hearing, &bob.id, "camera").await;
    watching.watches(slot, 30).await;
    hearing.watches(bobs, 30).await;
    let mut ids = Vec::new();
    for kind in KINDS {
        let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": kind})).await;
        assert_eq!(status, 201, "{entry}");
        ids.push(entry["id"].as_str().unwrap().to_owned());
    }
    watching.watches(slot, 120).await;
    endpoints.extend([watching, hearing]);
    (ids, (vec![ann, bob], endpoints))
}

/// What the server says of it once it is uploaded and deleted here.
async fn uploaded(server: &Server, id: &str) -> Value {
    let path = format!("/api/v1/recordings/{id}");
    let entry = server.get_until(&path, PATIENCE, |entry| entry["upload"]["localDeleted"] == true).await;
    assert_eq!(entry["upload"]["state"], "done", "{entry}");
    let picture = server.http().get(server.url(&format!("{path}/thumbnail"))).send().await.unwrap();
    assert_eq!(picture.status().as_u16(), 200, "its picture stays");
    assert_eq!(server.get(&format!("{path}/manifest")).await.0, 200);
    assert_eq!(server.get(&format!("{path}/file")).await.0, 410);
    entry
}

/// Whether the store has what `entry` speaks of, and it plays.
fn plays(store: &Store, kind: &str, entry: &Value) {
    let id = entry["id"].as_str().unwrap();
    let root = format!("films/of/rooms/{id}/");
    let objects = store.objects();
    let stored = objects.keys().filter(|key| key.starts_with(&root)).count();
    let files = entry["files"].as_array().unwrap();
    assert_eq!(files.len(), if kind == "individual" { 2 } else { 1 }, "{kind}: {entry}");
    assert_eq!(stored, files.len() + 1, "{kind}: all files and the manifest");
    for file in files {
        let bytes = &objects[&format!("{root}{}", file["name"].as_str().unwrap())];
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(json!(sum), file["sha256"], "{kind}");
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(copy.path(), bytes).unwrap();
        let film = Recording::open(copy.path(), &[]);
        let told = file["durationMs"].as_f64().unwrap() / 1e3;
        assert!(told > 3.0 && (film.duration - told).abs() < 1.2, "{kind}: {} of {told} s", film.duration);
        assert!(film.times.len() > 30, "{kind}: {} pictures", film.times.len());
        let sounds = film.codecs.iter().filter(|codec| ["aac", "opus"].contains(&codec.as_str())).count();
        assert_eq!(sounds, if kind == "multitrack" { 3 } else { 1 }, "{kind}: {:?}", film.codecs);
    }
    let manifest: Value = serde_json::from_slice(&objects[&format!("{root}{id}.json")]).unwrap();
    assert_eq!((&manifest["state"], &manifest["files"]), (&entry["state"], &entry["files"]));
    assert!(manifest["events"].as_array().is_some_and(|events| !events.is_empty()), "with all that happened");
}

#[test]
fn what_was_recorded_is_uploaded_whole_and_plays_from_there() {
    lab::run(|lab| async move {
        let store = Store::start(lab.address).await;
        let server = start(&lab, &store, tempfile::tempdir().unwrap(), "info", MOVED).await;
        let (ids, call) = record(&server).await;
        assert!(store.seen().is_empty(), "nothing leaves before it has ended");
        for id in &ids {
            server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
        }
        drop(call);
        for (kind, id) in KINDS.iter().zip(&ids) {
            plays(&store, kind, &uploaded(&server, id).await);
        }
        let left = std::fs::read_dir(server.recordings()).unwrap().flatten();
        let media = |name: &str| [".mp4", ".webm", ".mkv"].iter().any(|end| name.ends_with(end));
        let left: Vec<_> =
            left.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| media(name)).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn what_a_killed_server_recorded_is_uploaded_once_it_is_whole() {
    lab::run(|lab| async move {
        let store = Store::start(lab.address).await;
        let first = start(&lab, &store, tempfile::tempdir().unwrap(), "info", MOVED).await;
        let (ids, call) = record(&first).await;
        first.signal("KILL");
        let (_, folder) = first.ended(Duration::from_secs(5)).await;
        drop(call);
        let second = start(&lab, &store, folder, "info", MOVED).await;
        for (kind, id) in KINDS.iter().zip(&ids) {
            let entry = uploaded(&second, id).await;
            assert_eq!(entry["state"], "recovered", "{entry}");
            plays(&store, kind, &entry);
        }
    });
}
