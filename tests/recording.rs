//! Recordings, judged by what is seen and heard in the file.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;
#[path = "recording/folder.rs"]
mod folder;
#[path = "recording/served.rs"]
mod served;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::company::{company, mixes};
use common::disk::on_small_disk;
use common::judge::{Recording, Rect, about, keyframes, locate};
use common::lab;
use common::native::Native;
use common::participant::{Options, Participant};
use common::server::Server;
use common::source::Look;
use common::tiles::{calm, tiles};
use plenum::mix::layout::{Placement, Size};
use serde_json::{Value, json};

/// How far sound and picture of a participant may be apart, in seconds.
const LIPS: f64 = 0.08;
/// How far the length of a file may be from the clock on the wall, in seconds.
const CLOCK: f64 = 0.5;
/// How much a crash may cost, in seconds.
const LOSS: f64 = 1.5;

async fn start(server: &Server) -> (String, Instant) {
    start_as(server, &json!({})).await
}

async fn start_as(server: &Server, format: &Value) -> (String, Instant) {
    let (status, entry) = server.post("/api/v1/rooms/tea/recordings", format).await;
    assert_eq!((status, &entry["room"]), (201, &json!("tea")), "{entry}");
    assert!(entry["files"][0]["name"].is_string(), "its file is named at once: {entry}");
    (entry["id"].as_str().expect("an id").to_owned(), Instant::now())
}

/// Every format: what to ask for, the end of the file's name, and what is in it.
fn formats() -> [(Value, &'static str, &'static [&'static str]); 8] {
    [
        (json!({"kind": "mixed", "container": "mp4"}), "mp4", &["aac", "h264"]),
        (json!({"kind": "mixed", "container": "mkv"}), "mkv", &["aac", "h264"]),
        (json!({"kind": "mixed", "container": "webm"}), "webm", &["opus", "vp8"]),
        (json!({"kind": "mixed", "container": "mp4", "audioCodec": "opus"}), "mp4", &["h264", "opus"]),
        (json!({"kind": "mixed", "container": "mkv", "videoCodec": "vp8"}), "mkv", &["aac", "vp8"]),
        (json!({"kind": "audio", "container": "mp4"}), "m4a", &["aac"]),
        (json!({"kind": "audio", "container": "mkv"}), "mka", &["aac"]),
        (json!({"kind": "audio", "container": "webm"}), "webm", &["opus"]),
    ]
}

/// What every recording of two people has, whatever its format.
fn judge_format(path: &Path, codecs: &[&str], looks: &[Look], wall: f64, clock: f64) {
    let pictures = codecs.iter().any(|codec| ["h264", "vp8"].contains(codec));
    let tiles = if pictures { tiles(path, calm(path, looks), looks) } else { Vec::new() };
    let film = Recording::open(path, &tiles);
    assert_eq!(film.codecs, codecs, "{}", path.display());
    assert!((film.duration - wall).abs() < clock, "{}: {} of {wall} s", path.display(), film.duration);
    assert!((film.sound.len() as f64 / 48_000.0 - wall).abs() < clock, "{} samples of {wall} s", film.sound.len());
    assert!(film.longest_silence_of_packets() < 0.1, "a hole of {} s", film.longest_silence_of_packets());
    for (tile, look) in looks.iter().enumerate() {
        assert!(film.beeps(look.pitch).len() as f64 >= wall.floor() - 2.0, "{look:?}: {:?}", film.beeps(look.pitch));
        if pictures {
            let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
            assert!(offset.pairs >= 3 && offset.most <= LIPS, "participant {tile}: {offset:?}");
        }
    }
    if pictures {
        assert!(film.longest_picture() < 0.2, "a picture of {} s", film.longest_picture());
    }
}

async fn stop(server: &Server, id: &str) -> Value {
    let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
    assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");
    entry
}

#[test]
fn every_format_at_once_and_each_with_an_end_of_its_own() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        people[0].watch(&people[1], 5).await;
        let mut running = Vec::new();
        for (format, extension, codecs) in formats() {
            let (id, begun) = start_as(&server, &format).await;
            running.push((id, begun, extension, codecs));
        }
        let (status, error) = server.post("/api/v1/rooms/tea/recordings", &formats()[1].0).await;
        assert_eq!((status, &error["code"]), (409, &json!("already_recording")), "{error}");
        let webm = json!({"container": "webm", "audioCodec": "aac"});
        for bad in
            [json!({"kind": "hologram"}), json!({"container": "avi"}), json!({"colour": "red"}), json!([1]), webm]
        {
            let (status, error) = server.post("/api/v1/rooms/tea/recordings", &bad).await;
            assert_eq!((status, &error["code"]), (400, &json!("bad_format")), "{bad}: {error}");
        }
        people[0].watch(&people[1], 6).await;
        let looks: Vec<Look> = people.iter().map(|person| person.options.look).collect();
        let mut ended = Vec::new();
        for (id, begun, extension, codecs) in running {
            let entry = stop(&server, &id).await;
            assert_eq!(entry["files"][0]["name"], json!(format!("{id}.{extension}")), "{entry}");
            ended.push((id, begun.elapsed().as_secs_f64(), codecs));
            // The others go on.
            people[0].watch(&people[1], 1).await;
        }
        for (id, wall, codecs) in ended {
            let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
            judge_format(file.path(), codecs, &looks, wall, CLOCK);
        }
    });
}

/// Where a participant of the lab is seen in a place.
fn seen_in(place: Placement) -> Rect {
    let Placement { x, y, width, height } = place.fit(Size { width: 320, height: 240 });
    let [x, y, width, height] = [x, y, width, height].map(|length| usize::try_from(length).expect("a side"));
    Rect { x, y, width, height }
}

#[test]
fn a_layout_is_chosen_for_each_recording_and_whoever_speaks_is_large_in_one() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = Vec::new();
        for (name, look) in [("Ann", 0), ("Bob", 1), ("Cleo", 2)] {
            people.push(Native::join(&server, "tea", name, look).await);
        }
        let mut talking = Vec::new();
        for person in &people {
            talking.push(person.talk_on_camera("send-1").await);
        }
        let watching = people[2].subscribe("receive-1", 0, 2).await;
        let clock = people[2].finds(&watching, &people[0].id, "camera").await;
        let other = people[2].finds(&watching, &people[1].id, "camera").await;
        watching.watches(clock, 25).await;
        watching.watches(other, 25).await;

        let regions = |region: Value| json!({"layout": {"regions": {"main": region}}});
        for (bad, words) in [
            (json!({"layout": "mosaic"}), "layout \"mosaic\""),
            (json!({"layout": 7}), "layout"),
            (json!({"layout": {"regions": []}}), "layout.regions"),
            (regions(json!({"width": -5})), "layout.regions.main.width is -5"),
            (regions(json!({"x": 1200, "width": 200})), "layout.regions.main.width is 200, which ends outside"),
            (json!({"kind": "audio", "layout": "grid"}), "the kind audio has no layout"),
            (json!({"kind": "individual", "layout": "grid"}), "the kind individual has no layout"),
        ] {
            let (status, error) = server.post("/api/v1/rooms/tea/recordings", &bad).await;
            assert_eq!((status, &error["code"]), (400, &json!("bad_format")), "{bad}: {error}");
            assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{bad}: {error}");
        }
        let mut running = Vec::new();
        for layout in ["speaker", "grid"] {
            let (id, _) = start_as(&server, &json!({ "layout": layout })).await;
            let (_, entry) = server.get(&format!("/api/v1/recordings/{id}")).await;
            assert_eq!(entry["layout"], json!(layout), "{entry}");
            let (status, error) = server.post("/api/v1/rooms/tea/recordings", &json!({ "layout": layout })).await;
            assert_eq!((status, &error["code"]), (409, &json!("already_recording")), "{error}");
            running.push(id);
        }
        mixes(&server, 2).await;
        watching.watches(clock, 90).await;
        talking[1].1.set(20).await;
        let speaks = json!(people[1].id);
        people[2].told("speaker", |told| told["participant"] == speaks).await;
        watching.watches(clock, 75).await;
        let mut films = Vec::new();
        for (index, id) in running.iter().enumerate() {
            stop(&server, id).await;
            // A mix ends when nobody wants it.
            mixes(&server, 1 - index).await;
            let (_, manifest) = server.get(&format!("/api/v1/recordings/{id}/manifest")).await;
            films.push((server.download(&format!("/api/v1/recordings/{id}/file")).await, manifest));
        }
        let looks = [0, 1, 2].map(Look::of);

        let (file, manifest) = &films[0];
        let events = manifest["events"].as_array().expect("events");
        let spoke = events.iter().find(|event| event["type"] == "speaker" && event["participant"] == speaks);
        let spoke = spoke.expect("somebody speaks")["atMs"].as_f64().expect("a time") / 1e3;
        let last = events.iter().rfind(|event| event["type"] == "layout").expect("a layout");
        let bobs = last["tiles"].as_array().expect("tiles").iter().find(|tile| tile["participant"] == speaks);
        assert_eq!(bobs.expect("his tile")["width"], json!(1280), "{last}");
        let large = Placement { x: 0, y: 0, width: 1280, height: 576 };
        let [left, right] = [384, 640].map(|x| Placement { x, y: 576, width: 256, height: 144 });
        let film = Recording::open(file.path(), &[large, left, right].map(seen_in));
        // The mix runs late: what it shows when somebody begins to speak was taken before.
        let (before, after) = ((1.5, spoke - 0.6), (spoke + 1.2, film.duration - 0.1));
        // They swap, and nobody else moves, not even for a moment.
        for (tile, look, (from, to)) in
            [(0, 0, before), (1, 1, before), (0, 1, after), (1, 0, after), (2, 2, (1.0, film.duration - 0.1))]
        {
            let presence = film.presence(tile, looks[look], from, to);
            assert!(presence > 0.95, "{look} in place {tile} from {from} to {to}: {presence}");
        }

        let (file, manifest) = &films[1];
        assert_eq!(manifest["layout"], json!("grid"));
        let places = [(0, 0), (640, 0), (320, 360)].map(|(x, y)| Placement { x, y, width: 640, height: 360 });
        let film = Recording::open(file.path(), &places.map(seen_in));
        for (tile, look) in looks.into_iter().enumerate() {
            let presence = film.presence(tile, look, 1.5, film.duration - 0.1);
            assert!(presence > 0.95, "{tile} stays in the grid: {presence}");
        }
        assert!(film.longest_picture() < 0.2, "{}", film.longest_picture());
    });
}

#[test]
fn three_participants_are_in_their_recording() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 3).await;
        // A call that has found its pace: receivers need some reports to tell when sound and picture were taken.
        people[0].watch(&people[1], 5).await;
        let (id, begun) = start(&server).await;
        people[0].watch(&people[1], 8).await;
        let entry = stop(&server, &id).await;
        let wall = begun.elapsed().as_secs_f64();
        for person in &people {
            let started = person.client.wait_for_event("recordingStarted").await;
            let stopped = person.client.wait_for_event("recordingStopped").await;
            assert_eq!(
                (&started["id"], &stopped["id"], &stopped["state"]),
                (&json!(id), &json!(id), &json!("complete"))
            );
        }
        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let looks: Vec<Look> = people.iter().map(|person| person.options.look).collect();
        let film = Recording::open(file.path(), &tiles(file.path(), calm(file.path(), &looks), &looks));

        assert_eq!(film.codecs, ["aac", "h264"]);
        assert!((film.duration - wall).abs() < CLOCK, "{} of {wall} s", film.duration);
        let told = entry["durationMs"].as_f64().expect("durationMs") / 1000.0;
        assert!((film.duration - told).abs() < CLOCK, "{} told as {told} s", film.duration);
        assert_eq!(entry["bytes"].as_u64(), std::fs::metadata(file.path()).ok().map(|about| about.len()));
        for (tile, look) in looks.iter().enumerate() {
            // A tile begins with a name, until the keyframe that is asked for has come.
            let presence = film.presence(tile, *look, 1.5, film.duration - 0.5);
            let offset =
                film.offset(tile, look.pitch).unwrap_or_else(|| panic!("participant {tile} neither flashes nor beeps"));
            println!(
                "participant {tile}: presence {presence:.3}, sound {:+.0} ms, at worst {:+.0} ms",
                offset.median * 1e3,
                offset.worst * 1e3
            );
            assert!(presence > 0.95, "participant {tile} is there for {presence}");
            assert!(offset.pairs >= 6, "participant {tile}: {offset:?}");
            assert!(offset.most <= LIPS, "participant {tile}: {offset:?}");
        }
        println!(
            "longest picture {:.3} s, longest packet of sound {:.3} s",
            film.longest_picture(),
            film.longest_silence_of_packets()
        );
        assert!(film.longest_picture() < 0.2 && film.longest_silence_of_packets() < 0.1);
    });
}

#[test]
fn who_comes_and_who_goes_is_seen_while_there() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = company(&server, 2).await;
        let (id, begun) = start(&server).await;
        people[0].watch(&people[1], 3).await;
        let came = begun.elapsed().as_secs_f64();
        people.push(Participant::join(&server, "tea", "p2", Options::of(2)).await);
        people[0].wait_to_meet(&people[2]).await;
        people[0].watch(&people[2], 4).await;
        let went = begun.elapsed().as_secs_f64();
        people.remove(1).leave().await;
        people[0].watch(&people[1], 4).await;
        stop(&server, &id).await;

        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let looks = [Look::of(0), Look::of(1), Look::of(2)];
        let path = file.path();
        // Tiles move when people come and go: look into the middle of each part.
        let whole = Recording::open(path, &[]);
        let middles = [came / 2.0, (came + went) / 2.0 + 0.5, (went + whole.duration) / 2.0 + 0.5];
        for (time, there) in middles.into_iter().zip([[true, true, false], [true, true, true], [true, false, true]]) {
            let tries = [0.0, 0.2, 0.4].map(|step| locate(path, time + step, &looks));
            let seen = tries.iter().any(|found| [0, 1, 2].map(|index| found[index].is_some()) == there);
            assert!(seen, "at {time}, {there:?} are there, but {tries:?}");
        }
        for (look, from, to) in
            [(looks[0], 0.0, whole.duration), (looks[1], 0.0, went), (looks[2], came, whole.duration)]
        {
            let beeps = whole.beeps(look.pitch);
            assert!(
                beeps.iter().all(|beep| (from - CLOCK..to + 1.0).contains(beep)),
                "{look:?} from {from} to {to}: {beeps:?}"
            );
            let missed = (to - from).floor() - beeps.len() as f64;
            assert!(missed <= 2.0, "{look:?} from {from} to {to}: {beeps:?}");
        }
        assert!(whole.longest_picture() < 0.2, "the picture stood still for {}", whole.longest_picture());
    });
}

/// Holds a recording or lets it go on, and says when.
async fn hold(server: &Server, id: &str, verb: &str, state: &str) -> Instant {
    let before = Instant::now();
    let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/{verb}"), &json!({})).await;
    assert_eq!((status, &entry["state"]), (200, &json!(state)), "{verb}: {entry}");
    before
}

#[test]
fn a_pause_is_cut_out_without_a_trace() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        people[0].watch(&people[1], 5).await;
        let mut takes = Vec::new();
        for format in [
            json!({"kind": "mixed", "container": "mp4"}),
            json!({"kind": "mixed", "container": "mkv"}),
            json!({"kind": "mixed", "container": "webm"}),
            json!({"kind": "individual"}),
            json!({"kind": "audio", "container": "mp4"}),
            json!({"kind": "audio", "container": "webm"}),
        ] {
            let (id, since) = start_as(&server, &format).await;
            takes.push((id, since, Duration::ZERO));
        }
        for take in 1..=3 {
            // No whole seconds: a cut is then no place where a keyframe would be anyway.
            let long = |entry: &Value| entry["durationMs"].as_u64().is_some_and(|now| now >= take * 3500);
            let first = format!("/api/v1/recordings/{}", takes[0].0);
            server.get_until(&first, Duration::from_secs(15), long).await;
            for (id, since, recorded) in &mut takes {
                *recorded += hold(&server, id, "pause", "paused").await - *since;
                // Twice is as good as once.
                hold(&server, id, "pause", "paused").await;
            }
            people[0].watch(&people[1], 3).await;
            for (id, since, recorded) in &mut takes {
                let (_, held) = server.get(&format!("/api/v1/recordings/{id}")).await;
                let told = held["durationMs"].as_f64().expect("durationMs") / 1e3;
                assert!((told - recorded.as_secs_f64()).abs() < CLOCK, "{told} of {recorded:?} while held");
                *since = hold(&server, id, "resume", "recording").await;
            }
        }
        people[0].watch(&people[1], 4).await;
        for (id, since, recorded) in takes {
            let wall = (recorded + since.elapsed()).as_secs_f64();
            let entry = stop(&server, &id).await;
            assert_eq!(entry["pauses"].as_array().map(Vec::len), Some(3), "{entry}");
            for file in entry["files"].as_array().expect("files") {
                let name = file["name"].as_str().expect("a name");
                let media = server.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
                judge_takes(media.path(), file, &entry, wall, &people);
            }
        }
    });
}

/// A file of four takes that is none the worse for it.
fn judge_takes(path: &Path, file: &Value, entry: &Value, wall: f64, people: &[Participant]) {
    let looks: Vec<Look> = match file["streams"][0]["participant"].as_str() {
        Some(whose) => vec![people.iter().find(|person| person.id == whose).expect("one of them").options.look],
        None => people.iter().map(|person| person.options.look).collect(),
    };
    let tiles = match (entry["kind"].as_str(), entry["container"].as_str()) {
        (Some("individual"), _) => {
            let (_, (width, height)) = about(path);
            vec![Rect { x: 0, y: 0, width, height }]
        }
        // The pictures are those of the others.
        (Some("audio"), _) | (_, Some("mkv")) => Vec::new(),
        _ => tiles(path, calm(path, &looks), &looks),
    };
    let film = Recording::open(path, &tiles);
    // Each take begins with a keyframe, which comes a picture or two after the button.
    assert!((film.duration - wall).abs() < CLOCK, "{} of {wall} s: {file}", film.duration);
    let (told, heard) = (file["durationMs"].as_f64().expect("durationMs") / 1e3, film.sound.len() as f64 / 48e3);
    println!("{file}: {} s, {heard} s are heard, {told} s are told, of {wall} s", film.duration);
    assert!((film.duration - told).abs() < 0.1, "{} told as {told}: {file}", film.duration);
    assert!((heard - told).abs() < 0.15, "{heard} s are heard of {told}: {file}");
    // Only who sends pictures for others may take a moment for a keyframe.
    let still = if entry["kind"] == "individual" { 1.0 } else { 0.2 };
    assert!(film.longest_picture() < still, "a picture of {} s: {file}", film.longest_picture());
    let hole = film.longest_silence_of_packets();
    assert!(hole < 0.1, "a hole of {hole} s: {file}");
    if entry["kind"] != "audio" {
        // Whatever is regular ends at a cut, and what comes after it needs nothing from before.
        let keyframes: Vec<f64> = keyframes(path).into_iter().filter(|time| *time > 1.0).collect();
        let cut_short = |pair: &&[f64]| entry["kind"] == "individual" || pair[1] - pair[0] < 0.9;
        let cuts = keyframes.windows(2).filter(cut_short).count();
        assert!(cuts >= 3, "each take begins with a keyframe: {keyframes:?} {file}");
    }
    for (tile, look) in looks.iter().enumerate() {
        let beeps = film.beeps(look.pitch).len() as f64;
        // A cut may halve one, or bring two together.
        assert!((beeps - wall).abs() < 5.0, "{beeps} of {look:?} in {wall} s: {file}");
        if tile < tiles.len() {
            let presence = film.presence(tile, *look, 1.5, film.duration - 0.5);
            let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
            assert!(presence > 0.95, "participant {tile} is there for {presence}: {file}");
            assert!(offset.pairs >= 6 && offset.most <= LIPS, "participant {tile}: {offset:?} {file}");
        }
    }
}

#[test]
fn a_recording_may_be_stopped_while_it_is_held() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        let (id, begun) = start(&server).await;
        people[0].watch(&people[1], 3).await;
        let held = hold(&server, &id, "pause", "paused").await;
        people[0].watch(&people[1], 2).await;
        stop(&server, &id).await;
        let (status, error) = server.post(&format!("/api/v1/recordings/{id}/resume"), &json!({})).await;
        assert_eq!((status, &error["code"]), (409, &json!("not_running")), "{error}");
        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let (film, wall) = (Recording::open(file.path(), &[]), (held - begun).as_secs_f64());
        assert!((film.duration - wall).abs() < CLOCK, "{} of {wall} s", film.duration);
    });
}

#[test]
fn a_server_told_to_end_finishes_its_recordings() {
    lab::run(|lab| async move {
        let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        // Cheap enough for three mixes on two cores.
        std::fs::write(config.path(), "[mix]\nwidth = 640\nheight = 360\n").expect("a file");
        let server = Server::start_with(&lab, &["--config", config.path().to_str().expect("a path")]).await;
        let people = company(&server, 2).await;
        let mut alone = Vec::new();
        for (index, room) in ["milk", "wine"].into_iter().enumerate() {
            let person = Native::join(&server, room, "p", 2 + index).await;
            let sending = person.publish("send-1").await;
            person
                .sees(&person.id, "on air", |member| member["tracks"].as_array().is_some_and(|all| all.len() == 2))
                .await;
            alone.push((person, sending));
        }
        let rooms = [
            ("tea", json!({"kind": "mixed"})),
            ("tea", json!({"kind": "individual"})),
            ("milk", json!({"kind": "multitrack"})),
            ("wine", json!({"kind": "mixed", "container": "mkv"})),
        ];
        let (mut running, mut running_names) = (Vec::new(), Vec::new());
        for (room, format) in rooms {
            let (status, entry) = server.post(&format!("/api/v1/rooms/{room}/recordings"), &format).await;
            assert_eq!(status, 201, "{entry}");
            let named = |file: &Value| file["name"].as_str().expect("a name").to_owned();
            running_names.push(entry["files"].as_array().expect("files").iter().map(named).collect::<Vec<_>>());
            running.push((entry["id"].as_str().expect("an id").to_owned(), Instant::now()));
        }
        // The answer to the start names a file for each of the two, and for a mix.
        let named: Vec<_> = running_names.iter().map(Vec::len).collect();
        assert_eq!(named, [1, 2, 2, 1], "{running_names:?}");
        people[0].watch(&people[1], 4).await;
        let held = hold(&server, &running[3].0, "pause", "paused").await;
        people[0].watch(&people[1], 1).await;
        let told = Instant::now();
        server.signal("TERM");
        let log = server.follow_log();
        let (status, recordings) = server.ended(Duration::from_secs(20)).await;
        assert!(status.success(), "{status}");
        // No room waits for another to have finished its files.
        let said = |room: &str, word: &str| {
            let is = |line: &String| line.contains(room) && line.ends_with(word);
            log.borrow().iter().position(is).unwrap_or_else(|| panic!("{room} said nothing of {word}"))
        };
        let began = said("tea", " closing").max(said("milk", " closing"));
        assert!(began < said("tea", " closed").min(said("milk", " closed")), "rooms close at once");

        // One that ended four days ago, when three are what it is kept for.
        let folder = recordings.path().to_owned();
        let (id, file) = (&running[0].0, &running_names[0][0]);
        let manifest = std::fs::read_to_string(folder.join(format!("{id}.json"))).expect("a manifest");
        let old = id.replace(|digit: char| digit.is_ascii_alphabetic(), "0");
        let mut manifest: Value = serde_json::from_str(&manifest.replace(id, &old)).expect("JSON");
        manifest["endedAt"] = json!(manifest["endedAt"].as_u64().expect("a time") - 4 * 24 * 60 * 60 * 1000);
        std::fs::write(folder.join(format!("{old}.json")), manifest.to_string()).expect("written");
        std::fs::copy(folder.join(file), folder.join(format!("{old}.mp4"))).expect("copied");
        let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(config.path(), "[disk]\nkeep_days = 3\n").expect("written");
        let again = Server::start_in(&lab, recordings, &["--config", config.path().to_str().expect("text")]).await;
        again.wait_for_log("a recording was deleted", Duration::from_secs(10)).await;
        let left = ["json", "mp4"].map(|end| folder.join(format!("{old}.{end}")).exists());
        assert_eq!(left, [false, false], "too old, with all that belongs to it");
        let (_, list) = again.get("/api/v1/recordings").await;
        assert_eq!(list["recordings"].as_array().map(Vec::len), Some(running.len()), "{list}");
        for (index, (id, begun)) in running.into_iter().enumerate() {
            let (_, entry) = again.get(&format!("/api/v1/recordings/{id}")).await;
            assert_eq!((&entry["state"], &entry["error"]), (&json!("complete"), &Value::Null), "{entry}");
            let files = entry["files"].as_array().expect("files");
            assert_eq!(files.len(), if index == 1 { 2 } else { 1 }, "{entry}");
            let wall = (if index == 3 { held } else { told } - begun).as_secs_f64();
            for file in files {
                let name = file["name"].as_str().expect("a name");
                assert!(running_names[index].iter().any(|known| known == name), "{running_names:?}: {entry}");
                let media = again.download(&format!("/api/v1/recordings/{id}/files/{name}")).await;
                let film = Recording::open(media.path(), &[]);
                assert!((film.duration - wall).abs() < 1.0, "{} of {wall} s: {entry}", film.duration);
            }
        }
    });
}

#[test]
fn a_server_that_is_killed_loses_a_second_and_the_next_one_makes_whole_files() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        people[0].watch(&people[1], 5).await;
        let mut running = Vec::new();
        for (format, extension, codecs) in formats() {
            let (id, begun) = start_as(&server, &format).await;
            running.push((id, begun, extension, codecs));
        }
        people[0].watch(&people[1], 6).await;
        let killed = Instant::now();
        server.signal("KILL");
        let (_, recordings) = server.ended(Duration::from_secs(5)).await;
        for (id, begun, extension, _) in &running {
            let path = recordings.path().join(format!("{id}.{extension}"));
            let film = Recording::read(&path, &[]);
            let wall = (killed - *begun).as_secs_f64();
            let heard = film.sound.len() as f64 / 48_000.0;
            assert!(heard > wall - LOSS, "{extension}: {heard} of {wall} s are heard before the repair");
        }
        // One had failed, and nobody came to finalise it; something was left behind.
        let failed = &running[0].0;
        let manifest = recordings.path().join(format!("{failed}.json"));
        let mut known: Value = serde_json::from_slice(&std::fs::read(&manifest).expect("a manifest")).expect("JSON");
        (known["state"], known["error"], known["endedAt"]) =
            (json!("failed"), json!("spilt"), known["startedAt"].clone());
        std::fs::write(&manifest, known.to_string()).expect("a manifest");
        let left = recordings.path().join(format!("{failed}.mp4.new"));
        std::fs::write(&left, "half of it").expect("a file");

        let again = Server::start_in(&lab, recordings, &[]).await;
        let looks: Vec<Look> = people.iter().map(|person| person.options.look).collect();
        assert!(!left.exists(), "what was half made takes space");
        for (index, (id, begun, extension, codecs)) in running.into_iter().enumerate() {
            let (state, error) = if index == 0 { ("failed", json!("spilt")) } else { ("recovered", Value::Null) };
            let whole = |entry: &Value| entry["state"] == state && entry["files"][0]["sha256"].is_string();
            let path = format!("/api/v1/recordings/{id}");
            let entry = again.get_until(&path, Duration::from_secs(10), whole).await;
            let file = again.download(&format!("{path}/file")).await;
            let wall = (killed - begun).as_secs_f64();
            judge_format(file.path(), codecs, &looks, wall, LOSS);
            let film = Recording::open(file.path(), &[]);
            let told = entry["durationMs"].as_f64().expect("durationMs") / 1e3;
            assert!((told - film.duration).abs() < 0.1, "{extension}: {} s told as {told}", film.duration);
            assert_eq!(entry["error"], error, "{extension}");
            let bytes = std::fs::read(file.path()).expect("the file");
            assert!(!bytes.windows(4).any(|kind| kind == b"moof"), "{extension}: it still consists of fragments");
            assert_eq!(entry["bytes"], json!(bytes.len()), "{extension}");
        }
    });
}

#[test]
fn a_disk_that_fills_up_ends_recordings_in_time_and_takes_no_new_ones() {
    lab::run(|lab| async move {
        let server = on_small_disk(&lab, "warn_mb = 80\nrefuse_mb = 60\nstop_mb = 30").await;
        let other = server.recordings().join("something else");
        let people = company(&server, 2).await;
        people[0].watch(&people[1], 5).await;
        let (id, begun) = start(&server).await;
        people[0].watch(&people[1], 4).await;
        let warned = |log: &[String]| log.iter().filter(|line| line.contains("the disk is filling up")).count();
        assert_eq!(warned(&server.log()), 0, "there is enough");

        std::fs::write(&other, vec![0; 30_000_000]).expect("room for it");
        let (low, _) = start_as(&server, &json!({"kind": "audio", "container": "webm"})).await;
        let words = server.wait_for_log("the disk is filling up", Duration::from_secs(5)).await;
        let folder = server.recordings();
        let named = folder.file_name().is_some_and(|name| words.contains(name.to_str().expect("text")));
        assert!(words.contains("WARN") && named, "{words}");
        people[0].watch(&people[1], 1).await;
        stop(&server, &low).await;
        std::fs::write(&other, vec![0; 50_000_000]).expect("room for it");
        server.wait_for_log("the disk is filling up", Duration::from_secs(10)).await;
        let (status, error) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": "audio"})).await;
        assert_eq!((status, &error["code"]), (507, &json!("disk_full")), "{error}");
        let (_, entry) = server.get(&format!("/api/v1/recordings/{id}")).await;
        assert_eq!(entry["state"], json!("recording"), "refusing ends nothing: {entry}");

        std::fs::write(&other, vec![0; 75_000_000]).expect("room for it");
        let ended = |entry: &Value| entry["state"] == "complete";
        let entry = server.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(10), ended).await;
        let wall = begun.elapsed().as_secs_f64();
        assert!(entry["error"].as_str().is_some_and(|reason| reason.contains("MB")), "{entry}");
        let is_told = |message: &Value| message["event"] == "recordingStopped" && message["id"] == *id;
        people[0].client.wait_for("the end of the recording", is_told).await;
        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let looks: Vec<Look> = people.iter().map(|person| person.options.look).collect();
        judge_format(file.path(), &["aac", "h264"], &looks, wall, LOSS);

        std::fs::remove_file(&other).expect("ours");
        people[0].watch(&people[1], 2).await;
        let (id, _) = start(&server).await;
        people[0].watch(&people[1], 2).await;
        stop(&server, &id).await;
    });
}

#[test]
fn a_disk_that_is_full_costs_what_no_longer_fits_and_nothing_else() {
    lab::run(|lab| async move {
        let server = on_small_disk(&lab, "warn_mb = 0\nrefuse_mb = 0\nstop_mb = 0").await;
        let other = server.recordings().join("something else");
        let people = company(&server, 2).await;
        people[0].watch(&people[1], 5).await;
        let (id, begun) = start(&server).await;
        let (individual, _) = start_as(&server, &json!({"kind": "individual"})).await;
        people[0].watch(&people[1], 4).await;

        let wall = begun.elapsed().as_secs_f64();
        let filled = std::fs::write(&other, vec![0; 200_000_000]);
        assert!(filled.is_err(), "the disk is full now");
        let stopped = people[0].client.wait_for_event("recordingStopped").await;
        assert_eq!((&stopped["id"], &stopped["state"]), (&json!(id), &json!("failed")), "people are told");
        people[0].watch(&people[1], 3).await;

        std::fs::remove_file(&other).expect("ours");
        let ended = |entry: &Value| entry["state"] == "failed";
        server.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(10), ended).await;
        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let film = Recording::read(file.path(), &[]);
        let until = film.times.last().copied().unwrap_or(0.0);
        assert!(until > wall - LOSS, "pictures until {until} of {wall} s");
        // What everybody sends goes on in files of its own, and nothing is listed that never had anything in it.
        people[0].watch(&people[1], 3).await;
        let entry = stop(&server, &individual).await;
        assert!(entry["error"].as_str().is_some_and(|error| error.contains("No space left")), "{entry}");
        let files = entry["files"].as_array().expect("files");
        assert!(files.len() >= 2, "{entry}");
        for (index, file) in files.iter().enumerate() {
            let name = file["name"].as_str().expect("a name");
            let media = server.download(&format!("/api/v1/recordings/{individual}/files/{name}")).await;
            let until = Recording::read(media.path(), &[]).times.last().copied().unwrap_or(0.0);
            assert!(index > 1 || until > wall - LOSS, "{name}: pictures until {until} of {wall} s");
        }
        let (again, _) = start(&server).await;
        people[0].watch(&people[1], 2).await;
        stop(&server, &again).await;
    });
}

#[test]
fn a_mix_that_fails_ends_what_records_it_and_nothing_else() {
    lab::run(|lab| async move {
        let texts = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(texts.path().join("mix")).expect("a folder");
        let video = include_str!("../pipelines/mix/video.launch");
        let video = video.replace("! capsfilter name=out", "! identity error-after=150 ! capsfilter name=out");
        std::fs::write(texts.path().join("mix/video.launch"), video).expect("a file");
        let server = Server::start_with(&lab, &["--pipelines", texts.path().to_str().expect("a path")]).await;
        let people = company(&server, 2).await;
        let (individual, _) = start_as(&server, &json!({"kind": "individual"})).await;
        let (mixed, _) = start(&server).await;
        let ended = |entry: &Value| entry["endedAt"].is_u64();
        let entry = server.get_until(&format!("/api/v1/recordings/{mixed}"), Duration::from_secs(30), ended).await;
        assert_eq!(entry["state"], json!("complete"), "{entry}");
        assert!(entry["error"].as_str().is_some_and(|reason| reason.contains("the mix failed")), "{entry}");
        let stopped = people[0].client.wait_for_event("recordingStopped").await;
        assert_eq!(stopped["id"], json!(mixed), "people are told");
        people[0].watch(&people[1], 1).await;
        let entry = stop(&server, &individual).await;
        assert_eq!((&entry["error"], entry["files"].as_array().map(Vec::len)), (&Value::Null, Some(2)), "{entry}");
        let file = server.download(&format!("/api/v1/recordings/{mixed}/file")).await;
        assert!(Recording::open(file.path(), &[]).duration > 1.0);
    });
}

#[test]
fn a_recording_stops_when_the_room_empties() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        let (id, _) = start(&server).await;
        people[0].watch(&people[1], 3).await;
        for person in people {
            person.leave().await;
        }
        let complete = |entry: &Value| entry["state"] == "complete";
        server.get_until(&format!("/api/v1/recordings/{id}"), Duration::from_secs(20), complete).await;
        let file = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let film = Recording::open(file.path(), &[]);
        // Three flashes lie within little more than two seconds.
        assert!(film.duration > 1.5, "{} s", film.duration);
    });
}

#[test]
fn files_are_served_in_ranges_and_wrong_requests_get_words() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        for (path, status) in [
            ("/api/v1/rooms/nowhere/recordings", 404),
            ("/api/v1/recordings/nothing/stop", 404),
            ("/api/v1/recordings/nothing/pause", 404),
            ("/api/v1/rooms/%2e%2e%2f/recordings", 404),
        ] {
            let (got, error) = server.post(path, &json!({})).await;
            assert!(got == status || got == 400, "POST {path}: {got} {error}");
            assert!(error["code"].is_string() && error["message"].is_string(), "POST {path}: {error}");
        }
        let (status, error) = server.get("/api/v1/recordings/..%2f..%2fetc%2fpasswd/file").await;
        assert!(status == 404 && error["code"].is_string(), "{status} {error}");

        let people = company(&server, 2).await;
        let (status, error) = server.post("/api/v1/rooms/tea/recordings", &json!("x".repeat(70_000))).await;
        assert_eq!((status, &error["code"]), (413, &json!("too_large")), "{error}");
        let (id, _) = start(&server).await;
        let (status, error) = server.post("/api/v1/rooms/tea/recordings", &json!({})).await;
        assert_eq!((status, error["code"].is_string()), (409, true), "a second recording: {error}");
        let (other, _) = start_as(&server, &json!({"kind": "audio"})).await;
        people[0].watch(&people[1], 2).await;
        stop(&server, &other).await;
        let entry = stop(&server, &id).await;
        assert_eq!(stop(&server, &id).await["bytes"], entry["bytes"], "stopping twice");

        let url = server.url(&format!("/api/v1/recordings/{id}/file"));
        let reply = server.http().get(&url).header("range", "bytes=4-7").send().await.expect("an answer");
        assert_eq!(reply.status().as_u16(), 206);
        assert_eq!(reply.bytes().await.expect("four bytes").as_ref(), b"ftyp");
        let reply = server.http().get(&url).header("range", "bytes=99999999999-").send().await.expect("an answer");
        assert_eq!(reply.status().as_u16(), 416);
        served::ask_for_what_is_nobodys(&server, &id, &other).await;
    });
}

#[test]
fn recordings_are_found_checked_and_deleted() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        let (first, _) = start(&server).await;
        people[0].watch(&people[1], 4).await;
        stop(&server, &first).await;
        let (second, _) = start_as(&server, &json!({ "kind": "audio", "container": "mkv" })).await;
        people[0].watch(&people[1], 1).await;

        let found = async |query: &str| {
            let (status, page) = server.get(&format!("/api/v1/recordings{query}")).await;
            assert_eq!(status, 200, "{query}: {page}");
            let ids = page["recordings"].as_array().expect("recordings").iter().map(|entry| entry["id"].clone());
            (ids.collect::<Vec<_>>(), page["next"].as_str().map(str::to_owned))
        };
        let (both, one, other) = (vec![json!(second), json!(first)], vec![json!(first)], vec![json!(second)]);
        for (query, ids) in [
            ("", &both),
            ("?room=tea&participant=nobody", &vec![]),
            ("?room=tea&limit=2", &both),
            ("?state=recording", &other),
            ("?kind=mixed", &one),
            ("?container=mkv", &other),
        ] {
            assert_eq!(found(query).await, (ids.clone(), None), "{query}");
        }
        let (page, next) = found("?limit=1").await;
        assert_eq!(page, other);
        assert_eq!(found(&format!("?limit=1&cursor={}", next.expect("there is one more"))).await, (one, None));
        for query in ["?limit=0", "?limit=many", "?colour=red", "?cursor=here", "?state=odd"] {
            let (status, error) = server.get(&format!("/api/v1/recordings{query}")).await;
            assert_eq!((status, &error["code"]), (400, &json!("bad_query")), "{query}: {error}");
        }

        let path = format!("/api/v1/recordings/{first}");
        let checked = |entry: &Value| entry["files"][0]["sha256"].is_string();
        let entry = server.get_until(&path, Duration::from_secs(10), checked).await;
        let file = server.download(&format!("{path}/file")).await;
        let sum = Command::new("sha256sum").arg(file.path()).output().expect("sha256sum runs");
        let sum = String::from_utf8(sum.stdout).expect("text");
        assert_eq!(sum.split(' ').next(), entry["files"][0]["sha256"].as_str());

        let thumbnail = async |id: &str| {
            let url = server.url(&format!("/api/v1/recordings/{id}/thumbnail"));
            let reply = server.http().get(&url).send().await.expect("an answer");
            (reply.status().as_u16(), reply.bytes().await.expect("a body"))
        };
        let (status, jpeg) = thumbnail(&first).await;
        assert_eq!(status, 200, "{jpeg:?}");
        let picture = tempfile::NamedTempFile::with_suffix(".jpg").expect("a file");
        std::fs::write(picture.path(), &jpeg).expect("it is written");
        let half = |x| Rect { x, y: 60, width: 60, height: 60 };
        let film = Recording::read(picture.path(), &[half(50), half(210)]);
        assert_eq!((film.size, film.times.len()), ((320, 180), 1));
        let [left, right] = [film.tiles[0][0], film.tiles[1][0]];
        let unlike = left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f64::max);
        let flash = left.iter().chain(&right).all(|part| *part > 200.0);
        assert!(unlike > 30.0 || flash, "two people side by side: {left:?} and {right:?}");
        assert_eq!(thumbnail(&first).await, (200, jpeg), "the same again");
        assert_eq!(thumbnail(&second).await.0, 409);

        let delete = async |id: &str| {
            let url = server.url(&format!("/api/v1/recordings/{id}"));
            let reply = server.http().delete(&url).send().await.expect("an answer");
            (reply.status().as_u16(), reply.json::<Value>().await.ok().map(|error| error["code"].clone()))
        };
        assert_eq!(delete(&second).await, (409, Some(json!("still_recording"))));
        assert_eq!(delete(&first).await, (204, None));
        assert_eq!(delete(&first).await, (404, Some(json!("no_such_recording"))));
        assert_eq!(server.get(&path).await.0, 404);
        assert_eq!(found("").await.0, other);
        let left = std::fs::read_dir(server.recordings()).expect("the folder");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(&first)), "{left:?}");
        stop(&server, &second).await;
    });
}
