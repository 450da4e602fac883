//! A server that starts on a disk that is full.

mod common;

use std::process::Command;
use std::time::Duration;

use common::disk::small_disk;
use common::judge::Recording;
use common::lab;
use common::native::Native;
use common::server::Server;
use serde_json::{Value, json};

const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
/// Longer than the server waits before it looks for space again, in the beginning.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_server_starts_on_a_full_disk_and_makes_recordings_whole_once_there_is_space() {
    lab::run(|lab| async move {
        let folder = small_disk(20);
        let media = folder.path().join(format!("{ID}.mka"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", "sine=d=6", "-c:a", "libopus", "-b:a", "64k"])
            .arg(&media)
            .status();
        assert!(made.expect("ffmpeg runs").success());
        let bytes = std::fs::read(&media).expect("it is there");
        std::fs::write(&media, &bytes[..bytes.len() * 2 / 3]).expect("room for it");
        let manifest = json!({
            "id": ID, "room": "tea", "kind": "audio", "container": "mkv", "audioCodec": "opus", "videoCodec": null,
            "state": "recording", "startedAt": 1, "endedAt": null, "durationMs": 0, "bytes": 0, "error": null,
            "participants": [],
            "files": [{"name": format!("{ID}.mka"), "streams": [{"codec": "opus"}], "startMs": 0, "durationMs": 0,
                "bytes": 0, "sha256": null}],
        });
        std::fs::write(folder.path().join(format!("{ID}.json")), manifest.to_string()).expect("room for it");
        let other = folder.path().join("something else");
        assert!(std::fs::write(&other, vec![0; 30_000_000]).is_err(), "the disk is full now");

        let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        let bounds = "[disk]\nwarn_mb = 3\nrefuse_mb = 2\nstop_mb = 1\n";
        std::fs::write(config.path(), bounds).expect("room for it");
        let arguments = ["--config", config.path().to_str().expect("text")];
        let server = Server::start_in(&lab, folder, &arguments).await;
        let path = format!("/api/v1/recordings/{ID}");
        let (status, entry) = server.get(&path).await;
        assert_eq!((status, &entry["state"]), (200, &json!("interrupted")), "{entry}");
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = ann.publish("send-1").await;
        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 30).await;
        let (status, error) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": "audio"})).await;
        assert_eq!((status, &error["code"]), (507, &json!("disk_full")), "{error}");

        std::fs::remove_file(&other).expect("ours");
        let whole = |entry: &Value| entry["state"] == "recovered" && entry["files"][0]["sha256"].is_string();
        server.get_until(&path, PATIENCE, whole).await;
        let film = Recording::open(server.download(&format!("{path}/file")).await.path(), &[]);
        assert!(film.duration > 2.0 && film.duration < 6.0, "{} s", film.duration);
        let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": "audio"})).await;
        assert_eq!(status, 201, "{entry}");
        server.wait_for_log("the index of recordings is on the disk", PATIENCE).await;
        // What was indexed in memory is in the index now.
        server.signal("KILL");
        let (_, folder) = server.ended(Duration::from_secs(5)).await;
        for id in [ID, entry["id"].as_str().expect("an id")] {
            std::fs::write(folder.path().join(format!("{id}.json")), "torn").expect("room for it");
        }
        let again = Server::start_in(&lab, folder, &arguments).await;
        assert!(whole(&again.get(&path).await.1));
        assert_eq!(again.get("/api/v1/recordings").await.1["recordings"].as_array().map(Vec::len), Some(2));
    });
}
