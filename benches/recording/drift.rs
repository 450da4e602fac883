//! Whether sound and picture drift apart in a long recording: the first minute against the last.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::Options;
use crate::common::judge::{Recording, Rect};
use crate::common::lab::Lab;
use crate::common::source::Look;
use crate::common::tiles::{calm, tiles};
use crate::report::{Goal, Report, median};
use crate::scene::{Scene, blocking, files, owner, pass};

const PEOPLE: usize = 3;
const ASKED: Goal = Goal::AtMost(20.0, "ms", 1);

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let seconds = if options.quick { 30.0 } else { options.minutes as f64 * 60.0 };
    // At most a minute at either end, and they must not overlap.
    let part = (seconds / 2.5).min(60.0);
    let scene = Scene::open(lab, PEOPLE).await;
    pass(10.0).await;
    // Where a picture of the mix lies among those that are sent decides which of two shows a flash: at 30 a second they are
    // as far apart as what is asked for, and a hair's breadth of drift would look like all of it.
    let fine = json!({"name": "fine", "width": 640, "height": 360, "fps": 60});
    let (status, made) = scene.server.post("/api/v1/rooms/tea/mixes", &fine).await;
    assert_eq!(status, 201, "{made}");
    let mut running = Vec::new();
    for format in [json!({"kind": "mixed", "mix": "fine"}), json!({"kind": "individual"})] {
        running.push(scene.start(&format).await);
    }
    pass(seconds).await;
    let folder = scene.server.recordings();
    for running in running {
        let entry = scene.stop(&running.id).await;
        for (path, _, file) in files(&folder, &entry) {
            let looks = match owner(&file) {
                Some(owner) => {
                    let theirs = scene.people.iter().find(|person| person.native.id == owner);
                    vec![theirs.expect("somebody of ours").native.look]
                }
                None => scene.looks(),
            };
            let kind = entry["kind"].as_str().unwrap_or("?").to_owned();
            let parts = blocking(move || ends(&path, &looks, part)).await;
            for (index, [first, last]) in parts.into_iter().enumerate() {
                let of = owner(&file).map_or_else(|| format!("p{index}"), |owner| format!("file of {owner}"));
                let what = format!("{kind}, {of}: change of sound against picture in {:.1} minutes", seconds / 60.0);
                let change = (last - first) * 1e3;
                let more = format!("signed {change:+.1}: first {:+.1}, last {:+.1}", first * 1e3, last * 1e3);
                report.row(&what, ASKED, change.abs(), &more);
            }
        }
    }
}

/// For each look the mean offset in the first `part` seconds of a file and in the last.
fn ends(path: &Path, looks: &[Look], part: f64) -> Vec<[f64; 2]> {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = |name: &str, from: &[&str], length: &str| {
        let copy = folder.path().join(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y"]).args(from).arg("-i").arg(path);
        // Copied, so that nothing but the times of the whole changes.
        let copied = command.args(["-t", length, "-map", "0", "-c", "copy"]).arg(&copy).status();
        assert!(copied.expect("ffmpeg runs").success(), "{} can be cut", path.display());
        copy
    };
    let (length, back) = (part.to_string(), format!("-{part}"));
    let parts = [cut("first.mkv", &[], &length), cut("last.mkv", &["-sseof", &back], &length)];
    let offsets = parts.map(|part| means(&part, looks));
    (0..looks.len()).map(|index| [offsets[0][index], offsets[1][index]]).collect()
}

fn means(path: &Path, looks: &[Look]) -> Vec<f64> {
    let places = if looks.len() > 1 {
        tiles(path, calm(path, looks), looks)
    } else {
        let (width, height) = Recording::open(path, &[]).size;
        vec![Rect { x: 0, y: 0, width, height }]
    };
    let film = Recording::open(path, &places);
    let of = |(tile, look): (usize, &Look)| {
        median(film.offsets(tile, look.pitch).into_iter().map(|(_, offset)| offset).collect())
    };
    looks.iter().enumerate().map(of).collect()
}
