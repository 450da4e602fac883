//! Recordings that begin before they are asked for, judged by what is seen and heard in the files.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;

use std::time::{Duration, Instant};

use common::judge::{Recording, Rect, about, locate};
use common::lab;
use common::native::Native;
use common::server::Server;
use serde_json::{Value, json};

/// How long before the button recordings begin, in seconds.
const PRE_ROLL: f64 = 4.0;
/// A mix that costs little: many recordings share two cores.
const SMALL: &str = "[mix]\nwidth = 640\nheight = 360";
/// How far sound and picture of a participant may be apart, in seconds.
const LIPS: f64 = 0.08;
/// How far times in a file may be from the clock on the wall, in seconds.
const CLOCK: f64 = 0.5;

async fn published(who: &Native) {
    let on_air = |member: &Value| member["tracks"].as_array().is_some_and(|all| all.len() == 2);
    who.sees(&who.id, "on air", on_air).await;
}

/// A file of a recording.
async fn open(server: &Server, id: &str, file: &Value, pictures: bool) -> Recording {
    let name = file["name"].as_str().expect("a name");
    let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
    if !pictures {
        return Recording::open(media.path(), &[]);
    }
    let (_, (width, height)) = about(media.path());
    Recording::open(media.path(), &[Rect { x: 0, y: 0, width, height }])
}

fn seconds(entry: &Value, key: &str) -> f64 {
    entry[key].as_f64().unwrap_or_default() / 1e3
}

#[test]
fn a_recording_begins_before_it_is_asked_for() {
    lab::run_for(Duration::from_secs(150), |lab| async move {
        let settings = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(settings.path(), format!("[recording]\npre_roll_seconds = {PRE_ROLL}\n{SMALL}"))
            .expect("written");
        let server = Server::start_with(&lab, &["--config", settings.path().to_str().expect("a path")]).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        published(&ann).await;
        published(&bob).await;
        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 180).await;
        // What is said to nobody is in no file, whenever that was.
        bob.get("mute", json!({"source": "microphone", "muted": true})).await;
        watching.watches(slot, 60).await;
        bob.get("mute", json!({"source": "microphone", "muted": false})).await;
        let unmuted = Instant::now();
        ann.get("chat", json!({"text": "nobody records this, or so it seems"})).await;
        watching.watches(slot, 30).await;

        let formats = [
            json!({"kind": "mixed"}),
            json!({"kind": "mixed", "container": "mkv"}),
            json!({"kind": "audio", "container": "mp4"}),
            json!({"kind": "individual"}),
            json!({"kind": "multitrack"}),
            // Of which nothing is kept.
            json!({"kind": "audio", "container": "webm"}),
        ];
        let mut running = Vec::new();
        for format in &formats {
            let asked = Instant::now();
            let (status, entry) = server.post("/api/v1/rooms/tea/recordings", format).await;
            assert_eq!(status, 201, "{entry}");
            running.push((entry["id"].as_str().expect("an id").to_owned(), asked, format));
        }
        watching.watches(slot, 90).await;
        let mut ended = Vec::new();
        for (id, asked, format) in running {
            let wall = asked.elapsed().as_secs_f64();
            let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
            assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");
            ended.push((id, asked, wall, format, entry));
        }
        for (id, asked, wall, format, entry) in ended {
            let before = seconds(&entry, "preRollMs");
            let (_, manifest) = server.get(&format!("/api/v1/recordings/{id}/manifest")).await;
            println!("{format}: {before} s before, {} s of {wall}", seconds(&entry, "durationMs"));
            if format["container"] == "webm" {
                assert!(before == 0.0 && seconds(&entry, "durationMs") < wall + CLOCK, "{entry}");
                continue;
            }
            // It begins with a keyframe, of which there is one a second, or 30 pictures.
            assert!((PRE_ROLL - 0.1..PRE_ROLL + 2.0).contains(&before), "{entry}");
            let said = manifest["events"].as_array().expect("events").iter().find(|event| event["type"] == "chat");
            let said = seconds(said.unwrap_or_else(|| panic!("the chat is noted: {manifest}")), "atMs");
            assert!(said > 1.0 && said < before, "said at {said}, asked at {before}");
            let individual = format["kind"] == "individual";
            let heard_from = before - (asked - unmuted).as_secs_f64();
            for file in entry["files"].as_array().expect("files") {
                let whose = file["streams"][0]["participant"].as_str();
                let film = open(&server, &id, file, individual).await;
                assert!(
                    (film.duration - before - wall).abs() < CLOCK + 0.6,
                    "{} of {before} + {wall} s",
                    film.duration
                );
                let hole = film.longest_silence_of_packets();
                assert!(hole < 0.1, "a hole of {hole} s: {file}");
                let still = film.longest_picture();
                assert!(format["kind"] == "audio" || still < if individual { 2.3 } else { 0.2 }, "{still} s: {file}");
                let silent: usize = film.beeps(bob.look.pitch).iter().filter(|beep| **beep < heard_from - 0.5).count();
                if !individual || whose == Some(ann.id.as_str()) {
                    let beeps = film.beeps(ann.look.pitch);
                    let early = beeps.iter().filter(|beep| **beep < before).count();
                    assert!(early >= 3, "{format}: {before} s before: {beeps:?}");
                } else {
                    assert!(silent <= 1, "{format}: heard from {heard_from}: {:?}", film.beeps(bob.look.pitch));
                }
                if individual {
                    let look = if whose == Some(ann.id.as_str()) { ann.look } else { bob.look };
                    // Until the first keyframe that was kept, there is the name.
                    let seen = film.presence(0, look, 2.2, film.duration - 0.3);
                    assert!(seen > 0.95, "{look:?} is there for {seen}");
                    let offset = film.offset(0, look.pitch).expect("flashes and beeps");
                    println!("{offset:?}");
                    assert!(offset.pairs >= 3 && offset.most <= LIPS, "{offset:?}");
                } else if format["kind"] == "mixed" {
                    let name = file["name"].as_str().expect("a name");
                    let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
                    // One moment may be that of a flash.
                    let found = [0.5, 0.7, 0.9].map(|at| locate(media.path(), at, &[ann.look, bob.look]));
                    let both = found.iter().any(|found| found.iter().all(Option::is_some));
                    assert!(both, "both are there from the beginning: {found:?}");
                }
            }
        }
    });
}
