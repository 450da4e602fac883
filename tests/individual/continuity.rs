//! Time goes on in files, whatever people do: one call with everything that happens in calls, in both kinds of files.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::judge::{self, Recording, locate};
use crate::common::lab;
use crate::common::native::{Endpoint, Native};
use crate::common::server::Server;
use crate::common::source::{Look, SIZE};
use crate::common::stalls::Stalls;
use crate::common::tiles::tiles;
use crate::{CLOCK, LIPS, file_of, mute, open, published, start, stop};

/// A mix that costs little: what is judged here is time.
const SMALL: &str = "[mix]\nwidth = 640\nheight = 360";
/// Pictures and packets of sound are at most this far apart, in seconds.
const HOLE: f64 = 0.1;
/// A wide picture, and one of a phone that is held upright.
const WIDE: (usize, usize) = (480, 270);
const UPRIGHT: (usize, usize) = (240, 320);
/// Pictures a second: what is watched tells the time.
const SECOND: u64 = 25;

/// When something happened, in seconds after the answer to the start of a recording.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    muted: f64,
    back: f64,
    frozen: f64,
    thawed: f64,
    wide: f64,
    upright: f64,
    renewing: f64,
    renewed: f64,
    came: f64,
    went: f64,
    stopped: f64,
}

impl Times {
    /// The same for a recording that began earlier.
    fn since(self, earlier: f64) -> Self {
        let Self { muted, back, frozen, thawed, wide, upright, renewing, renewed, came, went, stopped } = self;
        let all = [muted, back, frozen, thawed, wide, upright, renewing, renewed, came, went, stopped];
        let [muted, back, frozen, thawed, wide, upright, renewing, renewed, came, went, stopped] =
            all.map(|time| time + earlier);
        Self { muted, back, frozen, thawed, wide, upright, renewing, renewed, came, went, stopped }
    }
}

/// The two recordings, and when things happened in each.
type Lived = ([Times; 2], [Value; 2]);

/// Ann does all that people do, as Bob's picture tells the time.
async fn live(server: &Server, ann: &Native, clock: &Endpoint, slot: usize, first: Endpoint) -> Lived {
    let mixed = start(server, json!({"kind": "mixed", "container": "mp4"})).await;
    let earlier = Instant::now();
    let ids = [mixed, start(server, json!({"kind": "individual"})).await];
    let begun = Instant::now();
    let since = || begun.elapsed().as_secs_f64();
    let mut times = Times::default();
    clock.watches(slot, 5 * SECOND / 2).await;
    mute(ann, true).await;
    times.muted = since();
    clock.watches(slot, 5 * SECOND / 2).await;
    times.back = since();
    mute(ann, false).await;
    clock.watches(slot, 3 * SECOND).await;
    ann.camera.freeze();
    times.frozen = since();
    clock.watches(slot, 4 * SECOND).await;
    ann.camera.turn(SIZE);
    times.thawed = since();
    clock.watches(slot, 2 * SECOND).await;
    ann.camera.turn(WIDE);
    times.wide = since();
    clock.watches(slot, 3 * SECOND / 2).await;
    ann.camera.turn(UPRIGHT);
    times.upright = since();
    clock.watches(slot, 2 * SECOND).await;
    // Another network: the old connection is not told that it ends.
    ann.camera.turn(SIZE);
    times.renewing = since();
    let _second = ann.publish_by("send-2", json!({"replaces": "send-1"})).await;
    drop(first);
    times.renewed = since();
    clock.watches(slot, 5 * SECOND / 2).await;
    times.came = since();
    let cleo = Native::join(server, "tea", "Cleo", 3).await;
    let sending = cleo.publish("send-1").await;
    published(&cleo).await;
    clock.watches(slot, 5 * SECOND / 2).await;
    cleo.leave().await;
    drop(sending);
    times.went = since();
    clock.watches(slot, 2 * SECOND).await;
    times.stopped = since();
    let (mixed, individual) = tokio::join!(stop(server, &ids[0]), stop(server, &ids[1]));
    ([times.since((begun - earlier).as_secs_f64()), times], [mixed, individual])
}

/// What both kinds of files show and sound of Ann.
fn judge_ann(film: &Recording, tile: usize, look: Look, times: &Times, still: f64) {
    let seen = |from: f64, to: f64| film.presence(tile, look, from, to);
    for (what, from, to) in [
        ("before", 1.0, times.muted - 0.3),
        ("after mute", times.back + 1.0, times.frozen - 0.2),
        ("after standing still", times.thawed + 1.2, times.wide),
        ("wide", times.wide, times.upright),
        ("upright", times.upright, times.renewing - 0.2),
        ("after coming back", times.renewed + 1.5, times.came - 0.3),
    ] {
        assert!(seen(from, to) > 0.9, "{what}, from {from} to {to}: {}", seen(from, to));
    }
    for (what, from, to) in
        [("muted", times.muted + 0.6, times.back), ("frozen", times.frozen + still + 0.4, times.thawed)]
    {
        let named = film.named(tile, look, from, to);
        assert!(seen(from, to) < 0.05 && named > 0.95, "{what}, from {from} to {to}: {} {named}", seen(from, to));
    }
    judge_sound(film, look, times);
    let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
    println!("{offset:?}");
    assert!(offset.pairs >= 6 && offset.most <= LIPS, "{offset:?}");
}

/// Silent while muted, and at no other time.
fn judge_sound(film: &Recording, look: Look, times: &Times) {
    let beeps = film.beeps(look.pitch);
    let heard = |from: f64, to: f64| beeps.iter().filter(|beep| (from..to).contains(*beep)).count() as f64;
    assert!(heard(times.muted + 0.3, times.back - 0.1) == 0.0, "muted: {beeps:?}");
    for (what, from, to) in [
        ("before", 0.0, times.muted),
        ("until coming back", times.back + 0.5, times.renewing),
        ("after coming back", times.renewed + 0.3, times.stopped - 0.3),
    ] {
        assert!(heard(from, to) >= (to - from).floor() - 1.0, "{what}, from {from} to {to}: {beeps:?}");
    }
}

fn judge_length(film: &Recording, wall: f64, told: &Value) {
    let (heard, told) = (film.sound.len() as f64 / 48e3, told["durationMs"].as_f64().expect("durationMs") / 1e3);
    println!("{} s, {heard} s are heard, {told} s are told, of {wall} s", film.duration);
    for length in [heard, told] {
        assert!((length - wall).abs() < CLOCK, "{length} of {wall} s");
    }
    let seen = film.times.last().copied().unwrap_or_default();
    assert!((film.duration - wall).abs() < CLOCK + 0.5 && (seen - wall).abs() < CLOCK + 1.0, "{seen} of {wall} s");
}

#[test]
fn time_goes_on_in_both_kinds_of_files_whatever_people_do() {
    lab::run_for(Duration::from_secs(150), |lab| async move {
        let settings = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(settings.path(), SMALL).expect("written");
        let server = Server::start_with(&lab, &["--config", settings.path().to_str().expect("a path")]).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let (first, _bobs) = (ann.publish("send-1").await, bob.publish("send-1").await);
        published(&ann).await;
        published(&bob).await;
        let clock = ann.subscribe("receive-1", 2, 2).await;
        let slot = ann.finds(&clock, &bob.id, "camera").await;
        // Until reports tell how picture and sound belong together.
        clock.watches(slot, 5 * SECOND).await;
        let stalls = Stalls::watch();
        let ([times, of_individual], [mixed, individual]) = live(&server, &ann, &clock, slot, first).await;
        // What the machine takes is none of the server's.
        let bound = HOLE + 3.0 * stalls.longest();
        println!("{times:?}, holes of {bound} s are the machine's");

        let id = |entry: &Value| entry["id"].as_str().expect("an id").to_owned();
        let file = server.download(&format!("/api/v1/recordings/{}/file", id(&mixed))).await;
        let path = file.path();
        let looks = [ann.look, bob.look, Look::of(3)];
        let calm = |from: f64, looks: &[Look]| {
            let mut moments = [0.0, 0.2, 0.4].map(|step| (from + step, locate(path, from + step, looks))).into_iter();
            moments
                .find(|(_, found)| found.iter().all(Option::is_some))
                .unwrap_or_else(|| panic!("{looks:?} at {from}"))
        };
        let at = calm((times.back + times.frozen) / 2.0, &looks[..2]).0;
        let film = Recording::open(path, &tiles(path, at, &looks[..2]));
        judge_length(&film, times.stopped, &mixed);
        judge_ann(&film, 0, ann.look, &times, 2.0);
        assert!(film.presence(1, bob.look, 0.5, times.came - 0.3) > 0.95, "Bob is always there");
        let holes = (film.holes(bound), film.longest_silence_of_packets());
        assert!(holes.0.is_empty() && holes.1 < bound, "{holes:?}");
        // One or the other, at every moment: between picture and name there is no empty place.
        let (from, to) = (0.2, times.came - 0.3);
        let filled = film.presence(0, ann.look, from, to) + film.named(0, ann.look, from, to);
        assert!(filled > 0.99, "of Ann's place {filled} is filled");
        for (wanted, from) in [(WIDE, times.wide), (UPRIGHT, times.upright)] {
            let shape = calm(from + 0.8, &looks[..1]).1[0].expect("found");
            let (is, wanted) = (shape.width as f64 / shape.height as f64, wanted.0 as f64 / wanted.1 as f64);
            assert!((is / wanted).ln().abs() < 0.1, "{shape:?} is {is}, not {wanted}");
        }
        calm(times.went - 0.8, &looks);
        let late = film.beeps(looks[2].pitch);
        assert!(late.iter().all(|beep| (times.came..times.went + 1.0).contains(beep)), "Cleo: {late:?}");
        let end = [0.6, 0.8, 1.0].map(|before| locate(path, times.stopped - before, &looks));
        let alone = |found: &Vec<Option<_>>| [0, 1, 2].map(|who| found[who].is_some()) == [true, true, false];
        assert!(end.iter().any(alone), "the two are left: {end:?}");

        let times = of_individual;
        let of_ann = file_of(&individual, &ann);
        let film = open(&server, &id(&individual), of_ann).await;
        judge_length(&film, times.stopped, of_ann);
        judge_ann(&film, 0, ann.look, &times, 1.0);
        assert!(film.longest_silence_of_packets() < bound, "{}", film.longest_silence_of_packets());
        // A still picture is as long as it takes: until the name shows, and the keyframe after it.
        let absent = [(0.0, 1.0), (times.muted - 0.3, times.back + 1.0), (times.frozen - 0.3, times.thawed + 1.2)];
        let absent = absent.into_iter().chain([(times.renewing - 0.3, times.renewed + 1.5)]).collect::<Vec<_>>();
        for (from, to) in film.holes(bound) {
            let excused = absent.iter().any(|(begin, end)| *begin <= from && to <= *end);
            assert!(excused && to - from < 1.6, "a hole from {from} to {to}: {absent:?}");
        }
        let name = of_ann["name"].as_str().expect("a name");
        let file = server.download(&format!("/api/v1/recordings/{}/files/{name}", id(&individual))).await;
        let sizes = judge::sizes(file.path());
        let mut sent = [SIZE, WIDE, UPRIGHT, SIZE].into_iter().peekable();
        for size in &sizes {
            let _ = sent.next_if_eq(size);
        }
        assert!(sent.peek().is_none(), "all that was sent is in the file, unscaled: {sizes:?}");
        let (of_bob, of_all) = (file_of(&individual, &bob), individual["files"].as_array().map(Vec::len));
        let film = open(&server, &id(&individual), of_bob).await;
        judge_length(&film, times.stopped, of_bob);
        let holes = (film.holes(bound), film.longest_silence_of_packets());
        assert!(holes.0.iter().all(|(_, to)| *to < 1.0) && holes.1 < bound, "Bob only sat there: {holes:?}");
        assert!(film.presence(0, bob.look, 0.7, times.stopped - 0.3) > 0.95 && of_all == Some(3), "{individual}");
    });
}
