//! What a server that is killed loses: many recordings of every kind at once, and the next server's repair.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Options;
use crate::common::judge::Recording;
use crate::common::lab::Lab;
use crate::common::server::Server;
use crate::common::source;
use crate::report::{Goal, Report, largest, median};
use crate::scene::{Scene, blocking, files, pass};

const ASKED: Goal = Goal::AtMost(1.5, "s", 2);
/// Recordings are killed at this age, and up to so much later.
const AGE: [f64; 2] = [1.5, 5.0];

fn formats() -> Vec<Value> {
    vec![
        json!({"kind": "mixed", "container": "mp4"}),
        json!({"kind": "mixed", "container": "mkv"}),
        json!({"kind": "mixed", "container": "webm"}),
        json!({"kind": "audio", "container": "mp4"}),
        json!({"kind": "audio", "container": "mkv"}),
        json!({"kind": "audio", "container": "webm"}),
        json!({"kind": "individual", "container": "webm"}),
        json!({"kind": "individual", "container": "mkv"}),
        json!({"kind": "multitrack"}),
    ]
}

/// A file after the repair.
struct Found {
    kind: String,
    plays: bool,
    lost: f64,
}

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let times = options.times.unwrap_or_else(|| options.extent(20, 3, 1));
    let (mut found, mut recovered, mut recordings) = (Vec::new(), 0, 0);
    for _ in 0..times {
        let age = AGE[0] + (AGE[1] - AGE[0]) * rand::random::<f64>();
        let (whole, all) = kill(lab, age, &mut found).await;
        recovered += whole;
        recordings += all;
    }
    let what = format!("{times} kills, {} recordings each", formats().len());
    report.row(&format!("{what}: recovered"), Goal::All(recordings), recovered as f64, "");
    let plays = found.iter().filter(|file| file.plays).count();
    report.row(&format!("{what}: files that play to their end"), Goal::All(found.len()), plays as f64, "");
    let mut kinds: Vec<&str> = found.iter().map(|file| file.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let lost: Vec<f64> = found.iter().filter(|file| file.kind == kind).map(|file| file.lost).collect();
        let more = format!("median {:.2}, {} files", median(lost.clone()), lost.len());
        report.row(&format!("{kind}: most that a kill cost"), ASKED, largest(&lost), &more);
    }
}

/// Kills a server that records, and gives how many recordings the next one calls recovered, of how many.
async fn kill(lab: &Lab, age: f64, found: &mut Vec<Found>) -> (usize, usize) {
    let scene = Scene::open(lab, 2).await;
    pass(1.0).await;
    let mut running = Vec::new();
    for format in formats() {
        running.push(scene.start(&format).await);
    }
    pass(age).await;
    scene.server.signal("KILL");
    let killed = source::now();
    let Scene { server, people } = scene;
    let (_, recordings) = server.ended(Duration::from_secs(5)).await;
    drop(people);
    let again = Server::start_in(lab, recordings, &[]).await;
    let mut recovered = 0;
    for running in &running {
        let ended = |entry: &Value| !["recording", "interrupted"].contains(&entry["state"].as_str().unwrap_or(""));
        let path = format!("/api/v1/recordings/{}", running.id);
        let entry = again.get_until(&path, Duration::from_secs(30), ended).await;
        recovered += usize::from(entry["state"] == "recovered");
        let kind = format!("{} {}", entry["kind"].as_str().unwrap_or("?"), entry["container"].as_str().unwrap_or("?"));
        for (path, start, _) in files(&again.recordings(), &entry) {
            let (plays, until) = blocking(move || (plays(&path), end(&path))).await;
            let lost = killed - start - until;
            if !plays || lost > 1.5 {
                eprintln!("{kind}: plays {plays}, {until:.2} of {:.2} s: {entry}", killed - start);
            }
            found.push(Found { kind: kind.clone(), plays, lost });
        }
    }
    (recovered, running.len())
}

/// Whether all of it can be decoded, without a complaint.
fn plays(path: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    // In the file's own time base: in that of the frame rate two pictures may fall into one.
    command.args(["-v", "error", "-i"]).arg(path);
    command.args(["-map", "0", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"]);
    let output = command.output().expect("ffmpeg runs");
    let words = String::from_utf8_lossy(&output.stderr);
    if !words.is_empty() {
        eprintln!("{}: {}", path.display(), words.lines().next().unwrap_or_default());
    }
    output.status.success() && words.is_empty()
}

/// Until when there is all that belongs into it.
fn end(path: &Path) -> f64 {
    let film = Recording::read(path, &[]);
    let heard = film.sound.len() as f64 / 48e3;
    film.times.last().map_or(heard, |shown| shown.min(heard))
}
