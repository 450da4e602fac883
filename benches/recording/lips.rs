//! How far sound and picture are apart in files, on a good network and on a bad one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::common::judge::{Offset, Recording};
use crate::common::lab::Lab;
use crate::common::relay::{Conditions, Relay};
use crate::common::source::Look;
use crate::common::tiles::{calm, tiles};
use crate::report::{Goal, Report, median};
use crate::scene::{Scene, Sends, blocking, files, open_whole, owner, pass};
use crate::{Network, Options};

const PEOPLE: usize = 3;
/// A call that has found its pace: receivers need some reports to tell when sound and picture were taken.
const SETTLED: f64 = 10.0;
/// How long the one who comes last is there, in seconds.
const NEWCOMER: f64 = 10.0;
const ASKED: Goal = Goal::AtMost(40.0, "ms", 0);

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let seconds = options.seconds.unwrap_or_else(|| options.extent(60.0, 60.0, 8.0));
    let bad = Conditions { loss: 3.0, delay: Duration::ZERO, jitter: Duration::from_millis(40) };
    let networks = [(Network::Good, "no loss", None), (Network::Bad, "3 % loss, 40 ms jitter", Some(bad))];
    let chosen = options.network.or_else(|| options.quick.then_some(Network::Good));
    for (_, network, conditions) in networks.into_iter().filter(|(kind, ..)| chosen.is_none_or(|only| only == *kind)) {
        judge_network(lab, network, conditions, seconds, report).await;
    }
}

async fn judge_network(lab: &Lab, network: &str, conditions: Option<Conditions>, seconds: f64, report: &Report) {
    let relay = conditions.map(|conditions| Relay::new(lab.address, conditions));
    let sends = || relay.clone().map_or(Sends::Straight, Sends::Over);
    let mut scene = Scene::open(lab, 0).await;
    for _ in 0..PEOPLE {
        scene.enter(sends()).await;
    }
    pass(SETTLED.min(seconds)).await;
    let formats =
        [json!({"kind": "mixed"}), json!({"kind": "mixed", "container": "webm"}), json!({"kind": "individual"})];
    let mut running = Vec::new();
    for format in &formats {
        running.push(scene.start(format).await);
    }
    // Somebody new towards the end, unless it is soon: how their first seconds are is told apart.
    let regulars = scene.looks();
    let until = if seconds > 2.0 * NEWCOMER { seconds - NEWCOMER } else { seconds };
    pass(until).await;
    if until < seconds {
        scene.enter(sends()).await;
        pass(NEWCOMER).await;
    }
    let folder = scene.server.recordings();
    let mut entries = Vec::new();
    for running in running {
        entries.push(scene.stop(&running.id).await);
    }
    for entry in entries {
        let kind = format!("{} {}", entry["kind"].as_str().unwrap_or("?"), entry["container"].as_str().unwrap_or("?"));
        for (path, start, file) in files(&folder, &entry) {
            keep(&path, network);
            let Some(owner) = owner(&file) else {
                let looks = regulars.clone();
                let all = blocking(move || mixed(&path, &looks, until, start)).await;
                for (index, seen) in all.into_iter().enumerate() {
                    tell(&format!("{kind}, p{index}"), network, &seen, report);
                }
                continue;
            };
            let who = scene.people.iter().position(|person| person.native.id == owner).expect("somebody of ours");
            let look = scene.people[who].native.look;
            let seen = blocking(move || Seen::of(&open_whole(&path), 0, look, f64::INFINITY, start)).await;
            if who < PEOPLE {
                tell(&format!("{kind}, p{who}"), network, &seen, report);
            } else {
                let what = format!("{kind}, newcomer's first seconds, {network}");
                report.note(&what, &listed(&seen.offsets));
            }
        }
    }
}

/// How somebody's sound and picture are in a file.
struct Seen {
    /// When they flash, and how much later the beep is.
    offsets: Vec<(f64, f64)>,
    /// How much later than they were made flashes and beeps are, as the server says when the file begins.
    late: [f64; 2],
}

impl Seen {
    fn of(film: &Recording, tile: usize, look: Look, until: f64, start: f64) -> Self {
        let before = |times: Vec<f64>| times.into_iter().filter(|at| *at < until);
        let late = |times| median(before(times).map(|at| at + start - (at + start).round()).collect());
        let offsets = film.offsets(tile, look.pitch).into_iter().filter(|(at, _)| *at < until).collect();
        Self { offsets, late: [late(film.flashes(tile)), late(film.beeps(look.pitch))] }
    }
}

/// How everybody is while the tiles stay where they are.
fn mixed(path: &Path, looks: &[Look], until: f64, start: f64) -> Vec<Seen> {
    let places = places(path, looks, until);
    let film = Recording::open(path, &places);
    looks.iter().enumerate().map(|(tile, look)| Seen::of(&film, tile, *look, until, start)).collect()
}

/// The tiles of those who were there from the beginning: the middle of the film may be too late for a short one.
fn places(path: &Path, looks: &[Look], until: f64) -> Vec<crate::common::judge::Rect> {
    let time = if until > 30.0 { calm(path, looks) } else { (until / 2.0).max(0.0).floor() + 0.5 };
    tiles(path, time, looks)
}

/// One row for a person in a file.
fn tell(what: &str, network: &str, Seen { offsets, late }: &Seen, report: &Report) {
    let what = format!("{what}: sound against picture, 95 % of them, {network}");
    let sizes: Vec<f64> = offsets.iter().map(|(_, offset)| offset.abs() * 1e3).collect();
    match Offset::of(offsets.iter().map(|(_, offset)| *offset).collect()) {
        Some(offset) => {
            let [mean, middle, worst] = [offset.mean, offset.median, offset.worst].map(|value| value * 1e3);
            let more = format!(
                "signed: mean {mean:+.1}, median {middle:+.1}; size: median {:.0}, worst {worst:+.0}; {} flashes; flashes {:+.0} and beeps {:+.0} from when they were made",
                median(sizes),
                offset.pairs,
                late[0] * 1e3,
                late[1] * 1e3
            );
            report.row(&what, ASKED, offset.p95 * 1e3, &more);
        }
        None => report.row(&what, ASKED, f64::NAN, "no flash has a beep"),
    }
}

/// The offsets one by one.
fn listed(offsets: &[(f64, f64)]) -> String {
    let each = offsets.iter().map(|(at, offset)| format!("{:+.0} at {at:.1} s", offset * 1e3));
    each.collect::<Vec<_>>().join(", ")
}

/// For whoever wants to look at what was judged: LAB_KEEP is a folder.
fn keep(path: &Path, network: &str) {
    if let (Ok(folder), Some(name)) = (std::env::var("LAB_KEEP"), path.file_name()) {
        let network: String = network.chars().filter(char::is_ascii_alphanumeric).collect();
        let copy = PathBuf::from(folder).join(format!("{network}-{}", name.to_string_lossy()));
        std::fs::copy(path, copy).expect("LAB_KEEP is a folder");
    }
}
