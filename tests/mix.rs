//! The mix and its recording, judged by what is in the file: colours where the layout says, tones, flashes and beeps.

#[path = "common/stalls.rs"]
#[allow(unreachable_pub, reason = "shared with the tests that have all of common")]
mod stalls;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use plenum::egress::catalogue::{Catalogue, Filter};
use plenum::egress::format::Choice;
use plenum::egress::manifest::State;
use plenum::egress::recording::{Recording, Spec};
use plenum::egress::space::Limits;
use plenum::id::{ParticipantId, ParticipantName, RecordingId, RoomName};
use plenum::media::description::Descriptions;
use plenum::media::link::Outlet;
use plenum::media::pipeline::Pipeline;
use plenum::media::{Codec, Kind};
use plenum::mix::layout::{self, Layout, Placement, Size};
use plenum::mix::scene::Scene;
use plenum::mix::{Decoders, Encoding, Mix, MixSettings, MixState};
use stalls::Stalls;

const SECOND: u64 = 1_000_000_000;

/// A luma that stands for a moving picture instead of a colour.
const NOISE: u8 = 0;
/// Each second begins with a flash and a beep of this length.
const SIGNAL: u64 = 120_000_000;
const DEADLINE: Duration = Duration::from_secs(15);

/// A synthetic participant: its own colour with a white flash, and its own tone, both at the start of each second.
struct Synthetic {
    id: ParticipantId,
    name: ParticipantName,
    video: Option<Outlet>,
    codec: Codec,
    audio: Outlet,
    _pipeline: Pipeline,
}

impl Synthetic {
    fn new(name: &str, picture: Option<((u32, u32), [u8; 3])>, codec: Codec, tone: u32) -> Self {
        let (pipeline, _events) = Pipeline::new(name);
        let now = Pipeline::running_time().nseconds();
        let audio = Outlet::new("audio");
        let text = format!(
            "audiotestsrc is-live=true timestamp-offset={now} samplesperbuffer=960 freq={tone} volume=0.25 ! \
             audio/x-raw,format=S16LE,rate=48000,channels=1 ! identity name=edit ! opusenc ! rtpopuspay name=end"
        );
        place(&pipeline, &text, &audio, |pts, bytes| {
            for (index, sample) in bytes.chunks_exact_mut(2).enumerate() {
                if (pts + index as u64 * SECOND / 48_000) % SECOND >= SIGNAL {
                    sample.fill(0);
                }
            }
        });
        let video = picture.map(|((width, height), [y, u, v])| {
            let outlet = Outlet::new("video");
            let encoder = match codec {
                Codec::H264 => {
                    "x264enc speed-preset=ultrafast tune=zerolatency threads=1 ! rtph264pay config-interval=-1"
                }
                _ => "vp8enc deadline=1 cpu-used=16 keyframe-max-dist=300 threads=1 ! rtpvp8pay",
            };
            let pattern = if y == NOISE { "ball background-color=0xff406080" } else { "black" };
            let text = format!(
                "videotestsrc is-live=true timestamp-offset={now} pattern={pattern} ! \
                 video/x-raw,format=I420,width={width},height={height},framerate=30/1 ! identity name=edit ! \
                 {encoder} name=end"
            );
            let luma = (width * height) as usize;
            place(&pipeline, &text, &outlet, move |pts, bytes| {
                if y == NOISE {
                    return;
                }
                let flash = pts % SECOND < SIGNAL;
                bytes[..luma].fill(if flash { 235 } else { y });
                bytes[luma..luma * 5 / 4].fill(if flash { 128 } else { u });
                bytes[luma * 5 / 4..].fill(if flash { 128 } else { v });
            });
            outlet
        });
        pipeline.play().unwrap();
        let name = ParticipantName::parse(name).unwrap();
        Self { id: ParticipantId::new(), name, video, codec, audio, _pipeline: pipeline }
    }

    fn join(&self, mix: &Mix) {
        mix.add_participant(&self.id, &self.name).unwrap();
        mix.attach(&self.id, Codec::Opus, &self.audio).unwrap();
        if let Some(video) = &self.video {
            mix.attach(&self.id, self.codec, video).unwrap();
        }
    }
}

fn place(pipeline: &Pipeline, text: &str, outlet: &Outlet, edit: impl Fn(u64, &mut [u8]) + Send + Sync + 'static) {
    let bin = gst::parse::bin_from_description(text, false).unwrap();
    let pad = bin.by_name("edit").unwrap().static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let buffer = info.buffer_mut().unwrap().make_mut();
        let pts = buffer.pts().unwrap().nseconds();
        edit(pts, buffer.map_writable().unwrap().as_mut_slice());
        gst::PadProbeReturn::Ok
    });
    let end = bin.by_name("end").unwrap().static_pad("src").unwrap();
    bin.add_pad(&gst::GhostPad::builder_with_target(&end).unwrap().name("out").build()).unwrap();
    pipeline.gst().add_many([bin.upcast_ref(), outlet.element()]).unwrap();
    bin.link_pads(Some("out"), outlet.element(), Some("sink")).unwrap();
}

fn begin() {
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
    gst::init().unwrap();
}

async fn videos(mix: &Mix, count: usize) {
    let mut placements = mix.placements();
    let shown = placements.wait_for(|all| all.iter().filter(|placed| placed.video).count() == count);
    tokio::time::timeout(DEADLINE, shown).await.expect("the videos show in time").expect("the mix runs");
}

fn spec() -> Spec {
    let room = RoomName::parse("../../a room").unwrap();
    Spec {
        id: RecordingId::new(),
        format: Choice::default().resolve(Codec::Vp8).unwrap(),
        room,
        so_far: Vec::new(),
        feeds: Vec::new(),
        pre_roll: Duration::ZERO,
        kept_since: None,
        layout: None,
        placements: None,
        limits: Limits::default(),
    }
}

async fn catalogue(folder: &Path) -> Arc<Catalogue> {
    Arc::new(Catalogue::open(folder).await.unwrap())
}

async fn record(catalogue: &Arc<Catalogue>, descriptions: &Descriptions, mix: &Mix) -> Recording {
    let spec = spec();
    let mut encoded = Vec::new();
    for encoding in spec.format.encodings() {
        encoded.push(mix.encode(encoding).await.unwrap());
    }
    Recording::start(spec, catalogue, descriptions, encoded).await.unwrap()
}

/// Lets `span` be recorded.
async fn take(span: Duration) {
    tokio::time::sleep(span).await;
}

/// The decoded file. Frames are at a quarter of the size.
struct Film {
    frames: Vec<Vec<u8>>,
    times: Vec<f64>,
    sound: Vec<f32>,
}

const CANVAS: Size = Size { width: 1280, height: 720 };

impl Film {
    fn open(path: &Path) -> Self {
        let path = path.to_str().unwrap();
        let raw = run(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-i",
                path,
                "-map",
                "0:v",
                "-vf",
                "scale=320:180",
                "-fps_mode",
                "passthrough",
                "-pix_fmt",
                "yuv420p",
                "-f",
                "rawvideo",
                "-",
            ],
        );
        let frames: Vec<_> = raw.chunks_exact(320 * 180 * 3 / 2).map(<[u8]>::to_vec).collect();
        let times = packet_times(path, "v");
        assert_eq!(frames.len(), times.len(), "every packet is a frame");
        // Silence is put before the sound if it starts later than the file.
        let sound = run(
            "ffmpeg",
            &[
                "-v",
                "error",
                "-i",
                path,
                "-map",
                "0:a",
                "-af",
                "aresample=async=1:first_pts=0",
                "-ac",
                "1",
                "-ar",
                "48000",
                "-f",
                "f32le",
                "-",
            ],
        );
        let sound = sound.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        Self { frames, times, sound }
    }

    /// Luma and chroma at a point of the canvas.
    fn pixel(&self, frame: usize, x: u32, y: u32) -> [u8; 3] {
        let (x, y) = ((x / 4) as usize, (y / 4) as usize);
        let (data, luma) = (&self.frames[frame], 320 * 180);
        let chroma = (y / 2) * 160 + x / 2;
        [data[y * 320 + x], data[luma + chroma], data[luma + luma / 4 + chroma]]
    }

    fn centre(&self, frame: usize, place: Placement) -> [u8; 3] {
        self.pixel(frame, place.x + place.width / 2, place.y + place.height / 2)
    }

    fn between(&self, from: f64, to: f64) -> Vec<usize> {
        (0..self.times.len()).filter(|index| (from..to).contains(&self.times[*index])).collect()
    }

    /// The share of frames that show `colour` in the centre of `place`.
    fn share(&self, from: f64, to: f64, place: Placement, colour: [u8; 3]) -> f64 {
        let frames = self.between(from, to);
        let hits = frames.iter().filter(|frame| near(self.centre(**frame, place), colour)).count();
        hits as f64 / frames.len() as f64
    }

    /// When the tile turned white.
    fn flashes(&self, place: Placement) -> Vec<f64> {
        let white = |frame: usize| self.centre(frame, place)[0] > 180;
        (1..self.frames.len())
            .filter(|frame| white(*frame) && !white(frame - 1))
            .map(|frame| self.times[frame])
            .collect()
    }

    /// When the tone began to sound.
    fn beeps(&self, tone: f64) -> Vec<f64> {
        const STEP: usize = 240;
        let loud: Vec<bool> =
            self.sound.windows(960).step_by(STEP).map(|window| goertzel(window, tone) > 0.08).collect();
        let onset = |index: &usize| loud[*index] && !loud[index.saturating_sub(8)..*index].contains(&true);
        // A window is loud enough when a third of it sounds. Less would also be heard when another tone is cut off.
        (1..loud.len()).filter(onset).map(|index| (index * STEP + 640) as f64 / 48_000.0).collect()
    }
}

fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
    found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24)
}

fn goertzel(samples: &[f32], tone: f64) -> f64 {
    let coefficient = 2.0 * (std::f64::consts::TAU * tone / 48_000.0).cos();
    let (a, b) = samples.iter().fold((0.0, 0.0), |(a, b), sample| (f64::from(*sample) + coefficient * a - b, a));
    (a * a + b * b - coefficient * a * b).max(0.0).sqrt() * 2.0 / samples.len() as f64
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn packet_times(path: &str, stream: &str) -> Vec<f64> {
    let text = run(
        "ffprobe",
        &["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time", "-of", "csv=p=0", path],
    );
    String::from_utf8(text).unwrap().lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

fn duration(path: &Path) -> f64 {
    let text =
        run("ffprobe", &["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path.to_str().unwrap()]);
    String::from_utf8(text).unwrap().trim().parse().unwrap()
}

fn widest_gap(times: &[f64]) -> f64 {
    times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_shows_and_sounds_like_the_room() {
    begin();
    const RED: [u8; 3] = [82, 90, 240];
    const BLUE: [u8; 3] = [41, 240, 110];
    let folder = tempfile::tempdir().unwrap();
    let descriptions = Descriptions::built_in();
    let mix = Mix::start("test", MixSettings::default(), &descriptions).await.unwrap();
    let wide = Synthetic::new("Wide Red", Some(((640, 360), RED)), Codec::Vp8, 500);
    let tall = Synthetic::new("Tall Blue", Some(((288, 512), BLUE)), Codec::H264, 900);
    let voice = Synthetic::new("Only Voice", None, Codec::Vp8, 1400);
    [&wide, &tall, &voice].iter().for_each(|someone| someone.join(&mix));
    let _looked_at = mix.encode(Encoding::H264).await.unwrap();
    videos(&mix, 2).await;

    let recording = record(&catalogue(folder.path()).await, &descriptions, &mix).await;
    let began = std::time::Instant::now();
    let stalls = Stalls::watch();
    let path = folder.path().join(format!("{}.mp4", recording.id()));
    take(Duration::from_millis(2700)).await;
    mix.remove_participant(&tall.id).unwrap();
    drop(tall);
    let left = began.elapsed().as_secs_f64();
    take(Duration::from_millis(2800)).await;
    let stopped = began.elapsed().as_secs_f64();
    let manifest = recording.stop().await;

    assert_eq!(manifest.state, State::Complete, "{:?}", manifest.error);
    let film = Film::open(&path);
    if let Ok(keep) = std::env::var("KEEP_FILM") {
        std::fs::copy(&path, keep).unwrap();
    }
    let length = duration(&path);
    println!("length {length} wall {stopped} manifest {} frames {}", manifest.duration_ms, film.times.len());
    assert!((length - stopped).abs() < 0.5, "{length} s recorded of {stopped} s");
    assert!((length - manifest.duration_ms as f64 / 1000.0).abs() < 0.1);
    // A machine that stood still leaves gaps that are none of ours.
    let excuse = stalls.longest();
    println!("the machine stood still for {excuse} s");
    assert!(widest_gap(&film.times) < 0.08 + 3.0 * excuse, "pictures: {}", widest_gap(&film.times));
    let sounds = packet_times(path.to_str().unwrap(), "a");
    assert!(widest_gap(&sounds) < 0.03 + 3.0 * excuse, "sound: {}", widest_gap(&sounds));

    // Three: two above, one centred below; the portrait has the canvas beside it.
    let places = layout::grid(CANVAS, 3);
    let portrait = places[1].fit(Size { width: 288, height: 512 });
    let before = left - 0.8;
    // Whoever is new shows from their first keyframe on.
    let shown = 0.8;
    assert!(film.share(shown, before, places[0], RED) > 0.75, "red {:?}", film.centre(20, places[0]));
    assert!(film.share(shown, before, places[1], BLUE) > 0.75, "blue {:?}", film.centre(20, places[1]));
    let frames = film.between(shown, before);
    let beside = |frame: usize, side: i32| film.pixel(frame, portrait.x.saturating_add_signed(side), portrait.y + 100);
    let upright =
        frames.iter().filter(|frame| beside(**frame, -12)[0] < 60 && !near(beside(**frame, -12), beside(**frame, 12)));
    assert!(upright.count() * 10 > frames.len() * 9, "the portrait stands between bars");
    let tile = |frame: usize, place: Placement| {
        let row = (place.x + 8..place.x + place.width - 8)
            .step_by(8)
            .map(|x| film.pixel(frame, x, place.y + place.height * 2 / 5));
        row.map(|[y, u, v]| u32::from(y > 60) + u32::from(u.abs_diff(128) > 8 || v.abs_diff(128) > 8)).sum::<u32>()
    };
    assert!(tile(30, places[2]) > 5, "the tile of the one without video has a disc");
    // Two, after the second left.
    let places_after = layout::grid(CANVAS, 2);
    let after = (left + 1.0, length - 0.1);
    assert!(film.share(after.0, after.1, places_after[0], RED) > 0.7);
    let last = film.frames.len() - 1;
    assert!(tile(last, places_after[1]) > 5);
    assert!(film.pixel(last, 640, 600)[0] < 40, "nothing is left where the third tile was");

    let (reds, blues, voices) = (film.beeps(500.0), film.beeps(900.0), film.beeps(1400.0));
    let flashes = film.flashes(Placement { x: 100, y: 190, width: 100, height: 100 });
    println!("flashes {flashes:?}\nred {reds:?}\nblue {blues:?}\nvoice {voices:?}");
    assert!(reds.len() >= 4 && voices.len() >= 4, "{reds:?} {voices:?}");
    assert!((2..=3).contains(&blues.len()), "{blues:?}");
    assert!(blues.iter().all(|beep| *beep < left + 0.5));
    assert!(flashes.len() >= 4, "{flashes:?}");
    for flash in flashes.iter().filter(|flash| **flash > 0.2 && **flash < length - 0.3) {
        let offset = reds.iter().map(|beep| beep - flash).min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
        println!("beep after flash: {:.0} ms", offset * 1000.0);
        assert!(offset.abs() < 0.08, "picture and sound are {offset} s apart");
    }
}

/// Counts how often a keyframe of what leaves `outlet` is asked for, as whoever begins to decode it does.
fn beginnings(outlet: &Outlet) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = count.clone();
    let sink = outlet.element().static_pad("sink").unwrap();
    sink.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if info.event().is_some_and(|event| event.has_name("GstForceKeyUnit")) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    count
}

async fn placed(mix: &Mix, what: &str, wanted: impl Fn(&[plenum::mix::Placed]) -> bool) {
    let mut placements = mix.placements();
    let found = tokio::time::timeout(DEADLINE, placements.wait_for(|all| wanted(all))).await;
    assert!(found.is_ok(), "no {what}: {:?}", mix.placements().borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_is_changed_while_it_runs_and_whoever_is_hidden_is_not_decoded() {
    begin();
    let mix = Mix::start("layouts", MixSettings::default(), &Descriptions::built_in()).await.unwrap();
    const RED: [u8; 3] = [82, 90, 240];
    const BLUE: [u8; 3] = [41, 240, 110];
    const WHITE: [u8; 3] = [235, 128, 128];
    let looks = [((288, 512), RED), ((640, 360), BLUE), ((320, 180), [145, 54, 34])];
    let people = looks.map(|look| Synthetic::new("Someone", Some(look), Codec::Vp8, 500));
    people.iter().for_each(|someone| someone.join(&mix));
    let _looked_at = mix.encode(Encoding::H264).await.unwrap();
    videos(&mix, 3).await;
    let begun = beginnings(people[2].video.as_ref().unwrap());

    let alone = |who: usize| {
        let id = people[who].id.clone();
        move |all: &[plenum::mix::Placed]| matches!(all, [only] if only.participant == id && only.video && only.placement == Placement::whole(CANVAS))
    };
    mix.set_scene(&Scene::of(Layout::Single)).unwrap();
    placed(&mix, "first one alone", alone(0)).await;
    mix.set_speaker(&people[1].id).unwrap();
    placed(&mix, "speaker alone", alone(1)).await;
    let before = begun.load(Ordering::Relaxed);
    mix.set_scene(&Scene::of(Layout::Grid)).unwrap();
    videos(&mix, 3).await;
    assert!(begun.load(Ordering::Relaxed) > before, "who was hidden is decoded from here on, and was not before");
    let grid = layout::grid(CANVAS, 3);
    placed(&mix, "grid", |all| all.iter().map(|placed| placed.placement).eq(grid.iter().copied())).await;

    // A screen is large, beside its owner and the others.
    let screen = ParticipantId::new();
    mix.add_screen(&screen, &people[2].id, &people[2].name).unwrap();
    mix.attach(&screen, Codec::Vp8, people[2].video.as_ref().unwrap()).unwrap();
    mix.set_scene(&Scene::of(Layout::Presentation)).unwrap();
    let large = |placed: &plenum::mix::Placed| (placed.participant == screen) == (placed.placement.width > 640);
    placed(&mix, "large screen", |all| all.len() == 4 && all.iter().all(|one| one.video && large(one))).await;
    mix.remove_participant(&screen).unwrap();
    mix.set_scene(&Scene::of(Layout::Grid)).unwrap();
    placed(&mix, "grid", |all| all.iter().map(|placed| placed.placement).eq(grid.iter().copied())).await;

    // Whoever moves is seen on the way. A machine that stands still may hide that of one move, not of all.
    let folder = tempfile::tempdir().unwrap();
    let catalogue = catalogue(folder.path()).await;
    let recording = record(&catalogue, &Descriptions::built_in(), &mix).await;
    for layout in [Layout::Speaker, Layout::Grid, Layout::Speaker, Layout::Grid] {
        mix.set_scene(&Scene::of(layout)).unwrap();
        take(Duration::from_millis(600)).await;
    }
    let path = folder.path().join(format!("{}.mp4", recording.id()));
    recording.stop().await;
    let film = Film::open(&path);
    let left = |frame: &usize| (0..1280).step_by(8).find(|x| near(film.pixel(*frame, *x, 100), BLUE));
    let lefts: Vec<u32> = (0..film.frames.len()).filter_map(|frame| left(&frame)).collect();
    let count = |from: u32, to: u32| lefts.iter().filter(|left| (from..to).contains(*left)).count();
    println!("large {}, in the grid {}, on the way {}", count(120, 144), count(632, 656), count(144, 632));
    assert!(count(120, 144) >= 3 && count(632, 656) >= 3 && count(144, 632) >= 3, "{lefts:?}");

    // The portrait fills its corner; once it is gone, the name lies there, and not below the large picture.
    mix.set_scene(&Scene::of(Layout::Pip)).unwrap();
    videos(&mix, 2).await;
    let corner = mix.placements().borrow()[0].placement;
    assert!(corner.width < 640, "{corner:?}");
    let recording = record(&catalogue, &Descriptions::built_in(), &mix).await;
    let path = folder.path().join(format!("{}.mp4", recording.id()));
    take(Duration::from_millis(1500)).await;
    mix.detach(&people[0].id, Kind::Video).unwrap();
    take(Duration::from_millis(1500)).await;
    recording.stop().await;
    let film = Film::open(&path);
    let last = film.times.last().copied().unwrap();
    let edge = |x: u32| Placement { x, width: 16, ..corner };
    let [left, right] = [edge(corner.x + 4), edge(corner.x + corner.width - 20)];
    for place in [left, right, corner] {
        let seen = film.share(0.5, 1.1, place, RED) + film.share(0.5, 1.1, place, WHITE);
        assert!(seen > 0.9, "{place:?}: {:?}", film.centre(20, place));
        assert_eq!(film.share(last - 0.5, last, place, RED), 0.0);
        assert_eq!(film.share(last - 0.5, last, place, BLUE), 0.0, "{place:?}");
    }
    let beside = Placement { x: corner.x - 40, ..left };
    assert!(film.share(last - 0.5, last, beside, BLUE) > 0.7, "the large one goes on");
}

/// Waits until so many decoders run.
async fn decoders(decoders: &Decoders, count: usize) {
    let begun = std::time::Instant::now();
    while decoders.count() != count {
        assert!(begun.elapsed() < DEADLINE, "{} decoders, not {count}", decoders.count());
        take(Duration::from_millis(20)).await;
    }
}

async fn sharing(name: &str, descriptions: &Descriptions, decoders: &Decoders) -> Mix {
    Mix::start_sharing(name, MixSettings::default(), descriptions, decoders).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_is_decoded_once_for_all_mixes_that_show_it() {
    begin();
    const RED: [u8; 3] = [82, 90, 240];
    const BLUE: [u8; 3] = [41, 240, 110];
    let (shared, descriptions) = (Decoders::default(), Descriptions::built_in());
    let red = Synthetic::new("Red", Some(((640, 360), RED)), Codec::Vp8, 500);
    let blue = Synthetic::new("Blue", Some(((640, 360), BLUE)), Codec::H264, 900);
    let mixes = [sharing("one", &descriptions, &shared).await, sharing("two", &descriptions, &shared).await];
    for mix in &mixes {
        [&red, &blue].iter().for_each(|someone| someone.join(mix));
    }
    decoders(&shared, 2).await;
    let _looked_at = mixes[0].encode(Encoding::H264).await.unwrap();
    videos(&mixes[0], 2).await;
    assert_eq!(shared.count(), 4, "two voices and two pictures");

    // Who comes later shows what is decoded already: nobody has to send anything anew.
    let asked = [&red, &blue].map(|someone| beginnings(someone.video.as_ref().unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let begun = std::time::Instant::now();
    let recording = record(&catalogue(folder.path()).await, &descriptions, &mixes[1]).await;
    videos(&mixes[1], 2).await;
    println!("the second mix shows both after {:?}", begun.elapsed());
    assert_eq!(shared.count(), 4);
    assert!(asked.iter().all(|asked| asked.load(Ordering::Relaxed) == 0), "a keyframe was asked for");
    take(Duration::from_millis(2500)).await;
    let path = folder.path().join(format!("{}.mp4", recording.id()));
    recording.stop().await;
    let (film, places) = (Film::open(&path), layout::grid(CANVAS, 2));
    let last = film.times.last().copied().unwrap();
    for (place, colour, tone) in [(places[0], RED, 500.0), (places[1], BLUE, 900.0)] {
        assert!(film.share(1.0, last, place, colour) > 0.75, "{colour:?}: {:?}", film.centre(20, place));
        let beeps = film.beeps(tone);
        assert!(beeps.len() >= 2, "{beeps:?}");
        for flash in film.flashes(place).iter().filter(|flash| **flash > 0.2 && **flash < last - 0.3) {
            let offset = beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
            assert!(offset < 0.08, "picture and sound are {offset} s apart");
        }
    }

    // A picture is decoded for as long as any shows it, and no longer.
    decoders(&shared, 4).await;
    let _looked_at_too = mixes[1].encode(Encoding::H264).await.unwrap();
    videos(&mixes[1], 2).await;
    mixes[0].set_scene(&Scene::of(Layout::Single)).unwrap();
    placed(&mixes[0], "one alone", |all| all.len() == 1 && all[0].video).await;
    assert_eq!(shared.count(), 4, "the other shows both");
    mixes[1].set_scene(&Scene::of(Layout::Single)).unwrap();
    placed(&mixes[1], "one alone", |all| all.len() == 1 && all[0].video).await;
    decoders(&shared, 3).await;
    let [first, second] = mixes;
    drop((first, _looked_at));
    placed(&second, "one alone", |all| all.len() == 1 && all[0].video).await;
    assert_eq!(shared.count(), 3);
    drop((second, _looked_at_too));
    decoders(&shared, 0).await;
}

/// What is built in, but for one file, in which `part` is another.
fn replaced(file: &str, part: &str, by: &str) -> (Descriptions, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(file)).unwrap();
    assert!(text.contains(part), "{text}");
    let copy = folder.path().join(file);
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::write(copy, text.replacen(part, by, 1)).unwrap();
    (Descriptions::with_replacements(folder.path()).unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_ends_neither_another_track_nor_another_mix() {
    begin();
    const GREY: [u8; 3] = [100, 128, 128];
    let shared = Decoders::default();
    let good = Synthetic::new("Good", Some(((640, 360), GREY)), Codec::Vp8, 500);
    let bad = Synthetic::new("Bad", Some(((640, 360), GREY)), Codec::H264, 900);
    // Each decoder of H.264 fails after a while, as one does that cannot make sense of what comes.
    let (fragile, _folder) =
        replaced("input/video-h264.launch", "! h264parse", "! identity error-after=60 ! h264parse");
    let mixes = [sharing("one", &fragile, &shared).await, sharing("two", &fragile, &shared).await];
    let mut looked_at = Vec::new();
    for mix in &mixes {
        [&good, &bad].iter().for_each(|someone| someone.join(mix));
        looked_at.push(mix.encode(Encoding::H264).await.unwrap());
    }
    let shows = |id: &ParticipantId, wanted: bool| {
        let id = id.clone();
        move |all: &[plenum::mix::Placed]| all.iter().any(|placed| placed.participant == id && placed.video == wanted)
    };
    for round in 0..2 {
        for mix in &mixes {
            placed(mix, "the bad one", shows(&bad.id, true)).await;
        }
        for mix in &mixes {
            placed(mix, "the tile of the bad one", shows(&bad.id, false)).await;
            assert!(shows(&good.id, true)(&mix.placements().borrow()), "the good one stays, in round {round}");
            assert_eq!(*mix.state().borrow(), MixState::Running);
        }
    }

    // A mix that fails as a whole takes nobody along.
    let (broken, _folder) = replaced("encode/h264-x264.launch", "name=in", "name=in ! identity error-after=60");
    let doomed = sharing("three", &broken, &shared).await;
    good.join(&doomed);
    let _wanted = doomed.encode(Encoding::H264).await.unwrap();
    let mut state = doomed.state();
    let failed = tokio::time::timeout(DEADLINE, state.wait_for(|state| *state != MixState::Running)).await;
    assert!(matches!(&*failed.expect("it fails in time").unwrap(), MixState::Failed(_)));
    for mix in &mixes {
        assert!(shows(&good.id, true)(&mix.placements().borrow()));
        assert_eq!(*mix.state().borrow(), MixState::Running);
    }
}

/// Where the process to be killed records.
const DOOMED: &str = "PLENUM_TEST_DOOMED";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below, in a process of its own"]
async fn doomed() {
    let Ok(folder) = std::env::var(DOOMED) else { return };
    begin();
    let mix = Mix::start("doomed", MixSettings::default(), &Descriptions::built_in()).await.unwrap();
    let _recording = record(&catalogue(Path::new(&folder)).await, &Descriptions::built_in(), &mix).await;
    take(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_a_recording_that_plays() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "doomed", "--ignored", "--quiet"])
        .env(DOOMED, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let is_there = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .any(|file| file.path().extension().is_some_and(|e| e == "mp4"))
    };
    let begun = async {
        while !is_there() {
            take(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, begun).await.expect("the recording begins");
    take(Duration::from_secs(5)).await;
    child.kill().unwrap();
    let killed_at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    child.wait().unwrap();

    let catalogue = catalogue(folder.path()).await;
    let all = catalogue.list(&Filter::default()).await.unwrap().recordings;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, State::Interrupted);
    let wall = (killed_at - all[0].started_at) as f64 / 1000.0;
    let length = duration(&catalogue.media(&all[0].id, None).await.unwrap().unwrap());
    println!("killed after {wall} s: {length} s play");
    assert!(length > wall - 2.0 && length <= wall + 0.1, "{length} s of {wall} s play");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_output_ends_alone() {
    begin();
    let folder = tempfile::tempdir().unwrap();
    let replacements = tempfile::tempdir().unwrap();
    std::fs::create_dir(replacements.path().join("output")).unwrap();
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/output/mp4.launch")).unwrap();
    let broken = text.replace("! filesink", "! identity error-after=12 ! filesink");
    std::fs::write(replacements.path().join("output/mp4.launch"), broken).unwrap();
    let broken = Descriptions::with_replacements(replacements.path()).unwrap();

    let mix = Mix::start("failing", MixSettings::default(), &Descriptions::built_in()).await.unwrap();
    let catalogue = catalogue(folder.path()).await;
    let good = record(&catalogue, &Descriptions::built_in(), &mix).await;
    let bad = record(&catalogue, &broken, &mix).await;
    let mut manifest = bad.manifest();
    let ended = manifest.wait_for(|manifest| manifest.state != State::Recording);
    let ended = tokio::time::timeout(DEADLINE, ended).await.expect("it ends by itself").unwrap().clone();
    assert_eq!(ended.state, State::Failed);
    assert!(ended.error.is_some());
    let good = good.stop().await;
    assert_eq!(good.state, State::Complete, "{:?}", good.error);
    let length = duration(&folder.path().join(format!("{}.mp4", good.id)));
    assert!((length - good.duration_ms as f64 / 1000.0).abs() < 0.1, "{length} {}", good.duration_ms);
}

/// Not a test: says what a mix costs. Run it alone, with `--release --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn the_cost_of_a_mix() {
    begin();
    for (count, moving) in [(3, false), (9, false), (3, true), (9, true)] {
        let mix = Mix::start("cost", MixSettings::default(), &Descriptions::built_in()).await.unwrap();
        let ball = Some(((640, 360), [NOISE, 0, 0]));
        let all: Vec<_> = (0..count).map(|index| Synthetic::new(&format!("p{index}"), ball, Codec::Vp8, 400)).collect();
        all.iter().for_each(|someone| someone.join(&mix));
        let encoded = mix.encode(Encoding::H264).await.unwrap();
        let _heard = mix.encode(Encoding::Aac).await.unwrap();
        videos(&mix, all.len()).await;
        let frames = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = frames.clone();
        encoded.outlet().element().static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        let before = cpu();
        for second in 0..8 {
            if moving {
                mix.set_scene(&Scene::of(if second % 2 == 0 { Layout::Speaker } else { Layout::Grid })).unwrap();
            }
            take(Duration::from_secs(1)).await;
        }
        let frames = frames.load(std::sync::atomic::Ordering::Relaxed);
        let ways = if moving { "all moving each second" } else { "at rest" };
        println!("mix of {count}, {ways}: {frames} frames in 8 s; per frame:");
        let mine = |thread: &str| !thread.starts_with("videotestsrc") && !thread.starts_with("audiotestsrc");
        let mut sum = 0.0;
        for (thread, ticks) in cpu().into_iter().filter(|(thread, _)| mine(thread)) {
            let spent = ticks.saturating_sub(before.get(&thread).copied().unwrap_or(0)) as f64 * 10.0 / frames as f64;
            println!("  {thread:16} {spent:5.2} ms");
            sum += spent;
        }
        println!("  {sum:.2} ms, or {:.0} % of a core at 30 frames a second", sum * 3.0);
    }
}

/// Processor time by name of thread, in hundredths of a second.
fn cpu() -> std::collections::BTreeMap<String, u64> {
    let mut all = std::collections::BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let (name, rest) =
            (&stat[stat.find('(').unwrap() + 1..stat.rfind(')').unwrap()], &stat[stat.rfind(')').unwrap()..]);
        let ticks = rest.split_whitespace().skip(12).take(2).map(|field| field.parse::<u64>().unwrap()).sum::<u64>();
        *all.entry(name.to_owned()).or_default() += ticks;
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mix_that_begins_late_does_not_hurry_through_the_time_before() {
    gst::init().unwrap();
    // Time has to pass for that: it begins with the first pipeline.
    while Pipeline::running_time() < gst::ClockTime::from_seconds(3) {
        take(Duration::from_millis(50)).await;
    }
    let mix = Mix::start("late", MixSettings::default(), &Descriptions::built_in()).await.unwrap();
    let mut taken = Vec::new();
    for encoding in [Encoding::H264, Encoding::Opus] {
        let encoded = mix.encode(encoding).await.unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let pad = encoded.outlet().element().static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        taken.push((encoded, count));
    }
    let begun = Instant::now();
    while taken.iter().any(|(_, count)| count.load(Ordering::Relaxed) == 0) {
        assert!(begun.elapsed() < Duration::from_secs(10), "nothing is mixed");
        take(Duration::from_millis(5)).await;
    }
    take(Duration::from_millis(500)).await;
    let counts: Vec<_> = taken.iter().map(|(_, count)| count.load(Ordering::Relaxed)).collect();
    let seconds = begun.elapsed().as_secs_f64();
    for (count, rate) in counts.iter().zip([30.0, 50.0]) {
        assert!(*count as f64 <= seconds * rate + 5.0, "{counts:?} after {seconds} s");
    }
}
