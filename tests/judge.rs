//! The judge of recordings held against files whose contents and faults are known: a judge that finds no fault in a
//! faulty file would let every recording pass.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::hum::{Fault, faults};
use common::judge::{Recording, Rect, is_like, listen, locate};
use common::source::Look;

const LEFT: Rect = Rect { x: 0, y: 0, width: 320, height: 240 };
const RIGHT: Rect = Rect { x: 320, y: 0, width: 320, height: 240 };

/// A film of two participants side by side.
struct Film {
    /// How late the sound of each is, in seconds.
    late: [f64; 2],
    /// How loud each is.
    loud: [f64; 2],
    /// A filter on the pictures, for faults.
    pictures: &'static str,
    /// Where the pictures of the left one end, in seconds.
    left_until: f64,
}

impl Film {
    const SOUND: Self = Self { late: [0.0; 2], loud: [0.1; 2], pictures: "null", left_until: 99.0 };

    fn make(&self, directory: &Path) -> PathBuf {
        let path = directory.join("film.mp4");
        let mut graph = String::new();
        for (index, until) in [(0, self.left_until), (1, 99.0)] {
            let [red, green, blue] = Look::of(index).colour;
            graph += &format!(
                "color=c=0x{red:02x}{green:02x}{blue:02x}:s=320x240:r=25:d=6,\
                 drawbox=t=fill:c=white:enable='lt(mod(t,1),0.1)',drawbox=t=fill:c=black:enable='gte(t,{until})'[v{index}];"
            );
        }
        let tone = |index: usize| {
            let (pitch, late, loud) = (Look::of(index).pitch, self.late[index], self.loud[index]);
            format!("{loud}*sin(2*PI*{pitch}*t)*lt(mod(t+1-({late}),1),0.1)")
        };
        graph += &format!("[v0][v1]hstack,{}[v];aevalsrc='{}+{}':s=48000:d=6[a]", self.pictures, tone(0), tone(1));
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-filter_complex", &graph, "-map", "[v]", "-map", "[a]"]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-fps_mode", "vfr"]);
        assert!(command.args(["-c:a", "aac"]).arg(&path).status().expect("ffmpeg runs").success());
        path
    }

    fn judged(&self) -> Recording {
        let directory = tempfile::tempdir().expect("a directory");
        Recording::open(&self.make(directory.path()), &[LEFT, RIGHT])
    }
}

#[test]
fn a_sound_film_is_found_sound() {
    let film = Film::SOUND.judged();
    assert!((film.duration - 6.0).abs() < 0.1, "{}", film.duration);
    assert_eq!(film.size, (640, 240));
    for tile in [0, 1] {
        let look = Look::of(tile);
        assert!(is_like(film.colour(tile, 0.0, 6.0), look), "{:?}", film.colour(tile, 0.0, 6.0));
        assert!(film.presence(tile, look, 0.0, 6.0) > 0.99);
        // The first flash begins with the film, so it has no onset.
        assert_eq!(film.flashes(tile).len(), 5, "{:?}", film.flashes(tile));
        let offset = film.offset(tile, look.pitch).expect("beeps and flashes");
        assert!(offset.median.abs() < 0.012 && offset.worst.abs() < 0.02 && offset.pairs == 5, "{offset:?}");
    }
    assert!(film.longest_picture() < 0.041 && film.longest_silence_of_packets() < 0.05);
}

#[test]
fn late_and_early_sound_is_measured_for_each_participant() {
    let film = Film { late: [0.2, -0.12], ..Film::SOUND }.judged();
    for (tile, late) in [(0, 0.2), (1, -0.12)] {
        let offset = film.offset(tile, Look::of(tile).pitch).expect("beeps and flashes");
        assert!((offset.median - late).abs() < 0.012, "{late}: {offset:?}");
        assert!((offset.most - late.abs()).abs() < 0.012, "{late}: {offset:?}");
    }
}

#[test]
fn a_silent_participant_has_no_beeps() {
    let film = Film { loud: [0.1, 0.0], ..Film::SOUND }.judged();
    assert!(film.beeps(Look::of(0).pitch).len() >= 5);
    assert_eq!(film.beeps(Look::of(1).pitch), [] as [f64; 0]);
    assert_eq!(film.offset(1, Look::of(1).pitch), None);
}

#[test]
fn a_participant_in_the_wrong_place_is_not_present() {
    let film = Film { pictures: "hflip", ..Film::SOUND }.judged();
    assert!(!is_like(film.colour(0, 0.0, 6.0), Look::of(0)));
    assert!(film.presence(0, Look::of(0), 0.0, 6.0) < 0.2);
    assert!(film.presence(0, Look::of(1), 0.0, 6.0) > 0.99);
}

#[test]
fn a_participant_who_vanishes_halfway_is_present_for_half() {
    let film = Film { left_until: 3.0, ..Film::SOUND }.judged();
    let presence = film.presence(0, Look::of(0), 0.0, 6.0);
    assert!((0.48..0.52).contains(&presence), "{presence}");
    assert_eq!(film.flashes(0).len(), 2, "{:?}", film.flashes(0));
}

#[test]
fn a_gap_in_the_pictures_is_seen() {
    let film = Film { pictures: "select='not(between(t,2.02,2.7))'", ..Film::SOUND }.judged();
    assert!((0.65..0.75).contains(&film.longest_picture()), "{}", film.longest_picture());
}

#[test]
#[should_panic(expected = "is not playable")]
fn a_file_without_its_index_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = Film::SOUND.make(directory.path());
    let whole = std::fs::read(&path).expect("the film");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a cut film");
    let _ = Recording::open(&path, &[LEFT]);
}

#[test]
fn tiles_are_found_by_their_colour() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = Film { left_until: 3.0, ..Film::SOUND }.make(directory.path());
    let looks = [Look::of(0), Look::of(1), Look::of(2)];
    let near = |found: Option<Rect>, wanted: Rect| {
        let found = found.expect("a tile");
        let far = |a: usize, b: usize| a.abs_diff(b) > 4;
        !(far(found.x, wanted.x)
            || far(found.y, wanted.y)
            || far(found.width, wanted.width)
            || far(found.height, wanted.height))
    };
    let before = locate(&path, 2.5, &looks);
    assert!(near(before[0], LEFT) && near(before[1], RIGHT) && before[2].is_none(), "{before:?}");
    let after = locate(&path, 3.5, &looks);
    assert!(after[0].is_none() && near(after[1], RIGHT), "{after:?}");
}

const HUM: f64 = 3000.0;

/// Two seconds of somebody who hums while another beeps.
fn hum() -> Vec<f32> {
    let tone = |pitch: f64, at: usize| (std::f64::consts::TAU * pitch * at as f64 / 48_000.0).sin() * 0.1;
    let beep = |at: usize| if at % 24_000 < 4800 { tone(2200.0, at) } else { 0.0 };
    (0..96_000).map(|at| (tone(HUM, at) + beep(at)) as f32).collect()
}

#[test]
fn a_tone_without_a_fault_has_none_also_after_two_codecs() {
    let sound = hum();
    assert_eq!(faults(&sound, HUM), []);
    let folder = tempfile::tempdir().expect("a directory");
    let [raw, coded, again] = ["a.raw", "b.opus", "c.m4a"].map(|name| folder.path().join(name));
    let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&raw, bytes).expect("written");
    let ffmpeg = |options: &[&str], from: &Path, more: &[&str], to: &Path| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error"]).args(options).arg("-i").arg(from).args(more).arg(to);
        assert!(command.status().expect("ffmpeg runs").success());
    };
    ffmpeg(&["-f", "f32le", "-ar", "48000", "-ac", "1"], &raw, &["-c:a", "libopus"], &coded);
    ffmpeg(&[], &coded, &["-c:a", "aac", "-b:a", "128k"], &again);
    // Codecs need a moment to find the tone, and to let go of it.
    let heard = listen(&again);
    assert_eq!(faults(&heard[9600..heard.len() - 9600], HUM), []);
}

#[test]
fn holes_and_jumps_in_a_tone_are_found_where_they_are() {
    let near = |at: f64| (0.97..1.03).contains(&at);
    // Ten milliseconds of nothing, as where a packet was lost.
    let mut holed = hum();
    holed[48_000..48_480].fill(0.0);
    let found = faults(&holed, HUM);
    assert!(found.iter().any(|fault| matches!(fault, Fault::Hole { at, .. } if near(*at))), "{found:?}");
    // Two samples left out, or two too many: 42 microseconds.
    for (from, to) in [(48_000, 48_002), (48_002, 48_000)] {
        let sound = hum();
        let broken = [&sound[..from], &sound[to..]].concat();
        let found = faults(&broken, HUM);
        let is_it = |fault: &Fault| matches!(fault, Fault::Jump { at, samples } if near(*at) && samples.abs() > 1.4);
        assert!(found.len() == 1 && found.iter().all(is_it), "{found:?}");
    }
    // Twice as loud for a moment, as where two packets are mixed.
    let mut doubled = hum();
    doubled[48_000..48_960].iter_mut().for_each(|sample| *sample *= 2.0);
    assert!(matches!(faults(&doubled, HUM)[..], [Fault::Hole { at, .. }] if near(at)), "{:?}", faults(&doubled, HUM));
    assert!(!faults(&vec![0.0; 48_000], HUM).is_empty(), "silence is no tone");
}
