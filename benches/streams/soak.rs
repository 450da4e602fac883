//! Whether a stream falters while people come, go, mute themselves, and the layout changes, again and again. One person
//! stays, and hums: what is wrong with the sound is heard in that tone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::Options;
use crate::common::hum::{Fault, faults};
use crate::common::judge::listen;
use crate::common::lab::Lab;
use crate::common::native::Native;
use crate::common::source::{self, Look, Manner, SAMPLES};
use crate::common::stalls::Stalls;
use crate::report::{Goal, Report};
use crate::scene::{Scene, Sends, blocking, pass};
use crate::score::Pace;
use crate::viewer::Viewer;

/// How long anything may take to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Far above what the others beep, and whole hertz.
const HUM: f64 = 3000.0;
/// The most who are there beside the one who stays.
const MOST: usize = 4;
/// Seconds from one change to the next.
const BETWEEN: [f64; 2] = [0.7, 3.0];
/// At the beginning everything starts, at the end it stops: seconds that are not judged.
const EDGE: f64 = 3.0;
const FPS: f64 = 30.0;
const LAYOUTS: [&str; 6] = ["grid", "speaker", "presentation", "pip", "side-by-side", "single"];

/// A port that nobody listens at.
pub(crate) fn free_port(address: IpAddr) -> u16 {
    let probe = std::net::TcpListener::bind((address, 0)).expect("the lab has its address");
    probe.local_addr().expect("a bound socket").port()
}

/// Starts an output, and waits until it is live.
pub(crate) async fn output(scene: &Scene, wanted: &Value) {
    let outputs = "/api/v1/rooms/tea/outputs";
    let (status, output) = scene.server.post(outputs, wanted).await;
    assert_eq!(status, 201, "{output}");
    let one = format!("{outputs}/{}", output["id"].as_str().expect("an id"));
    scene.server.get_until(&one, PATIENCE, |output| output["state"] == "live").await;
}

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let seconds = options.extent(options.minutes * 60.0, options.minutes.min(1.0) * 60.0, 20.0);
    let mut scene = Scene::open(lab, 0).await;
    let mut native = Native::join(&scene.server, "tea", "stays", 8).await;
    native.look = Look { pitch: HUM, ..native.look };
    scene.let_in(native, Sends::In(Manner { hums: true, ..Manner::default() })).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stream.mkv");
    let url = format!("rtmp://{}:{}/live/key", lab.address, free_port(lab.address));
    let viewer = Viewer::of_rtmp(&url, Some(&file));
    output(&scene, &json!({"kind": "push", "url": url})).await;

    let stalls = Stalls::watch();
    let before = scene.server.holdings();
    let happened = unrest(&mut scene, seconds, options.seed).await;
    let after = scene.server.holdings();
    let stalled = stalls.longest();
    let status = scene.server.get("/api/v1/rooms/tea/outputs").await.1["outputs"][0].clone();
    let seen = blocking(move || viewer.finish()).await;

    let list: Vec<String> = happened.iter().map(|(what, times)| format!("{what} {times}")).collect();
    let more = format!("seed {}; {}; before {before}, after {after}", options.seed, list.join(", "));
    report.note(&format!("soak of {:.1} minutes, by RTMP", seconds / 60.0), &more);
    let came: Vec<f64> = seen.iter().map(|seen| seen.at).collect();
    let (judged, sound) = blocking({
        let file = keep(&file);
        move || (times(&file), hummed(&file))
    })
    .await;
    tell("pictures as they are to be shown", &Pace::of(inner(&judged), FPS), "", report);
    let more = format!("; this machine itself stood still for {:.0} ms at most", stalled * 1e3);
    tell("pictures as they came", &Pace::of(inner(&came), FPS), &more, report);
    let (holes, jumps): (Vec<&Fault>, Vec<&Fault>) =
        sound.iter().partition(|fault| matches!(fault, Fault::Hole { .. }));
    let first = |all: &[&Fault]| all.iter().take(5).map(|fault| format!("{fault:?}")).collect::<Vec<_>>().join("; ");
    report.row("the tone that never stops: holes", Goal::AtMost(0.0, "", 0), holes.len() as f64, &first(&holes));
    report.row("… jumps of more than a sample", Goal::AtMost(0.0, "", 0), jumps.len() as f64, &first(&jumps));
    let dropped = status["dropped"].as_f64().unwrap_or(f64::NAN);
    let retries = format!("retries {}", status["retries"]);
    report.row("frames that the output dropped", Goal::AtMost(0.0, "", 0), dropped, &retries);
}

/// Lets things happen for some seconds, and counts them.
async fn unrest(scene: &mut Scene, seconds: f64, seed: u64) -> BTreeMap<&'static str, usize> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut happened = BTreeMap::new();
    let (mut muted, mut free) = (Vec::<[bool; 2]>::new(), (0..MOST).collect::<Vec<usize>>());
    let end = source::now() + seconds;
    while source::now() < end {
        pass(chance.random_range(BETWEEN[0]..BETWEEN[1])).await;
        let others = scene.people.len() - 1;
        let what = match chance.random_range(0..10) {
            0..3 if others < MOST => {
                let look = free.remove(chance.random_range(0..free.len()));
                scene.enter_as(look, Sends::Straight).await;
                muted.push([false; 2]);
                "joins"
            }
            3..5 if others > 0 => {
                let who = chance.random_range(0..others);
                let person = scene.people.remove(1 + who);
                muted.remove(who);
                free.extend((0..MOST).find(|look| Look::of(*look) == person.native.look));
                person.native.leave().await;
                "leaves"
            }
            5..8 if others > 0 => {
                let (who, source) = (chance.random_range(0..others), chance.random_range(0..2));
                let now = !muted[who][source];
                muted[who][source] = now;
                let named = ["microphone", "camera"][source];
                scene.people[1 + who].native.get("mute", json!({"source": named, "muted": now})).await;
                if now { "mutes" } else { "unmutes" }
            }
            _ => {
                let layout = LAYOUTS.choose(&mut chance).copied().unwrap_or("grid");
                let url = scene.server.url("/api/v1/rooms/tea/mixes/default");
                let change = scene.server.http().patch(url).json(&json!({"layout": layout}));
                let reply = change.timeout(PATIENCE).send().await.expect("the server answers");
                assert!(reply.status().is_success(), "the layout {layout}: {}", reply.status());
                "layouts"
            }
        };
        *happened.entry(what).or_default() += 1;
    }
    happened
}

/// Without the beginning and the end.
fn inner(times: &[f64]) -> &[f64] {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return times };
    let from = times.partition_point(|time| *time < first + EDGE);
    let to = times.partition_point(|time| *time < last - EDGE);
    &times[from..to.max(from)]
}

fn tell(what: &str, pace: &Pace, more: &str, report: &Report) {
    let Pace { worst, off, seconds, gap, gap_at, gaps } = *pace;
    report.row(
        &format!("{what}: the second farthest from {FPS} a second"),
        Goal::AtMost(5.0, "%", 1),
        worst,
        &format!("{off} of {seconds} seconds are more than 5 % off{more}"),
    );
    let beyond = format!("at {gap_at:.1} s; {gaps} longer than 200 ms");
    report.row("… the longest gap", Goal::AtMost(200.0, "ms", 0), gap * 1e3, &beyond);
}

/// When the pictures of a file are to be shown.
fn times(file: &Path) -> Vec<f64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]);
    let output = command.arg(file).output().expect("ffprobe runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut times: Vec<f64> = text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// What is wrong with the tone of who stays.
fn hummed(file: &Path) -> Vec<Fault> {
    let sound = listen(file);
    let edge = (EDGE * SAMPLES as f64) as usize;
    let until = sound.len().saturating_sub(edge).max(edge);
    let mut found = faults(sound.get(edge..until).unwrap_or_default(), HUM);
    for fault in &mut found {
        match fault {
            Fault::Hole { at, until } => (*at, *until) = (*at + EDGE, *until + EDGE),
            Fault::Jump { at, .. } => *at += EDGE,
        }
    }
    found
}

/// For whoever wants to look at what was judged: LAB_KEEP is a folder.
fn keep(file: &Path) -> PathBuf {
    if let Ok(folder) = std::env::var("LAB_KEEP") {
        let copy = PathBuf::from(folder).join("soak.mkv");
        std::fs::copy(file, &copy).expect("LAB_KEEP is a folder");
    }
    file.to_owned()
}
