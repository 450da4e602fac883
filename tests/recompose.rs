//! `plenum recompose`: the binary makes one file of an individual recording, judged by what is seen and heard in it.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::judge::{Recording, Rect, is_like};
use common::lab;
use common::native::Native;
use common::process;
use common::server::Server;
use common::source::Look;
use plenum::mix::layout::{Fit, Layout, Place, Placement, Size, Source};
use serde_json::{Value, json};

/// What the synthetic participants of the lab send.
const CAMERA: Size = Size { width: 320, height: 240 };
const ID: &str = "01JZX3Q9D6T0000000000000RC";

fn rect(placement: Placement) -> Rect {
    let Placement { x, y, width, height } = placement;
    let of = |length: u32| usize::try_from(length).unwrap();
    Rect { x: of(x), y: of(y), width: of(width), height: of(height) }
}

/// Where everybody is, who all are.
fn placements(layout: &Layout, canvas: Size, sources: &[Source<'_>]) -> Vec<Placement> {
    let places = layout.places(canvas, sources, usize::MAX);
    places.into_iter().map(|place| place.expect("a place").placement).collect()
}

fn recompose(manifest: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plenum"));
    command.arg("recompose").arg(manifest).args(arguments).env("PLENUM_LOG__FILTER", "warn");
    command
}

/// Runs it to its end, and gives what it said.
fn recomposed(manifest: &Path, output: &Path, arguments: &[&str]) -> String {
    let output = output.to_str().expect("a name in UTF-8");
    let done = recompose(manifest, &[&["--output", output], arguments].concat()).output().expect("it runs");
    let said = said(&done);
    assert!(done.status.success(), "{said}");
    println!("{}", said.lines().last().unwrap_or_default());
    said
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// A recording that nobody made: files by ffmpeg, and a manifest.
struct Stock {
    folder: tempfile::TempDir,
    files: Vec<Value>,
    events: Vec<Value>,
}

impl Stock {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), files: Vec::new(), events: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody who is there from `start` for `long` milliseconds: a colour with a flash and a beep each second.
    fn add(mut self, look: usize, (start, long): (u64, u64), size: &str, shared: bool) -> Self {
        let number = self.files.len() + 1;
        let name = format!("{ID}-{number}.webm");
        let Look { colour: [red, green, blue], pitch } = Look::of(look);
        let seconds = long as f64 / 1e3;
        let flash = "drawbox=t=fill:c=white:enable='lt(mod(t,1),0.1)'";
        let picture = format!("color=c=0x{red:02x}{green:02x}{blue:02x}:s={size}:r=25:d={seconds},{flash}");
        let sound = format!("aevalsrc='0.1*sin(2*PI*{pitch}*t)*lt(mod(t,1),0.1)':s=48000:d={seconds}");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
        command.args(["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k", "-g", "1000"]);
        assert!(command.args(["-c:a", "libopus"]).arg(self.path(&name)).status().expect("ffmpeg runs").success());
        let sources = if shared { ["screen", "screenAudio"] } else { ["camera", "microphone"] };
        let who = format!("p{look}");
        self.files.push(json!({
            "name": name, "startMs": start, "durationMs": long, "bytes": 1, "sha256": null,
            "streams": [
                {"codec": "vp8", "participant": who, "source": sources[0]},
                {"codec": "opus", "participant": who, "source": sources[1]},
            ],
        }));
        self
    }

    fn speaks(mut self, look: usize, at: u64) -> Self {
        self.events.push(json!({"atMs": at, "type": "speaker", "participant": format!("p{look}")}));
        self
    }

    /// Writes the manifest, with `changes` to it.
    fn manifest(&self, changes: &Value) -> PathBuf {
        let end = |file: &Value| file["startMs"].as_u64().unwrap() + file["durationMs"].as_u64().unwrap();
        let mut manifest = json!({
            "id": ID, "room": "tea", "kind": "individual", "container": "webm", "videoCodec": "vp8",
            "audioCodec": "opus", "state": "complete", "startedAt": 0, "endedAt": 1, "bytes": 1, "error": null,
            "durationMs": self.files.iter().map(end).max().unwrap_or(0), "participants": [{"id": "p1", "name": "Ann"}],
            "files": self.files, "events": self.events,
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            manifest[key] = value.clone();
        }
        let path = self.path(&format!("{ID}.json"));
        std::fs::write(&path, manifest.to_string()).expect("room for it");
        path
    }
}

/// The pictures in which a tile shows the look, flashes counted in, as times.
fn shown(film: &Recording, tile: usize, look: Look) -> Vec<f64> {
    let white = |colour: &[f64; 3]| colour.iter().all(|part| *part > 145.0);
    let pictures = film.tiles[tile].iter().zip(&film.times);
    pictures.filter(|(colour, _)| white(colour) || is_like(**colour, look)).map(|(_, time)| *time).collect()
}

fn from_to(times: &[f64]) -> (f64, f64) {
    (*times.first().expect("it is shown"), *times.last().expect("it is shown"))
}

#[test]
fn a_layout_changes_in_the_very_picture_that_the_manifest_says() {
    // Neither a round number of pictures nor one of milliseconds.
    let stock = Stock::new().add(1, (0, 6000), "640x360", false).add(2, (1303, 2710), "640x360", false);
    let output = stock.path("out.mp4");
    let told = recomposed(&stock.manifest(&json!({})), &output, &["--width", "640", "--height", "360", "--fps", "25"]);
    assert!(told.contains("× real time") && told.contains("0:06 made in"), "{told}");
    // Left of the middle: of one alone until the other comes, then of the first of two. Right: the second. Below: nobody.
    let places = [
        Rect { x: 0, y: 90, width: 320, height: 180 },
        Rect { x: 320, y: 90, width: 320, height: 180 },
        Rect { x: 0, y: 290, width: 640, height: 60 },
    ];
    let film = Recording::open(&output, &places);
    assert_eq!((film.times.len(), film.size), (150, (640, 360)));
    assert!((film.duration - 6.0).abs() < 0.05, "{}", film.duration);
    let (ann, bob) = (Look::of(1), Look::of(2));
    // 1303 ms is within the picture of 1280 ms, so the next one is the first; 4013 ms alike.
    let both = |time: &f64| (1.319..4.039).contains(time);
    assert_eq!(shown(&film, 0, ann).len(), 150, "whoever comes, the first one is on the left");
    let seen = shown(&film, 1, bob);
    let wanted: Vec<f64> = film.times.iter().copied().filter(both).collect();
    // White is Ann's as well.
    let seen: Vec<f64> = seen.into_iter().filter(|time| both(time) || time % 1.0 > 0.15).collect();
    assert_eq!(from_to(&seen), from_to(&wanted), "{seen:?}");
    assert_eq!(seen.len(), wanted.len());
    let below: Vec<f64> = shown(&film, 2, ann);
    let alone: Vec<f64> = film.times.iter().copied().filter(|time| !both(time)).collect();
    assert_eq!(below, alone, "alone, she fills the canvas");
    let offset = film.offset(0, ann.pitch).expect("flashes and beeps");
    println!("{offset:?}");
    assert!(offset.pairs >= 5 && offset.worst.abs() <= 0.03, "{offset:?}");
    let beeps = film.beeps(bob.pitch);
    let meant = |beep: &f64| (0..3).any(|second| (beep - 1.303 - f64::from(second)).abs() < 0.015);
    assert!(beeps.len() == 3 && beeps.iter().all(meant), "{beeps:?}");
}

#[test]
fn every_layout_shows_everybody_at_their_place() {
    let stock = Stock::new()
        .add(1, (0, 5000), "640x360", false)
        .add(2, (0, 5000), "320x240", false)
        .add(3, (2000, 2000), "640x360", true)
        .speaks(2, 1000);
    let manifest = stock.manifest(&json!({}));
    let canvas = Size { width: 640, height: 360 };
    let shapes = [Size { width: 640, height: 360 }, CAMERA, Size { width: 640, height: 360 }];
    let regions = stock.path("regions.json");
    // The screen has all, the others lie on it: one with its edges cut off, one out of shape.
    let text = json!({"video_layout": {
        "screen": {"video_sources": ["screen"]},
        "ann": {"z_pos": 1, "x_pos": 8, "y_pos": 8, "width": 100, "height": 100, "video_sources": ["Ann"], "fit": "cover"},
        "other": {"z_pos": 2, "x_pos": 480, "width": 160, "height": 300, "fit": "fill"},
    }});
    std::fs::write(&regions, text.to_string()).expect("room for it");
    let file = regions.to_str().expect("UTF-8");
    let names = Layout::NAMED.map(|layout| layout.name());
    for name in names.iter().copied().chain([file]) {
        let layout: Layout = if name == file {
            serde_json::from_value(text.clone()).expect("a layout")
        } else {
            name.parse().expect("a layout")
        };
        let output = stock.path(&format!("{layout}.mkv"));
        recomposed(&manifest, &output, &["--layout", name, "--width", "640", "--height", "360"]);
        let (mut seats, mut shown) = ([0, 1, 2], Vec::new());
        for (from, to, looks, speaker) in [
            (0.1, 0.9, vec![1, 2], 0),
            (1.1, 1.9, vec![1, 2], 2),
            (2.1, 3.9, vec![1, 2, 3], 2),
            (4.1, 4.9, vec![1, 2], 2),
        ] {
            if speaker == 2 {
                // Who speaks takes the seat of the first.
                seats = [1, 0, 2];
            }
            let source = |look: usize| Source {
                name: if look == 1 { "Ann" } else { "" },
                shared: look == 3,
                speaks: look == speaker,
                seat: seats[look - 1],
                ..Source::default()
            };
            let sources: Vec<Source<'_>> = looks.iter().map(|look| source(*look)).collect();
            let places = layout.places(canvas, &sources, usize::MAX);
            let placed: Vec<Place> = places.iter().copied().flatten().collect();
            for (look, place) in looks.iter().zip(places).filter_map(|(look, place)| Some((*look, place?))) {
                let lies_on = |other: &Place| other.z > place.z && meet(place.placement, other.placement);
                // What lies under something is not looked at.
                if !placed.iter().any(lies_on) {
                    shown.push((look, place, from, to));
                }
            }
        }
        // A picture that covers its place reaches into the corners.
        let whole = |look: usize, place: &Place| match place.fit {
            Fit::Contain => rect(place.placement.fit(shapes[look - 1])),
            Fit::Cover | Fit::Fill => rect(place.placement),
        };
        let rects = shown.iter().flat_map(|(look, place, ..)| {
            let whole = whole(*look, place);
            [whole, Rect { width: whole.width / 8, height: whole.height / 8, ..whole }]
        });
        let film = Recording::open(&output, &rects.collect::<Vec<_>>());
        assert!(shown.len() >= 4, "{layout}: {shown:?}");
        for (index, (look, place, from, to)) in shown.iter().enumerate() {
            for (part, tile) in [("middle", 2 * index), ("corner", 2 * index + 1)] {
                let presence = film.presence(tile, Look::of(*look), *from, *to);
                assert!(presence > 0.95, "{layout} {from}: the {part} of {look} at {place:?} for {presence}");
            }
        }
    }
}

fn meet(a: Placement, b: Placement) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

#[test]
fn pictures_that_change_their_size_keep_their_shape() {
    let stock = Stock::new().add(1, (0, 2000), "640x360", false).add(1, (0, 2000), "240x320", false);
    let [wide, tall] = [1, 2].map(|number| stock.path(&format!("{ID}-{number}.webm")));
    let list = stock.path("list.txt");
    std::fs::write(&list, format!("file '{}'\nfile '{}'\n", wide.display(), tall.display())).expect("room for it");
    let mut join = Command::new("ffmpeg");
    join.args(["-v", "error", "-f", "concat", "-safe", "0", "-i"]).arg(&list).args(["-c", "copy"]);
    let joined = stock.path("joined.webm");
    assert!(join.arg(&joined).status().expect("ffmpeg runs").success());
    std::fs::rename(&joined, &wide).expect("in its place");
    let mut file = stock.files[0].clone();
    file["durationMs"] = json!(4000);
    let manifest = stock.manifest(&json!({"files": [file], "durationMs": 4000}));
    let output = stock.path("out.mp4");
    recomposed(&manifest, &output, &["--width", "640", "--height", "360"]);
    let side = Rect { x: 0, y: 0, width: 160, height: 360 };
    let tall = rect(Placement { x: 0, y: 0, width: 640, height: 360 }.fit(Size { width: 240, height: 320 }));
    let film = Recording::open(&output, &[side, tall]);
    let ann = Look::of(1);
    let presences =
        [(0, 0.1, 1.9), (0, 2.1, 3.9), (1, 0.1, 3.9)].map(|(tile, from, to)| film.presence(tile, ann, from, to));
    assert!(presences[0] > 0.95 && presences[1] < 0.05 && presences[2] > 0.95, "{presences:?}");
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason_and_leaves_nothing() {
    let stock = Stock::new().add(1, (0, 1000), "320x240", false).add(2, (0, 1000), "320x240", false);
    let good = stock.manifest(&json!({}));
    let copy = |name: &str, changes: Value| {
        let path = stock.manifest(&changes);
        let other = stock.path(name);
        std::fs::rename(&path, &other).expect("renamed");
        stock.manifest(&json!({}));
        other
    };
    let mut files = stock.files.clone();
    files[1]["name"] = json!(format!("{ID}-9.webm"));
    let mut broken = stock.files.clone();
    broken[1]["name"] = json!(format!("{ID}-8.webm"));
    std::fs::write(stock.path(&format!("{ID}-8.webm")), "not a film at all").expect("room for it");
    let mut silent = stock.files.clone();
    silent[0]["streams"][0]["codec"] = json!("h264");
    let text = stock.path("text.json");
    std::fs::write(&text, "{\"id\": 1}").expect("room for it");
    let there = stock.path("there.mp4");
    std::fs::write(&there, "there").expect("room for it");
    let out = stock.path("out.mp4");
    let own = stock.path(&format!("{ID}-1.webm"));
    let nowhere = stock.path("nowhere").join("out.mp4");
    let before = names(stock.folder.path());

    type Line<'a> = (PathBuf, &'a Path, &'a [&'a str], i32, &'a [&'a str]);
    let lines: [Line<'_>; 15] = [
        (stock.path("none.json"), &out, &[], 64, &["none.json", "No such file", ".json"]),
        (text, &out, &[], 64, &["text.json", "id"]),
        (good.clone(), &out, &["--layout", "mosaic"], 2, &["mosaic", "grid, speaker, presentation", ".json"]),
        (good.clone(), &out, &["--width", "641"], 2, &["641", "even"]),
        (good.clone(), &out, &["--fps", "0"], 2, &["fps", "1..=60"]),
        (good.clone(), &stock.path("out.avi"), &[], 64, &["out.avi", ".webm"]),
        (good.clone(), &there, &[], 64, &["there.mp4 exists", "--force"]),
        (good.clone(), &own, &["--force"], 64, &["-1.webm", "another name"]),
        (good.clone(), &nowhere, &[], 64, &["nowhere", "folder exists"]),
        (copy("mixed.json", json!({"kind": "mixed"})), &out, &[], 64, &["mixed", "individual"]),
        (copy("running.json", json!({"state": "recording"})), &out, &[], 64, &["running", "stop it"]),
        (copy("empty.json", json!({"files": []})), &out, &[], 64, &["without any file"]),
        (copy("missing.json", json!({"files": files})), &out, &[], 64, &["-9.webm", "uploaded", "download"]),
        (copy("broken.json", json!({"files": broken})), &out, &[], 64, &["-8.webm", "SHA-256"]),
        (copy("silent.json", json!({"files": silent})), &out, &[], 64, &["-1.webm", "another codec"]),
    ];
    for (manifest, output, arguments, code, words) in lines {
        let output = output.to_str().expect("UTF-8");
        let done = recompose(&manifest, &[&["--output", output], arguments].concat()).output().expect("it runs");
        let told = said(&done);
        println!("{}", told.trim());
        assert_eq!(done.status.code(), Some(code), "{told}");
        assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
    }
    let after: Vec<String> = names(stock.folder.path()).into_iter().filter(|name| !name.ends_with(".json")).collect();
    let before: Vec<String> = before.into_iter().filter(|name| !name.ends_with(".json")).collect();
    assert_eq!(after, before);
    assert_eq!(std::fs::read(&there).expect("it is there"), b"there");

    recomposed(&good, &there, &["--force", "--width", "320", "--height", "240"]);
    assert_eq!(Recording::open(&there, &[]).codecs, ["aac", "h264"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_signal_ends_it_and_removes_what_is_half_made() {
    // Some hundred times longer than it takes to notice.
    let stock = Stock::new().add(1, (0, 10_000), "320x240", false);
    let manifest = stock.manifest(&json!({"durationMs": 3_600_000}));
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out.mp4");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = recompose(&manifest, &["--output", output.to_str().expect("UTF-8")]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("real time")), "it says how far it has come");
        assert!(names(folder.path()).iter().any(|name| name.starts_with("out.mp4.")), "{:?}", names(folder.path()));
        process::signal(child.id(), signal);
        let rest: Vec<String> = lines.collect();
        assert_eq!(child.wait().expect("a child of ours").code(), Some(code), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("nothing was written")), "{rest:?}");
        assert_eq!(names(folder.path()), [] as [String; 0]);
    }
}

async fn published(who: &Native) {
    let on_air = |member: &Value| member["tracks"].as_array().is_some_and(|all| all.len() == 2);
    who.sees(&who.id, "on air", on_air).await;
}

async fn mute(who: &Native, muted: bool) {
    for source in ["camera", "microphone"] {
        who.get("mute", json!({"source": source, "muted": muted})).await;
    }
}

/// When something happened to somebody, in seconds.
fn moment(manifest: &Value, kind: &str, who: &str) -> f64 {
    let of = |event: &&Value| event["type"] == kind && event["participant"] == who;
    let event = manifest["events"].as_array().expect("events").iter().find(of);
    event.unwrap_or_else(|| panic!("{who} {kind}: {manifest}"))["atMs"].as_f64().expect("a time") / 1e3
}

#[test]
fn a_call_is_recomposed_as_it_was() {
    lab::run_for(Duration::from_secs(280), |lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        published(&ann).await;
        published(&bob).await;
        let watching = ann.subscribe("receive-1", 2, 2).await;
        let bobs = ann.finds(&watching, &bob.id, "camera").await;
        // Long enough for picture and sound to know of each other.
        watching.watches(bobs, 150).await;
        let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": "individual"})).await;
        assert_eq!(status, 201, "{entry}");
        let id = entry["id"].as_str().expect("an id").to_owned();
        watching.watches(bobs, 90).await;
        mute(&ann, true).await;
        watching.watches(bobs, 75).await;
        mute(&ann, false).await;
        watching.watches(bobs, 75).await;
        let cleo = Native::join(&server, "tea", "Cleo", 3).await;
        let _also = cleo.publish("send-1").await;
        published(&cleo).await;
        let hers = ann.finds(&watching, &cleo.id, "camera").await;
        watching.watches(hers, 100).await;
        let (bob_id, bob_look) = (bob.id.clone(), bob.look);
        bob.leave().await;
        watching.watches(hers, 75).await;
        let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
        assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");

        let path = server.recordings().join(format!("{id}.json"));
        let manifest: Value = serde_json::from_slice(&std::fs::read(&path).expect("a manifest")).expect("JSON");
        let people = [(&ann.id, ann.look), (&bob_id, bob_look), (&cleo.id, cleo.look)];
        let spans = people.map(|(id, _)| {
            let files = manifest["files"].as_array().expect("files");
            let file = files.iter().find(|file| file["streams"][0]["participant"] == **id).expect("a file");
            let (start, long) = (file["startMs"].as_f64().unwrap() / 1e3, file["durationMs"].as_f64().unwrap() / 1e3);
            (start, start + long)
        });
        let (muted, back) = (moment(&manifest, "muted", &ann.id), moment(&manifest, "unmuted", &ann.id));
        let end = manifest["durationMs"].as_f64().expect("a duration") / 1e3;
        let ([_, (_, left), (came, _)], out) = (spans, tempfile::tempdir().expect("a folder"));
        println!("{end} s: muted {muted} to {back}, came {came}, left {left}: {spans:?}");
        assert!(muted < back && back < came && came < left && left < end, "{manifest}");

        for (layout, name, size) in [
            (Layout::Grid, "grid.mp4", Size { width: 1280, height: 720 }),
            (Layout::Grid, "grid.webm", Size { width: 640, height: 360 }),
            (Layout::Speaker, "speaker.mp4", Size { width: 640, height: 360 }),
            (Layout::Presentation, "screen.mkv", Size { width: 640, height: 360 }),
        ] {
            let output = out.path().join(name);
            let (width, height) = (size.width.to_string(), size.height.to_string());
            recomposed(&path, &output, &["--layout", layout.name(), "--width", &width, "--height", &height]);
            if let Ok(keep) = std::env::var("LAB_KEEP") {
                std::fs::copy(&output, Path::new(&keep).join(name)).expect("LAB_KEEP is a folder");
            }
            // Nobody has spoken by the manifest, or Ann: she is the first.
            let people = |count: usize| placements(&layout, size, &vec![Source::default(); count]);
            let all = [people(2), people(3), people(2)].concat();
            let places: Vec<Rect> = all.iter().map(|place| rect(place.fit(CAMERA))).collect();
            let film = Recording::open(&output, &places);
            assert!((film.duration - end).abs() < 0.2, "{} of {end} s", film.duration);
            assert!(film.longest_picture() < 0.05, "{}", film.longest_picture());
            assert_eq!(film.codecs, if name == "grid.webm" { ["opus", "vp8"] } else { ["aac", "h264"] });
            // Who is to be seen in which of the places, and from when to when.
            let speakers =
                manifest["events"].as_array().expect("events").iter().any(|event| event["type"] == "speaker");
            if layout == Layout::Speaker && speakers {
                continue;
            }
            for (tile, look, from, to, there) in [
                (0, ann.look, 0.8, muted - 0.1, true),
                (0, ann.look, muted + 0.5, back - 0.1, false),
                (0, ann.look, back + 1.0, came - 0.05, true),
                (1, bob_look, 0.8, came - 0.05, true),
                (2, ann.look, came + 0.05, left - 0.05, true),
                (3, bob_look, came + 0.05, left - 0.05, true),
                (4, cleo.look, came + 0.8, left - 0.05, true),
                (5, ann.look, left + 0.05, end - 0.05, true),
                (6, cleo.look, left + 0.05, end - 0.05, true),
            ] {
                let presence = film.presence(tile, look, from, to);
                let right = if there { presence > 0.95 } else { presence < 0.05 };
                assert!(right, "{name}: place {tile} from {from} to {to}: {presence}");
            }
            // Everybody else moves when Cleo comes, in that very picture or the one after.
            if layout == Layout::Grid {
                // He may flash in that moment.
                let first = shown(&film, 3, bob_look).into_iter().find(|time| *time > back);
                let late = first.expect("bob moves") - came;
                println!("{name}: bob moves {late:.3} s after Cleo came");
                assert!((-0.001..0.067).contains(&late), "{late}");
            }
            for (look, begin, finish) in [(bob_look, 0.0, left), (cleo.look, came, end)] {
                let beeps = film.beeps(look.pitch);
                assert!(beeps.len() as f64 > (finish - begin).floor() - 2.5, "{name}: {look:?} beeps at {beeps:?}");
                assert!(beeps.iter().all(|beep| (begin..finish + 0.1).contains(beep)), "{name}: {beeps:?}");
            }
            let beeps = film.beeps(ann.look.pitch);
            assert!(beeps.iter().all(|beep| !(muted + 0.3..back - 0.1).contains(beep)), "{muted} {back}: {beeps:?}");
            // Only while the place is his: others flash there as well.
            let flashes = film.flashes(1).into_iter().filter(|flash| (0.5..came - 0.1).contains(flash));
            let beeps = film.beeps(bob_look.pitch);
            let apart = |flash: f64| beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::INFINITY, f64::min);
            let mut offsets: Vec<f64> = flashes.map(apart).collect();
            offsets.sort_by(f64::total_cmp);
            println!("{name}: bob's sound and picture are apart by {offsets:.3?}");
            assert!(offsets.len() >= 7 && offsets[(offsets.len() * 19).div_ceil(20) - 1] <= 0.04, "{offsets:?}");
        }
    });
}
