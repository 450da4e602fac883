//! What a synthetic participant shows and says: a plain colour that turns white for the first 100 ms of each second of
//! a clock that all participants of the process share, and at the same time a beep of its own pitch; or in another
//! [`Manner`].
//!
//! A thread of its own makes pictures and sound by that clock, so their times are exact.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;

/// The size of the picture, unless its camera is turned.
pub const SIZE: (usize, usize) = (320, 240);
/// Frames per second.
pub const RATE: u64 = 25;
/// Samples per second.
pub const SAMPLES: u64 = 48_000;
/// How long flash and beep last.
pub const FLASH_MS: u64 = 100;
/// The pitch of the first participant; the others sing its multiples.
pub const PITCH: f64 = 440.0;
/// How loud a beep is: nine together stay below full scale.
const LOUDNESS: f64 = 0.1;
/// One turn of the thread: sound for this long, and a picture every other turn.
const TURN_MS: u64 = 20;

/// Colours that no video codec confuses with each other, with white or with black.
const COLOURS: [[u8; 3]; 9] = [
    [190, 30, 30],
    [30, 140, 40],
    [40, 50, 200],
    [170, 130, 20],
    [150, 40, 160],
    [20, 140, 150],
    [120, 70, 30],
    [90, 90, 180],
    [110, 150, 60],
];

/// The colour and the pitch by which a participant is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Red, green and blue.
    pub colour: [u8; 3],
    /// In hertz.
    pub pitch: f64,
}

impl Look {
    /// The look of the participant `index`, from 0 to 8.
    pub fn of(index: usize) -> Self {
        Self { colour: COLOURS[index], pitch: PITCH * (index as f64 + 1.0) }
    }
}

/// How somebody flashes and beeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Seconds from one flash and its beep to the next.
    pub every: u64,
    /// Whether the tone never stops; its pitch must then be whole hertz.
    pub hums: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { every: 1, hums: false }
    }
}

impl Manner {
    fn is_bright(self, milliseconds: u64) -> bool {
        milliseconds % (self.every * 1000) < FLASH_MS
    }
}

/// What a camera does while it sends, by the test's will; all clones are the same camera.
#[derive(Debug, Clone)]
pub struct Camera(Arc<Mutex<Option<(usize, usize)>>>);

impl Default for Camera {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(SIZE))))
    }
}

impl Camera {
    /// Pictures have another size from now on, as when somebody turns a phone.
    pub fn turn(&self, size: (usize, usize)) {
        *self.0.lock().unwrap() = Some(size);
    }

    /// No picture comes any more, and nobody says why, until it is [turned](Self::turn).
    pub fn freeze(&self) {
        *self.0.lock().unwrap() = None;
    }

    fn size(&self) -> Option<(usize, usize)> {
        *self.0.lock().unwrap()
    }
}

/// The clock and the base time of every synthetic pipeline: running time 0 is a full second of the clock.
pub fn epoch() -> (gst::Clock, gst::ClockTime) {
    static BASE: OnceLock<gst::ClockTime> = OnceLock::new();
    let clock = gst::SystemClock::obtain();
    let base = *BASE.get_or_init(|| gst::ClockTime::from_seconds(clock.time().seconds()));
    (clock, base)
}

/// What that clock says: a flash begins at every full second.
pub fn now() -> f64 {
    let (clock, base) = epoch();
    (clock.time() - base).nseconds() as f64 / 1e9
}

/// The thread that makes pictures and sound, ended when dropped.
#[derive(Debug)]
pub struct Generator {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Generator {
    /// Begins to push into the sources: raw I420 pictures, 16 bit mono samples.
    pub fn start(look: Look, manner: Manner, audio: Option<AppSrc>, video: Option<(AppSrc, Camera)>) -> Self {
        Self::run(move |stop| generate((look, manner), audio.as_ref(), video.as_ref(), stop))
    }

    /// Lets something else push, until it is told to stop.
    pub fn run(push: impl FnOnce(&AtomicBool) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || push(&stopped));
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn generate(
    (look, manner): (Look, Manner),
    audio: Option<&AppSrc>,
    video: Option<&(AppSrc, Camera)>,
    stop: &AtomicBool,
) {
    let (clock, base) = epoch();
    let mut pictures: Option<((usize, usize), gst::Buffer, gst::Buffer)> = None;
    let first = (clock.time() - base).mseconds() / (2 * TURN_MS) * 2 + 2;
    for turn in first.. {
        let begin = gst::ClockTime::from_mseconds(turn * TURN_MS);
        let _ = clock.new_single_shot_id(base + begin).wait();
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if let Some(audio) = audio {
            let samples = gst::Buffer::from_mut_slice(sound(look.pitch, manner, turn));
            let _ = audio.push_buffer(stamped(samples, begin, TURN_MS));
        }
        if let (Some((video, camera)), 0) = (video, turn % 2)
            && let Some(size) = camera.size()
        {
            if pictures.as_ref().is_none_or(|(of, ..)| *of != size) {
                video.set_caps(Some(&picture_caps(size)));
                pictures = Some((size, picture(look.colour, size), picture([255; 3], size)));
            }
            let Some((_, plain, white)) = &pictures else { continue };
            let frame = if manner.is_bright(begin.mseconds()) { white.copy() } else { plain.copy() };
            let _ = video.push_buffer(stamped(frame, begin, 2 * TURN_MS));
        }
    }
}

/// What a source of pictures of a size gives.
fn picture_caps((width, height): (usize, usize)) -> gst::Caps {
    let side = |length: usize| i32::try_from(length).expect("a size of pictures");
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", side(width))
        .field("height", side(height))
        .field("framerate", gst::Fraction::new(i32::try_from(RATE).expect("a rate"), 1))
        .build()
}

fn stamped(mut buffer: gst::Buffer, begin: gst::ClockTime, milliseconds: u64) -> gst::Buffer {
    let whole = buffer.make_mut();
    whole.set_pts(begin);
    whole.set_duration(gst::ClockTime::from_mseconds(milliseconds));
    buffer
}

/// The samples of one turn: a beep in the first 100 ms of a second, else silence, unless they hum.
fn sound(pitch: f64, manner: Manner, turn: u64) -> Vec<u8> {
    let per_turn = SAMPLES * TURN_MS / 1000;
    let samples = turn * per_turn..(turn + 1) * per_turn;
    let level = samples.map(|sample| {
        let phase = sample % SAMPLES;
        let beeps = manner.hums || manner.is_bright(sample * 1000 / SAMPLES);
        let angle = std::f64::consts::TAU * pitch * phase as f64 / SAMPLES as f64;
        if beeps { (angle.sin() * LOUDNESS * f64::from(i16::MAX)) as i16 } else { 0 }
    });
    level.flat_map(i16::to_le_bytes).collect()
}

/// One picture of a plain colour, as I420 of BT.601, rows packed: widths are multiples of 8.
fn picture([red, green, blue]: [u8; 3], (width, height): (usize, usize)) -> gst::Buffer {
    let [red, green, blue] = [red, green, blue].map(f64::from);
    let luma = 16.0 + 0.257 * red + 0.504 * green + 0.098 * blue;
    let blueness = 128.0 - 0.148 * red - 0.291 * green + 0.439 * blue;
    let redness = 128.0 + 0.439 * red - 0.368 * green - 0.071 * blue;
    let pixels = width * height;
    let mut bytes = vec![luma.round() as u8; pixels];
    bytes.extend(std::iter::repeat_n(blueness.round() as u8, pixels / 4));
    bytes.extend(std::iter::repeat_n(redness.round() as u8, pixels / 4));
    gst::Buffer::from_slice(bytes)
}
