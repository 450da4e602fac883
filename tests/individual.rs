//! Recordings of what everybody sends, each in a file of its own, judged by what is seen and heard in the files.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;
#[path = "individual/continuity.rs"]
mod continuity;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::judge::{Recording, Rect, about};
use common::lab;
use common::native::Native;
use common::server::Server;
use common::source::Look;
use common::tiles::{calm_near, tiles};
use gstreamer as gst;
use gstreamer::prelude::*;
use plenum::egress::catalogue::Catalogue;
use plenum::egress::format::Choice;
use plenum::egress::individual::Feed;
use plenum::egress::manifest::{Manifest, State};
use plenum::egress::recording::{self, Spec};
use plenum::egress::space::Limits;
use plenum::id::{ParticipantId, RecordingId, RoomName};
use plenum::media::Codec;
use plenum::media::description::Descriptions;
use plenum::media::link::Outlet;
use plenum::media::pipeline::Pipeline;
use serde_json::{Value, json};

/// How far sound and picture of a participant may be apart, in seconds.
const LIPS: f64 = 0.08;
/// How much a crash may cost, in seconds.
const LOSS: f64 = 1.5;
/// How far times in a file may be from the clock on the wall, in seconds.
const CLOCK: f64 = 0.5;

async fn start(server: &Server, format: Value) -> String {
    let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &format).await;
    assert_eq!(status, 201, "{entry}");
    assert!(entry["files"][0]["name"].is_string(), "its files are named at once: {entry}");
    entry["id"].as_str().expect("an id").to_owned()
}

async fn stop(server: &Server, id: &str) -> Value {
    let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
    assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");
    entry
}

async fn published(who: &Native) {
    let on_air = |member: &Value| member["tracks"].as_array().is_some_and(|all| all.len() == 2);
    who.sees(&who.id, "on air", on_air).await;
}

/// Both tracks of somebody fall silent, or not any longer.
async fn mute(who: &Native, muted: bool) {
    for source in ["camera", "microphone"] {
        who.get("mute", json!({"source": source, "muted": muted})).await;
    }
}

/// The only file of somebody's camera in what the server says of a recording.
fn file_of<'a>(entry: &'a Value, who: &Native) -> &'a Value {
    let files = entry["files"].as_array().expect("files");
    let of = |file: &&Value| file["streams"][0]["participant"] == *who.id && file["streams"][0]["source"] == "camera";
    let mut theirs = files.iter().filter(of);
    let file = theirs.next().unwrap_or_else(|| panic!("no file of {}: {entry}", who.id));
    assert!(theirs.next().is_none(), "one file each: {entry}");
    file
}

async fn open(server: &Server, id: &str, file: &Value) -> Recording {
    let name = file["name"].as_str().expect("a name");
    let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
    let (_, (width, height)) = about(media.path());
    Recording::open(media.path(), &[Rect { x: 0, y: 0, width, height }])
}

/// What every file has, whatever happened: no hole, no jump, and as much sound as picture.
fn judge_whole(film: &Recording, file: &Value) {
    let (told, heard) = (file["durationMs"].as_f64().expect("durationMs") / 1e3, film.sound.len() as f64 / 48e3);
    println!("{file}: {:.3} s, heard {heard:.3} s, longest picture {:.3} s", film.duration, film.longest_picture());
    assert_eq!(file["dropped"], Value::Null, "nothing is left out: {file}");
    assert!((film.duration - told).abs() < 0.1 + 1.1, "{} told as {told} s", film.duration);
    assert!((heard - told).abs() < 0.1, "{heard} s are heard of {told}");
    assert!(film.longest_silence_of_packets() < 0.1, "a hole of {} s", film.longest_silence_of_packets());
    assert!(film.longest_picture() < 1.6, "a picture of {} s", film.longest_picture());
    assert!(film.times[0] < 0.7, "the first picture shows at {}", film.times[0]);
}

#[test]
fn everybody_has_a_file_without_holes_whatever_happens() {
    lab::run_for(Duration::from_secs(150), |lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        published(&ann).await;
        published(&bob).await;
        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 150).await;
        let ids = [
            start(&server, json!({"kind": "individual"})).await,
            start(&server, json!({"kind": "individual", "container": "mkv"})).await,
        ];
        let begun = Instant::now();
        let since = || begun.elapsed().as_secs_f64();
        watching.watches(slot, 120).await;
        mute(&ann, true).await;
        let muted = since();
        let seeing = ann.subscribe("receive-1", 2, 2).await;
        let bobs = ann.finds(&seeing, &bob.id, "camera").await;
        seeing.watches(bobs, 90).await;
        mute(&ann, false).await;
        let back = since();
        seeing.watches(bobs, 120).await;
        let cleo = Native::join(&server, "tea", "Cleo", 3).await;
        let _also = cleo.publish("send-1").await;
        published(&cleo).await;
        let came = since();
        let hers = ann.finds(&seeing, &cleo.id, "camera").await;
        seeing.watches(hers, 120).await;
        let bob_left = bob.id.clone();
        drop(watching);
        let bobs_look = bob.look;
        let bob_file = |entry: &Value| {
            entry["files"]
                .as_array()
                .and_then(|all| all.iter().find(|file| file["streams"][0]["participant"] == *bob_left).cloned())
        };
        bob.leave().await;
        let left = since();
        // A shared screen and its sound are a file of their own, for as long as they are shared.
        let screen = Look::of(4);
        let sharing = cleo.share("screen-1", screen).await;
        let shares = |member: &Value| member["tracks"].as_array().is_some_and(|all| all.len() == 4);
        cleo.sees(&cleo.id, "sharing", shares).await;
        let shared = since();
        seeing.watches(hers, 75).await;
        cleo.get("close", json!({"endpoint": "screen-1"})).await;
        drop(sharing);
        let shown = since() - shared;
        seeing.watches(hers, 30).await;
        for (id, end) in ids.iter().zip(["webm", "mkv"]) {
            let entry = stop(&server, id).await;
            let stopped = since();
            let (a, b, c) = (file_of(&entry, &ann), bob_file(&entry).expect("bob's"), file_of(&entry, &cleo));
            let streams = |file: &Value| {
                let of = |stream: &Value| format!("{} {}", stream["source"], stream["codec"]);
                file["streams"].as_array().expect("streams").iter().map(of).collect::<Vec<_>>()
            };
            assert_eq!(streams(a), ["\"camera\" \"vp8\"", "\"microphone\" \"opus\""]);
            assert!(a["name"].as_str().is_some_and(|name| name.ends_with(end)), "{a}");
            let start_of = |file: &Value| file["startMs"].as_f64().expect("startMs") / 1e3;
            assert!(start_of(a) < 0.3 && start_of(&b) < 0.3 && (start_of(c) - came).abs() < 1.0, "{entry}");

            let of_screen = |file: &&Value| file["streams"][0]["source"] == "screen";
            let screens: Vec<_> = entry["files"].as_array().expect("files").iter().filter(of_screen).collect();
            let [file] = screens[..] else { panic!("one file of the screen: {entry}") };
            assert_eq!(streams(file), ["\"screen\" \"vp8\"", "\"screenAudio\" \"opus\""]);
            assert_eq!(file["streams"][0]["participant"], cleo.id, "{file}");
            let film = open(&server, id, file).await;
            judge_whole(&film, file);
            assert!((start_of(file) - shared).abs() < 1.0 && (film.duration - shown).abs() < 1.0, "{shared} {shown}");
            let seen = film.presence(0, screen, 0.7, film.duration - 0.3);
            assert!(seen > 0.95 && film.beeps(screen.pitch).len() >= 2, "the screen is there for {seen}");

            let film = open(&server, id, a).await;
            judge_whole(&film, a);
            assert_eq!(film.codecs, ["opus", "vp8"]);
            assert!((film.duration - stopped).abs() < CLOCK + 1.0, "{} of {stopped} s", film.duration);
            let presence = |from: f64, to: f64| film.presence(0, ann.look, from, to);
            assert!(presence(0.7, muted - 0.3) > 0.95, "{}", presence(0.7, muted - 0.3));
            assert!(presence(muted + 0.5, back - 0.2) < 0.05, "muted: {}", presence(muted + 0.5, back - 0.2));
            assert!(presence(back + 1.0, stopped - 0.3) > 0.95, "back: {}", presence(back + 1.0, stopped - 0.3));
            let beeps = film.beeps(ann.look.pitch);
            let quiet = beeps.iter().all(|beep| !(muted + 0.3..back - 0.1).contains(beep));
            assert!(quiet && beeps.len() as f64 > (muted + stopped - back).floor() - 3.0, "{muted} {back}: {beeps:?}");
            let offset = film.offset(0, ann.look.pitch).expect("flashes and beeps");
            println!("ann: {offset:?}");
            assert!(offset.pairs >= 3 && offset.most <= LIPS, "{offset:?}");
            let gap = |gap: &Value| (gap["atMs"].as_f64().unwrap() / 1e3, gap["durationMs"].as_f64().unwrap() / 1e3);
            let gaps: Vec<_> = a["gaps"].as_array().expect("gaps").iter().map(gap).collect();
            let noted = |&(at, long): &(f64, f64)| (at - muted).abs() < 0.5 && (at + long - back).abs() < 1.0;
            assert!(gaps.iter().filter(|gap| noted(gap)).count() == 2, "{muted} to {back}: {gaps:?}");

            for (file, look, long) in [(&b, bobs_look, left), (c, cleo.look, stopped - came)] {
                let film = open(&server, id, file).await;
                judge_whole(&film, file);
                assert!((film.duration - long).abs() < 1.5, "{} of {long} s", film.duration);
                let shown = film.presence(0, look, 0.7, film.duration - 0.3);
                assert!(shown > 0.95, "{look:?} is there for {shown}");
                let offset = film.offset(0, look.pitch).expect("flashes and beeps");
                // Who has just come has not said yet how picture and sound belong together: that takes some seconds.
                let lips = if long > 10.0 { LIPS } else { 4.0 * LIPS };
                assert!(offset.pairs >= 2 && offset.most <= lips, "{offset:?}");
            }
        }
    });
}

#[test]
fn a_room_that_speaks_h264_is_recorded_like_any_other() {
    lab::run(|lab| async move {
        let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(config.path(), "[rooms]\nvideo_codec = \"h264\"\n").expect("a file");
        let server = Server::start_with(&lab, &["--config", config.path().to_str().expect("a path")]).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish_h264("send-1").await, bob.publish_h264("send-1").await];
        published(&ann).await;
        published(&bob).await;
        let (individual, mixed) =
            (start(&server, json!({"kind": "individual"})).await, start(&server, json!({"kind": "mixed"})).await);
        let begun = Instant::now();
        // Nobody watches here: the recording itself tells that time has passed.
        let goes_on = async |milliseconds: f64| {
            let path = format!("/api/v1/recordings/{individual}");
            let before = server.get(&path).await.1["durationMs"].as_f64().expect("durationMs");
            let more = |entry: &Value| entry["durationMs"].as_f64().is_some_and(|now| now > before + milliseconds);
            server.get_until(&path, Duration::from_secs(20), more).await;
        };
        goes_on(4000.0).await;
        let muted = begun.elapsed().as_secs_f64();
        ann.get("mute", json!({"source": "camera", "muted": true})).await;
        goes_on(3000.0).await;
        let back = begun.elapsed().as_secs_f64();
        ann.get("mute", json!({"source": "camera", "muted": false})).await;
        goes_on(4000.0).await;
        let entry = stop(&server, &individual).await;
        stop(&server, &mixed).await;
        let stopped = begun.elapsed().as_secs_f64();
        for who in [&ann, &bob] {
            let file = file_of(&entry, who);
            assert!(file["name"].as_str().is_some_and(|name| name.ends_with(".mkv")), "{file}");
            let film = open(&server, &individual, file).await;
            judge_whole(&film, file);
            assert_eq!(film.codecs, ["h264", "opus"]);
            let presence = |from: f64, to: f64| film.presence(0, who.look, from, to);
            let away = if who.id == ann.id { 0.0..0.05 } else { 0.95..1.1 };
            let shown =
                [presence(0.7, muted - 0.3), presence(muted + 0.5, back - 0.2), presence(back + 1.0, stopped - 0.3)];
            assert!(shown[0] > 0.95 && away.contains(&shown[1]) && shown[2] > 0.95, "{shown:?}");
            let offset = film.offset(0, who.look.pitch).expect("flashes and beeps");
            println!("{offset:?}");
            assert!(offset.pairs >= 3 && offset.most <= LIPS, "{offset:?}");
        }
        let media = server.download(&format!("/api/v1/recordings/{mixed}/file")).await;
        let looks = [ann.look, bob.look];
        let calm = calm_near(media.path(), muted - 1.5, &looks);
        let film = Recording::open(media.path(), &tiles(media.path(), calm, &looks));
        assert_eq!(film.codecs, ["aac", "h264"]);
        assert!((film.duration - stopped).abs() < CLOCK + 1.0, "{} of {stopped} s", film.duration);
        let name = film.named(0, ann.look, muted + 0.6, back);
        assert!(name > 0.95, "Ann's name is there for {name} of the time between {muted} and {back}");
        for (tile, look) in looks.iter().enumerate() {
            let spans =
                if tile == 0 { [(1.0, muted - 0.3), (back + 1.0, stopped - 0.5)] } else { [(1.0, stopped - 0.5); 2] };
            let seen = spans.map(|(from, to)| film.presence(tile, *look, from, to));
            assert!(seen.iter().all(|seen| *seen > 0.95), "participant {tile}: {seen:?} of {spans:?}");
            let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
            assert!(offset.pairs >= 3 && offset.most <= LIPS, "participant {tile}: {offset:?}");
        }
        kill_and_rescue(&lab, server, [&ann, &bob]).await;
    });
}

/// Both kinds of recordings of a server that is killed: what is found of them is whole.
async fn kill_and_rescue(lab: &lab::Lab, server: Server, people: [&Native; 2]) {
    let mut running = Vec::new();
    for kind in ["mixed", "individual"] {
        running.push((start(&server, json!({ "kind": kind })).await, Instant::now()));
    }
    let path = format!("/api/v1/recordings/{}", running[1].0);
    let long = |entry: &Value| entry["durationMs"].as_f64().is_some_and(|now| now > 6000.0);
    server.get_until(&path, Duration::from_secs(20), long).await;
    server.signal("KILL");
    let killed = Instant::now();
    let (_, recordings) = server.ended(Duration::from_secs(5)).await;
    let again = Server::start_in(lab, recordings, &[]).await;
    for (id, begun) in running {
        let whole = |entry: &Value| entry["state"] == "recovered";
        let entry = again.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(15), whole).await;
        let wall = (killed - begun).as_secs_f64();
        for file in entry["files"].as_array().expect("files") {
            let owner = people.iter().position(|who| file["streams"][0]["participant"] == *who.id);
            let media =
                again.download(&format!("/api/v1/recordings/{id}/files/{}", file["name"].as_str().unwrap())).await;
            let looks: Vec<Look> = match owner {
                Some(whose) => vec![people[whose].look],
                None => people.iter().map(|who| who.look).collect(),
            };
            let film = match owner {
                Some(_) => open(&again, &id, file).await,
                None => {
                    let calm = calm_near(media.path(), wall / 2.0, &looks);
                    Recording::open(media.path(), &tiles(media.path(), calm, &looks))
                }
            };
            let heard = film.sound.len() as f64 / 48e3;
            println!("{file}: {heard} s of {wall} s are heard, {:?} s are seen", film.times.last());
            assert!(heard > wall - LOSS && film.longest_silence_of_packets() < 0.1, "{heard} of {wall} s: {file}");
            assert!(film.codecs.iter().any(|codec| codec == "h264"), "{:?}", film.codecs);
            for (tile, look) in looks.iter().enumerate() {
                let seen = film.presence(tile, *look, 1.0, wall - LOSS);
                let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
                assert!(seen > 0.95 && film.times.last().is_some_and(|last| *last > wall - LOSS), "{seen}: {file}");
                assert!(offset.pairs >= 2 && offset.most <= LIPS, "{offset:?}: {file}");
            }
        }
    }
}

#[test]
fn who_is_muted_at_the_end_holds_up_no_file() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        published(&ann).await;
        published(&bob).await;
        mute(&ann, true).await;
        let watching = ann.subscribe("receive-1", 2, 2).await;
        let slot = ann.finds(&watching, &bob.id, "camera").await;
        watching.watches(slot, 30).await;
        let ids =
            [start(&server, json!({"kind": "individual"})).await, start(&server, json!({"kind": "multitrack"})).await];
        watching.watches(slot, 90).await;
        ann.get("mute", json!({"source": "camera", "muted": false})).await;
        bob.get("mute", json!({"source": "microphone", "muted": true})).await;
        watching.watches(slot, 90).await;
        for id in &ids {
            let asked = Instant::now();
            let entry = stop(&server, id).await;
            assert!(asked.elapsed() < Duration::from_secs(8), "{:?} until {entry}", asked.elapsed());
            for file in entry["files"].as_array().expect("files") {
                let film = open_any(&server, id, file).await;
                let (told, heard) =
                    (file["durationMs"].as_f64().expect("durationMs") / 1e3, film.sound.len() as f64 / 48e3);
                println!("{file}: {heard:.3} of {told:.3} s are heard");
                assert!((heard - told).abs() < 0.1 && told > 2.0, "{heard} of {told} s are heard: {file}");
            }
        }
    });
}

/// The sound of the `track`-th audio stream of a file, and what the stream is called.
fn track(path: &std::path::Path, track: usize) -> (Recording, String) {
    let alone = tempfile::Builder::new().suffix(".mka").tempfile().expect("a file");
    let select = format!("0:a:{track}");
    let copied = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(path)
        .args(["-map", &select, "-c", "copy"])
        .arg(alone.path())
        .status();
    assert!(copied.expect("ffmpeg runs").success());
    let named = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", &format!("a:{track}"), "-show_entries", "stream_tags=title"])
        .args(["-of", "default=nokey=1:noprint_wrappers=1"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    let film = Recording::open(alone.path(), &[]);
    (film, String::from_utf8_lossy(&named.stdout).trim().to_owned())
}

#[test]
fn a_multitrack_recording_has_the_mix_and_everybody_alone() {
    lab::run_for(Duration::from_secs(120), |lab| async move {
        let server = Server::start(&lab).await;
        let name = "Ann \"Q\"; <x>, y=1";
        let ann = Native::join(&server, "tea", name, 1).await;
        let bob = Native::join(&server, "tea", "Bob", 2).await;
        let _sending = ann.publish("send-1").await;
        published(&ann).await;
        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 60).await;
        let id = start(&server, json!({"kind": "multitrack"})).await;
        let begun = Instant::now();
        watching.watches(slot, 90).await;
        // A pause is in no track.
        let (status, _) = server.post(&format!("/api/v1/recordings/{id}/pause"), &json!({})).await;
        assert_eq!(status, 200);
        let paused = begun.elapsed();
        watching.watches(slot, 60).await;
        let (status, _) = server.post(&format!("/api/v1/recordings/{id}/resume"), &json!({})).await;
        assert_eq!(status, 200);
        let resumed = Instant::now();
        let _late = bob.publish("send-1").await;
        published(&bob).await;
        watching.watches(slot, 150).await;
        let wall = (paused + resumed.elapsed()).as_secs_f64();
        let entry = stop(&server, &id).await;
        let files = entry["files"].as_array().expect("files");
        assert_eq!((files.len(), &entry["error"]), (1, &Value::Null), "{entry}");
        assert_eq!(files[0]["streams"].as_array().map(Vec::len), Some(4), "{entry}");

        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let looks = [ann.look, bob.look];
        let both = calm_near(file.path(), wall - 3.0, &looks);
        let film = Recording::open(file.path(), &tiles(file.path(), both, &looks));
        println!("{entry}");
        assert_eq!(film.codecs, ["aac", "h264", "opus", "opus"]);
        assert!((film.duration - wall).abs() < CLOCK, "{} of {wall} s", film.duration);
        assert!(film.longest_picture() < 0.2, "a picture of {} s", film.longest_picture());
        let (anns, bobs) =
            (film.presence(0, ann.look, 1.0, wall - 0.5), film.presence(1, bob.look, wall - 4.0, wall - 0.5));
        let absent = film.named(1, bob.look, 0.5, paused.as_secs_f64() - 0.3);
        assert!(anns > 0.95 && bobs > 0.95 && absent > 0.95, "seen for {anns} and {bobs}, his name for {absent}");
        for (tile, lips) in [(0, LIPS), (1, 4.0 * LIPS)] {
            let offset = film.offset(tile, looks[tile].pitch).expect("flashes and beeps");
            assert!(offset.pairs >= 3 && offset.most <= lips, "participant {tile}: {offset:?}");
        }
        let [mix, anns, bobs] = [0, 1, 2].map(|index| track(file.path(), index));
        let pitches = [ann.look.pitch, bob.look.pitch];
        for ((film, name), own) in [(&anns, 0), (&bobs, 1)] {
            let (own, other) = (pitches[own], pitches[1 - own]);
            let heard = film.sound.len() as f64 / 48e3;
            println!("{name}: {heard:.3} of {wall:.3} s, {} to {}", film.loudest(own), film.loudest(other));
            assert!((heard - wall).abs() < CLOCK, "{name} is {heard} s of {wall}, silence counted in");
            assert!(film.loudest(own) > 10.0 * film.loudest(other), "{name} is heard alone");
            let [alone, mixed] = [film, &mix.0].map(|film| film.beeps(own));
            assert!(alone.len() >= 4, "{name}: {alone:?}");
            let at_once = |beep: &&f64| mixed.iter().any(|other| (*beep - other).abs() < LIPS);
            let together = alone.iter().filter(at_once).count();
            assert!(together + 2 >= alone.len(), "{name} is in step with the mix: {alone:?} {mixed:?}");
        }
        assert_eq!(bobs.1, "Bob");
        let head = std::fs::read(file.path()).expect("the file");
        let named = head.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(named, "the head names {}", name);
        let folder: Vec<_> = std::fs::read_dir(server.recordings()).expect("the folder").flatten().collect();
        let parts = folder.iter().filter(|entry| entry.file_name().to_string_lossy().contains(&format!("{id}-")));
        assert_eq!(parts.count(), 0, "the parts are gone: {folder:?}");
    });
}

#[test]
fn a_server_that_is_killed_loses_no_more_than_a_second_of_anybody() {
    lab::run_for(Duration::from_secs(120), |lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        published(&ann).await;
        published(&bob).await;
        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 150).await;
        let kinds = [
            json!({"kind": "individual"}),
            json!({"kind": "individual", "container": "mkv"}),
            json!({"kind": "multitrack"}),
        ];
        let mut running = Vec::new();
        for kind in &kinds {
            running.push((start(&server, kind.clone()).await, Instant::now(), kind));
        }
        watching.watches(slot, 180).await;
        // A muted camera is no excuse for losing the sound.
        let muted = Instant::now();
        ann.get("mute", json!({"source": "camera", "muted": true})).await;
        let hearing = ann.subscribe("receive-1", 2, 2).await;
        let bobs = ann.finds(&hearing, &bob.id, "camera").await;
        hearing.watches(bobs, 90).await;
        server.signal("KILL");
        let killed = Instant::now();
        let (_, recordings) = server.ended(Duration::from_secs(5)).await;
        let again = Server::start_in(&lab, recordings, &[]).await;
        for (id, begun, kind) in running {
            let whole = |entry: &Value| entry["state"] == "recovered";
            let entry = again.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(15), whole).await;
            let wall = (killed - begun).as_secs_f64();
            let files = entry["files"].as_array().expect("files");
            assert_eq!(files.len(), if kind["kind"] == "multitrack" { 1 } else { 2 }, "{entry}");
            for file in files {
                let film = open_any(&again, &id, file).await;
                let heard = film.sound.len() as f64 / 48e3;
                println!(
                    "{kind}: {heard:.2} of {wall:.2} s are heard, {:.2} s seen",
                    film.times.last().unwrap_or(&0.0)
                );
                assert!(heard > wall - LOSS && heard < wall + CLOCK, "{kind}: {heard} of {wall} s: {file}");
                assert!(film.longest_silence_of_packets() < 0.1, "{kind}: {}", film.longest_silence_of_packets());
                let (muted, end) = ((muted - begun).as_secs_f64(), wall - LOSS);
                judge_rescued(&again, &id, file, [&ann, &bob], muted, end).await;
            }
        }
    });
}

/// What a killed server had written by `end` is what was sent: Ann's picture until she muted it, then her name, and Bob's.
async fn judge_rescued(server: &Server, id: &str, file: &Value, people: [&Native; 2], muted: f64, end: f64) {
    let path = format!("/api/v1/recordings/{id}/files/{}", file["name"].as_str().expect("a name"));
    let media = server.download(&path).await;
    let looks = people.map(|who| who.look);
    let owner = people.iter().position(|who| file["streams"][0]["participant"] == *who.id);
    let (film, shown) = match owner {
        Some(whose) => (open(server, id, file).await, vec![looks[whose]]),
        None => {
            let both = calm_near(media.path(), muted - 2.0, &looks);
            (Recording::open(media.path(), &tiles(media.path(), both, &looks)), looks.to_vec())
        }
    };
    for (tile, look) in shown.iter().enumerate() {
        let present = |from: f64, to: f64| film.presence(tile, *look, from, to);
        let until = if *look == looks[0] { muted - 0.3 } else { end };
        assert!(present(1.0, until) > 0.95, "{look:?} is there for {}: {file}", present(1.0, until));
        if *look == looks[0] {
            let (shown, name) = (present(muted + 0.6, end), film.named(tile, *look, muted + 0.6, end));
            assert!(shown < 0.05 && name > 0.95, "muted: {shown} and {name}: {file}");
        }
        let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
        assert!(offset.pairs >= 3 && offset.most <= LIPS, "{offset:?}: {file}");
    }
    let heard = |film: &Recording, look: &Look| film.beeps(look.pitch).into_iter().filter(|beep| *beep < end).count();
    let least = end.floor() as usize - 2;
    for look in &shown {
        assert!(heard(&film, look) >= least, "{look:?}: {:?}: {file}", film.beeps(look.pitch));
    }
    if owner.is_none() {
        for (index, look) in looks.iter().enumerate() {
            let (alone, name) = track(media.path(), index + 1);
            let other = looks[1 - index];
            assert!(alone.loudest(look.pitch) > 10.0 * alone.loudest(other.pitch), "{name} is heard alone");
            assert!(heard(&alone, look) >= least, "{name}: {:?}", alone.beeps(look.pitch));
        }
    }
}

async fn open_any(server: &Server, id: &str, file: &Value) -> Recording {
    let name = file["name"].as_str().expect("a name");
    let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
    Recording::open(media.path(), &[])
}

/// A microphone, as RTP.
fn microphone() -> (Pipeline, Outlet) {
    let (pipeline, _events) = Pipeline::new("microphone");
    let now = Pipeline::running_time().nseconds();
    let text = format!(
        "audiotestsrc is-live=true timestamp-offset={now} samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! \
         opusenc ! rtpopuspay name=end"
    );
    let source = gst::parse::bin_from_description(&text, false).expect("a description");
    let outlet = Outlet::new("outlet");
    pipeline.gst().add_many([source.upcast_ref(), outlet.element()]).expect("an empty pipeline");
    let end = source.by_name("end").and_then(|end| end.static_pad("src")).expect("an end");
    let ghost = gst::GhostPad::with_target(&end).expect("a pad");
    source.add_pad(&ghost).expect("a bin without pads");
    source.link_pads(Some(ghost.name().as_str()), outlet.element(), Some("sink")).expect("it fits");
    pipeline.play().expect("it plays");
    (pipeline, outlet)
}

/// Waits until what the catalogue says of a recording is as wanted.
async fn until(catalogue: &Catalogue, id: &RecordingId, wanted: impl Fn(&Manifest) -> bool) -> Manifest {
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        turns.tick().await;
        let manifest = catalogue.get(id).await.expect("a catalogue").expect("a recording");
        if wanted(&manifest) {
            return manifest;
        }
        assert!(Instant::now() < deadline, "still: {manifest:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_is_not_the_end_of_the_others() {
    gst::init().expect("GStreamer");
    let (folder, texts) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    std::fs::create_dir(texts.path().join("output")).expect("a folder");
    let breaks = "webmmux name=mux max-cluster-duration=500000000 ! identity error-after=250 ! filesink name=sink async=false sync=false";
    std::fs::write(texts.path().join("output/webm.launch"), breaks).expect("a file");
    let descriptions = Descriptions::with_replacements(texts.path()).expect("descriptions");
    let catalogue = Arc::new(Catalogue::open(folder.path()).await.expect("a catalogue"));
    let id = RecordingId::new();
    let spec = Spec {
        id: id.clone(),
        format: serde_json::from_str::<Choice>(r#"{"kind": "individual"}"#)
            .expect("a choice")
            .resolve(Codec::Vp8)
            .expect("a format"),
        room: RoomName::parse("tea").expect("a name"),
        so_far: Vec::new(),
        feeds: Vec::new(),
        pre_roll: Duration::ZERO,
        kept_since: None,
        layout: None,
        placements: None,
        limits: Limits::default(),
    };
    // The first file cannot be made, the second breaks, and the third goes on.
    let taken = folder.path().join(format!("{id}-1.webm"));
    std::fs::write(&taken, "somebody else's").expect("a file");
    let recording = recording::Recording::start(spec, &catalogue, &descriptions, Vec::new()).await.expect("it starts");
    let (_sound, outlet) = microphone();
    let feed = Feed {
        participant: ParticipantId::new(),
        name: "Ann".to_owned(),
        shared: false,
        codec: Codec::Opus,
        outlet,
        since: None,
    };
    recording.feed(feed);
    let three = |manifest: &Manifest| manifest.files.len() == 3;
    let running = until(&catalogue, &id, three).await;
    assert_eq!(running.state, State::Recording, "the recording goes on");
    let manifest = recording.stop().await;
    assert_eq!(manifest.state, State::Complete, "{manifest:?}");
    let reason = manifest.error.as_deref().unwrap_or_default();
    assert!(reason.contains(&format!("{id}-1.webm")), "the owner is told which file is not whole: {reason:?}");
    let flawed: Vec<_> = manifest.files.iter().map(|file| file.error.is_some()).collect();
    assert_eq!(flawed, [true, true, false], "{manifest:?}");
    let checked = |manifest: &Manifest| manifest.files.iter().all(|file| file.sha256.is_some());
    let manifest = until(&catalogue, &id, checked).await;
    for file in &manifest.files[1..] {
        let film = Recording::open(&folder.path().join(file.name.as_str()), &[]);
        let heard = film.sound.len() as f64 / 48e3;
        println!("{file:?}: {heard} s");
        assert!((film.duration - file.duration_ms as f64 / 1e3).abs() < 1.2, "{} s of {file:?}", film.duration);
    }
    assert!(manifest.files[1].duration_ms > 2000, "what was written plays: {manifest:?}");
}
