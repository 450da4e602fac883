//! Whether recordings begin when their beginning is answered and end no sooner than they are told to: at every full
//! second everybody flashes and beeps, so a file must have each from the first after the answer to the last before the stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Options;
use crate::common::judge::{Recording, Rect};
use crate::common::lab::Lab;
use crate::common::source::{self, Look};
use crate::common::tiles::tiles;
use crate::report::{Goal, Report, largest, median};
use crate::scene::{Running, Scene, blocking, files, owner, pass, until};

/// Recordings shorter than this would end before they have a picture to find tiles in.
const LENGTH: f64 = 3.0;
/// A flash in the file may be this far from where the file's own beginning puts it: before, and after.
const NEAR: [f64; 2] = [0.15, 0.3];

/// A flash or beep that ends sooner than this is no test of recordings but of the judge.
const LEAST: f64 = 0.03;

/// What one recording had.
#[derive(Debug, Default)]
struct Seen {
    /// The flash and the beep, where there is a picture; else both are the beep.
    first: [bool; 2],
    last: [bool; 2],
    /// Seconds from the answer until there were frames on the disk, and until they could be played.
    on_disk: [Option<f64>; 2],
    /// Seconds from the answer to what the file begins with.
    begins: f64,
}

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let times = options.times.unwrap_or_else(|| options.extent(10, 5, 1));
    let scene = Scene::open(lab, 2).await;
    pass(3.0).await;
    let kinds = [
        ("mixed mp4", json!({"kind": "mixed"})),
        ("audio mp4", json!({"kind": "audio"})),
        ("individual webm", json!({"kind": "individual"})),
        ("multitrack mkv", json!({"kind": "multitrack"})),
    ];
    // Not with the others: here it is the recording that starts the mix.
    let mut cold = Vec::new();
    for turn in 0..times {
        cold.push(record(&scene, &kinds[0].1, turn, times).await);
    }
    tell("mixed mp4, no mix before", cold, false, report);
    let other = scene.start(&json!({"kind": "mixed", "container": "mkv"})).await;
    pass(2.0).await;
    for (name, format) in &kinds {
        let mut seen = Vec::new();
        for turn in 0..times {
            seen.push(record(&scene, format, turn, times).await);
        }
        tell(&format!("{name}, a mix runs"), seen, true, report);
    }
    scene.stop(&other.id).await;
}

/// Records once: the flashes nearest to its ends are nearer in some turns than in others.
async fn record(scene: &Scene, format: &Value, turn: usize, times: usize) -> Seen {
    let share = LEAST + (1.0 - LEAST) * (turn as f64 / times as f64).powi(2);
    // Answers take some time themselves.
    until((source::now() + 0.3).ceil() - share - 0.05).await;
    let folder = scene.server.recordings();
    let watch = DiskWatch::start(folder.clone());
    let running = scene.start(format).await;
    until((running.answered + LENGTH).ceil() + share).await;
    let stopped = source::now();
    let entry = scene.stop(&running.id).await;
    let on_disk = watch.found(&running.id).map(|at| at.map(|at| (at - running.answered).max(0.0)));
    let all: Vec<_> = files(&folder, &entry)
        .into_iter()
        .map(|(path, start, file)| {
            let owned = owner(&file).filter(|_| entry["kind"] == "individual");
            let theirs = |owner: &str| scene.people.iter().find(|person| person.native.id == owner);
            let looks =
                owned.map_or_else(|| scene.looks(), |owner| vec![theirs(owner).expect("one of ours").native.look]);
            (path, start, looks)
        })
        .collect();
    let sound_only = entry["kind"] == "audio";
    let seen = blocking(move || judge(&all, sound_only, &running, stopped)).await;
    Seen { on_disk, ..seen }
}

/// What all the files of a recording have in common.
fn judge(files: &[(PathBuf, f64, Vec<Look>)], sound_only: bool, running: &Running, stopped: f64) -> Seen {
    let (first, last) = (running.answered.ceil(), stopped.floor());
    let mut seen = Seen { first: [true; 2], last: [true; 2], begins: f64::NEG_INFINITY, ..Seen::default() };
    for (path, start, looks) in files {
        let film = match (sound_only, looks.len()) {
            (true, _) => Recording::open(path, &[]),
            (false, 1) => whole(path),
            _ => Recording::open(path, &tiles(path, last - 1.5 - start, looks)),
        };
        for (tile, look) in looks.iter().enumerate() {
            let beeps = film.beeps(look.pitch);
            let has = |moment: f64| {
                let (from, to) = (moment - start - NEAR[0], moment - start + NEAR[1]);
                let heard = beeps.iter().any(|beep| (from..to).contains(beep));
                [sound_only && heard || !sound_only && film.is_white_between(tile, from, to), heard]
            };
            for (seen, moment, name) in [(&mut seen.first, first, "first"), (&mut seen.last, last, "last")] {
                let has = has(moment);
                if has != [true; 2] {
                    let at = moment - start;
                    eprintln!(
                        "{}, {:.3} s: the {name} at {at:.3}: flash and beep {has:?}",
                        path.display(),
                        film.duration
                    );
                }
                *seen = [seen[0] && has[0], seen[1] && has[1]];
            }
        }
        let begin = film.times.first().or_else(|| film.packets.first()).copied().unwrap_or(0.0);
        seen.begins = seen.begins.max(start + begin - running.answered);
    }
    seen
}

fn whole(path: &Path) -> Recording {
    let (width, height) = Recording::open(path, &[]).size;
    Recording::open(path, &[Rect { x: 0, y: 0, width, height }])
}

fn tell(what: &str, all: Vec<Seen>, warm: bool, report: &Report) {
    let count = |has: fn(&Seen) -> bool| all.iter().filter(|seen| has(seen)).count();
    for (end, flashes, beeps) in [
        ("first flash after the answer", count(|seen| seen.first[0]), count(|seen| seen.first[1])),
        ("last flash before the stop", count(|seen| seen.last[0]), count(|seen| seen.last[1])),
    ] {
        let goal = Goal::All(all.len());
        report.row(&format!("{what}: has the {end}"), goal, flashes as f64, &format!("its beep {beeps}"));
    }
    let late =
        |which: usize| -> Vec<f64> { all.iter().filter_map(|seen| seen.on_disk[which]).map(|s| s * 1e3).collect() };
    let begins = median(all.iter().map(|seen| seen.begins * 1e3).collect());
    let goal = if warm { Goal::AtMost(500.0, "ms", 0) } else { Goal::Unasked("ms", 0) };
    let (frames, plays) = (late(0), late(1));
    let more = format!(
        "slowest {:.0}, of {}; they play after {:.0}; the file begins {begins:+.0} ms from the answer",
        largest(&frames),
        frames.len(),
        median(plays)
    );
    report.row(&format!("{what}: answer to first frame on the disk, median"), goal, median(frames), &more);
}

/// Looks when frames of a recording come to the disk.
struct DiskWatch {
    thread: JoinHandle<Vec<(String, [Option<f64>; 2])>>,
    stop: Arc<AtomicBool>,
}

impl DiskWatch {
    fn start(folder: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let known = names(&folder);
            let mut found: Vec<(String, [Option<f64>; 2])> = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                for name in names(&folder).into_iter().filter(|name| !known.contains(name)) {
                    if !found.iter().any(|(other, _)| *other == name) {
                        found.push((name, [None; 2]));
                    }
                }
                for (name, moments) in found.iter_mut().filter(|(_, moments)| moments.contains(&None)) {
                    for (moment, has) in moments.iter_mut().zip(has_frames(&folder.join(name))) {
                        *moment = moment.or_else(|| has.then(source::now));
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            found
        });
        Self { thread, stop }
    }

    /// When the last of a recording's files had frames, and could be played.
    fn found(self, id: &str) -> [Option<f64>; 2] {
        self.stop.store(true, Ordering::Relaxed);
        let found = self.thread.join().expect("it only looks");
        let files = || found.iter().filter(|(name, _)| name.starts_with(id));
        [0, 1].map(|which| files().filter_map(|(_, moments)| moments[which]).reduce(f64::max))
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder of recordings").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| [".mp4", ".m4a", ".mkv", ".mka", ".webm"].iter().any(|end| name.ends_with(end))).collect()
}

/// Whether there is a frame in a file, and whether it could be played: MP4 has frames in `mdat` and is told of them by
/// `moov`, Matroska has them in clusters.
fn has_frames(path: &Path) -> [bool; 2] {
    const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
    // The head of a cluster is some 20 bytes.
    let Ok(bytes) = std::fs::read(path) else { return [false; 2] };
    let behind = |mark: &[u8]| bytes.windows(4).position(|part| part == mark).map(|at| bytes.len() - at);
    let cluster = behind(&CLUSTER).is_some_and(|bytes| bytes > 40);
    // The box itself has 12 bytes behind its mark; a frame of silence is 6.
    [cluster || behind(b"mdat").is_some_and(|bytes| bytes > 16), cluster || behind(b"moov").is_some()]
}
