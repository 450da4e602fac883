//! A folder that cannot be written to, before the server starts and in the middle of a call.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::disk::{on_small_disk, seal, small_disk, unseal};
use crate::common::judge::Recording;
use crate::common::lab;
use crate::common::participant::{Options, Participant};
use crate::{CLOCK, company, start, start_as, stop};

#[test]
fn a_server_whose_folder_cannot_be_written_to_says_so_and_ends() {
    lab::run(|lab| async move {
        let folder = small_disk(10);
        seal(folder.path());
        let file = tempfile::NamedTempFile::new().expect("a file");
        for path in [folder.path().to_owned(), folder.path().join("below"), file.path().to_owned()] {
            let mut server = Command::new("timeout");
            server.args(["--signal=KILL", "20", env!("CARGO_BIN_EXE_plenum")]);
            server.args(["--open", "--listen", &format!("{}:0", lab.address), "--recordings"]).arg(&path);
            let output = server.output().expect("the server runs");
            let words = String::from_utf8_lossy(&output.stderr);
            let named = words.contains(path.to_str().expect("text"));
            assert_eq!(output.status.code(), Some(70), "{words}");
            assert!(named && words.contains("check that the folder exists, is writable and has space"), "{words}");
        }
    });
}

#[test]
fn a_folder_that_is_taken_away_costs_new_files_and_nothing_else() {
    lab::run(|lab| async move {
        let server = on_small_disk(&lab, "warn_mb = 0\nrefuse_mb = 0\nstop_mb = 0").await;
        let people = company(&server, 2).await;
        let (mixed, begun) = start(&server).await;
        let (individual, _) = start_as(&server, &json!({"kind": "individual"})).await;
        people[0].watch(&people[1], 3).await;
        let folder = server.recordings();
        seal(&folder);
        for format in [json!({"kind": "audio"}), json!({"kind": "multitrack"})] {
            let (status, error) = server.post("/api/v1/rooms/tea/recordings", &format).await;
            assert_eq!((status, &error["code"]), (507, &json!("folder_unusable")), "{error}");
            let message = error["message"].as_str().expect("words");
            assert!(message.contains("Read-only") && message.contains("is writable"), "{message}");
        }
        // Who comes now would need a new file, which only that recording wants: it goes on without.
        let late = Participant::join(&server, "tea", "p2", Options::of(2)).await;
        people[0].wait_to_meet(&late).await;
        people[0].watch(&people[1], 2).await;
        stop(&server, &mixed).await;
        stop(&server, &individual).await;
        let wall = begun.elapsed().as_secs_f64();
        unseal(&folder);

        for id in [&mixed, &individual] {
            let complete = |entry: &Value| entry["state"] == "complete";
            let entry = server.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(15), complete).await;
            let (bad, good): (Vec<_>, Vec<_>) =
                entry["files"].as_array().expect("files").iter().partition(|file| file["error"].is_string());
            assert_eq!(good.len(), if id == &individual { 2 } else { 1 }, "{entry}");
            if id == &individual {
                let reason = entry["error"].as_str().expect("a reason");
                assert!(reason.contains(&format!("{individual}-3")) && reason.contains("Read-only"), "{reason}");
                let names = |file: &&Value| file["error"].as_str().is_some_and(|error| error.contains("Read-only"));
                assert!(bad.iter().all(names), "{entry}");
            }
            for file in good {
                let name = file["name"].as_str().expect("a name");
                let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
                let film = Recording::read(media.path(), &[]);
                let seen = film.times.last().copied().unwrap_or_default();
                assert!(seen > 1.5 && seen < wall + CLOCK, "{seen} of {wall} s: {file}");
            }
        }
        let (again, _) = start_as(&server, &json!({"kind": "audio"})).await;
        people[0].watch(&people[1], 1).await;
        stop(&server, &again).await;
    });
}
