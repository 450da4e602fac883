//! A disk that fills up: what runs is finalised in time, or kept as far as it fits, and the call goes on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::disk::on_small_disk;
use crate::common::judge::Recording;
use crate::common::lab::Lab;
use crate::report::{Goal, Report, largest};
use crate::scene::{Running, Scene, blocking, files, pass};

pub(crate) async fn run(lab: &Lab, report: &Report) {
    for (what, bounds, filling, state) in [
        ("a disk with less than it should leave", "warn_mb = 80\nrefuse_mb = 60\nstop_mb = 30", 75_000_000, "complete"),
        ("a disk without a byte left", "warn_mb = 0\nrefuse_mb = 0\nstop_mb = 0", 200_000_000, "failed"),
    ] {
        fill(lab, what, bounds, filling, state, report).await;
    }
}

async fn fill(lab: &Lab, what: &str, bounds: &str, filling: usize, state: &str, report: &Report) {
    let scene = Scene::around(on_small_disk(lab, bounds).await, 2).await;
    let (viewer, other) = (&scene.people[0].native, &scene.people[1].native);
    let watching = viewer.subscribe("receive-1", 2, 2).await;
    let slot = viewer.finds(&watching, &other.id, "camera").await;
    watching.watches(slot, 10).await;
    let mut running: Vec<Running> = Vec::new();
    for kind in ["mixed", "audio", "individual"] {
        running.push(scene.start(&json!({ "kind": kind })).await);
    }
    pass(4.0).await;
    let folder = scene.server.recordings();
    // An error says that no more fits.
    let _ = std::fs::write(folder.join("something else"), vec![0; filling]);
    let filled = crate::common::source::now();
    // By the event, since what is asked for may not be up to date while nothing can be written.
    let mut told = Vec::new();
    for running in &running {
        told.push(viewer.told("recordingStopped", |event| event["id"] == *running.id).await["state"].clone());
    }
    let as_told = told.iter().filter(|told| **told == *state).count();
    report.row(&format!("{what}: recordings that are {state}"), Goal::All(told.len()), as_told as f64, "");

    let (before, begun) = (watching.seen(slot), Instant::now());
    pass(3.0).await;
    let (after, seconds) = (watching.seen(slot), begun.elapsed().as_secs_f64());
    let came = after.video.packets - before.video.packets;
    let more = format!("{came} packets in {seconds:.1} s, {} lost", after.video.lost() - before.video.lost());
    let rate = (after.frames - before.frames) as f64 / seconds;
    report.row(&format!("{what}: pictures a second at a viewer"), Goal::All(24), rate, &more);

    let _ = std::fs::remove_file(folder.join("something else"));
    let ended = |entry: &Value| entry["state"] == *state;
    let mut entries = Vec::new();
    for running in &running {
        let path = format!("/api/v1/recordings/{}", running.id);
        entries.push(scene.server.get_until(&path, Duration::from_secs(20), ended).await);
    }
    let (mut plays, mut lost, mut count) = (0, Vec::new(), 0);
    for (path, start, _) in entries.iter().flat_map(|entry| files(&folder, entry)) {
        count += 1;
        let until = blocking(move || {
            let film = std::panic::catch_unwind(|| Recording::read(&path, &[])).ok()?;
            Some(film.times.last().copied().unwrap_or(film.sound.len() as f64 / 48e3))
        });
        if let Some(until) = until.await {
            plays += 1;
            lost.push((filled - start - until).max(0.0));
        }
    }
    report.row(&format!("{what}: files that play"), Goal::All(count), f64::from(plays), "");
    let goal = Goal::AtMost(1.5, "s", 2);
    report.row(&format!("{what}: most that is lost before the disk was full"), goal, largest(&lost), "");
}
