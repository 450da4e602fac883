//! The judge of recordings: decodes a file with ffmpeg, which had no part in making it, and tells from the pictures and
//! the sound alone who was seen where, who was heard, and how far apart their flashes and beeps are.
//!
//! Times are seconds on the file's own time line. `tests/judge.rs` holds the judge against files with known faults.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::source::Look;

/// Samples per second of the decoded sound.
const SAMPLES: usize = 48_000;
/// One window in which a tone is measured, and how far apart windows begin.
const WINDOW: usize = SAMPLES / 100;
const HOP: usize = SAMPLES / 500;
/// A flash or a beep that belongs to another is at most this far from it.
const PAIR: f64 = 0.45;

/// A part of the picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Rect {
    /// The middle half of it, away from borders, names and neighbours.
    fn middle(self) -> Self {
        let Self { x, y, width, height } = self;
        Self { x: x + width / 4, y: y + height / 4, width: (width / 2).max(1), height: (height / 2).max(1) }
    }
}

/// A decoded recording: for each picture its time and the mean colours of the tiles, and all of the sound.
#[derive(Debug)]
pub struct Recording {
    /// The codecs in it, sorted.
    pub codecs: Vec<String>,
    /// How long the container says it is.
    pub duration: f64,
    /// The size of its picture.
    pub size: (usize, usize),
    /// When each picture is shown.
    pub times: Vec<f64>,
    /// For each tile, the mean colour of each picture.
    pub tiles: Vec<Vec<[f64; 3]>>,
    /// When each packet of sound begins.
    pub packets: Vec<f64>,
    /// The sound as one channel.
    pub sound: Vec<f32>,
}

/// How far a participant's sound is from its picture, in seconds, positive when the sound is late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offset {
    /// The middle one.
    pub median: f64,
    /// All of them, on the average.
    pub mean: f64,
    /// Four of five are at most this far from zero.
    pub most: f64,
    /// Nineteen of twenty are.
    pub p95: f64,
    /// The one farthest from zero.
    pub worst: f64,
    /// How many flashes had a beep.
    pub pairs: usize,
}

impl Offset {
    /// What some offsets amount to, if there are any.
    pub fn of(mut offsets: Vec<f64>) -> Option<Self> {
        offsets.sort_by(f64::total_cmp);
        let worst = offsets.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
        let pairs = offsets.len();
        let mut sizes: Vec<f64> = offsets.iter().map(|offset| offset.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let mean = offsets.iter().sum::<f64>() / pairs as f64;
        let (most, p95) = (sizes[(pairs * 4).div_ceil(5) - 1], sizes[(pairs * 19).div_ceil(20) - 1]);
        Some(Self { median: offsets[pairs / 2], mean, most, p95, worst, pairs })
    }
}

impl Recording {
    /// Decodes the file at `path` and measures `tiles` in it. A file that does not say how long it is is no good one.
    pub fn open(path: &Path, tiles: &[Rect]) -> Self {
        let recording = Self::read(path, tiles);
        assert!(recording.duration.is_finite(), "{} does not say how long it is", path.display());
        recording
    }

    /// As [`Recording::open`], for a file that was cut off; its duration may not be a number.
    pub fn read(path: &Path, tiles: &[Rect]) -> Self {
        let about = probe(path, &["-show_entries", "format=duration:stream=codec_name,width,height"]);
        let number = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)?.parse::<f64>().ok());
        let duration = number("duration=").unwrap_or(f64::NAN);
        let size = (number("width=").unwrap_or(0.0) as usize, number("height=").unwrap_or(0.0) as usize);
        let frames = probe(path, &["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]);
        let times: Vec<f64> = values(&frames, "best_effort_timestamp_time=");
        let tiles = if size.0 == 0 { Vec::new() } else { measure(path, size, tiles) };
        for tile in &tiles {
            assert_eq!(tile.len(), times.len(), "{} has as many pictures as times", path.display());
        }
        let packets = probe(path, &["-select_streams", "a:0", "-show_entries", "packet=pts_time"]);
        let packets = values(&packets, "pts_time=");
        let mut codecs: Vec<String> =
            about.lines().filter_map(|line| line.strip_prefix("codec_name=")).map(Into::into).collect();
        codecs.sort();
        Self { codecs, duration, size, times, tiles, packets, sound: listen(path) }
    }

    /// The mean colour of a tile between two times, flashes left out.
    pub fn colour(&self, tile: usize, begin: f64, end: f64) -> [f64; 3] {
        let plain = self.between(tile, begin, end).into_iter().filter(|colour| !is_white(*colour));
        let colours: Vec<[f64; 3]> = plain.collect();
        assert!(!colours.is_empty(), "tile {tile} shows something other than white between {begin} and {end}");
        [0, 1, 2].map(|part| colours.iter().map(|colour| colour[part]).sum::<f64>() / colours.len() as f64)
    }

    /// How much of the time between `begin` and `end` a tile shows the look of a participant, flashes counted in.
    pub fn presence(&self, tile: usize, look: Look, begin: f64, end: f64) -> f64 {
        let seen = self.between(tile, begin, end);
        let shown = seen.iter().filter(|colour| is_like_in_flash(**colour, look)).count();
        shown as f64 / seen.len().max(1) as f64
    }

    /// When a tile turns white.
    pub fn flashes(&self, tile: usize) -> Vec<f64> {
        let mut before = true;
        let turned = self.tiles[tile].iter().zip(&self.times).filter(|(colour, _)| {
            let white = is_white(**colour);
            let was_white = std::mem::replace(&mut before, white);
            white && !was_white
        });
        turned.map(|(_, time)| *time).collect()
    }

    /// How loud a tone is where it is loudest.
    pub fn loudest(&self, pitch: f64) -> f64 {
        self.levels(pitch).into_iter().fold(0.0, f64::max)
    }

    fn levels(&self, pitch: f64) -> Vec<f64> {
        let windows = (0..self.sound.len().saturating_sub(WINDOW)).step_by(HOP);
        windows.map(|at| goertzel(&self.sound[at..at + WINDOW], pitch, SAMPLES as f64)).collect()
    }

    /// When a tone begins to sound.
    pub fn beeps(&self, pitch: f64) -> Vec<f64> {
        let levels = self.levels(pitch);
        let loudest = levels.iter().copied().fold(0.0, f64::max);
        // Half of the loudest is passed when half of the window is within the beep.
        let (bound, mut onsets, mut quiet) = ((loudest / 2.0).max(0.01), Vec::new(), usize::MAX);
        for (index, level) in levels.iter().enumerate() {
            if *level < bound {
                quiet = quiet.saturating_add(1);
                continue;
            }
            // Beeps are most of a second apart: a shorter silence is a dent in one.
            if quiet > SAMPLES / HOP / 5 {
                onsets.push((index * HOP + WINDOW / 2) as f64 / SAMPLES as f64);
            }
            quiet = 0;
        }
        onsets
    }

    /// Whether a tile is white at some time between two.
    pub fn is_white_between(&self, tile: usize, begin: f64, end: f64) -> bool {
        self.between(tile, begin, end).into_iter().any(is_white)
    }

    /// When a tile turns white, and how much later the beep of a pitch that belongs to it begins.
    pub fn offsets(&self, tile: usize, pitch: f64) -> Vec<(f64, f64)> {
        let beeps = self.beeps(pitch);
        let nearest = |flash: f64| {
            let distances = beeps.iter().map(|beep| beep - flash);
            let nearest = distances.min_by(|a, b| a.abs().total_cmp(&b.abs()));
            nearest.filter(|distance| distance.abs() < PAIR).map(|distance| (flash, distance))
        };
        self.flashes(tile).into_iter().filter_map(nearest).collect()
    }

    /// How far the beeps of a pitch are from the flashes of a tile.
    pub fn offset(&self, tile: usize, pitch: f64) -> Option<Offset> {
        Offset::of(self.offsets(tile, pitch).into_iter().map(|(_, offset)| offset).collect())
    }

    /// The longest time between two pictures.
    pub fn longest_picture(&self) -> f64 {
        longest(&self.times)
    }

    /// The longest time between two packets of sound.
    pub fn longest_silence_of_packets(&self) -> f64 {
        longest(&self.packets)
    }

    /// Where pictures are farther apart than `bound`: when that begins, and when it ends.
    pub fn holes(&self, bound: f64) -> Vec<(f64, f64)> {
        self.times.windows(2).filter(|pair| pair[1] - pair[0] > bound).map(|pair| (pair[0], pair[1])).collect()
    }

    /// How much of the time between `begin` and `end` a tile shows the name of somebody instead of a picture: a disc and
    /// letters on a dark panel, brighter than an empty canvas.
    pub fn named(&self, tile: usize, look: Look, begin: f64, end: f64) -> f64 {
        let seen = self.between(tile, begin, end);
        let is_name = |colour: &&[f64; 3]| {
            let brightest = colour.iter().copied().fold(0.0, f64::max);
            !is_like_in_flash(**colour, look) && (45.0..145.0).contains(&brightest)
        };
        seen.iter().filter(is_name).count() as f64 / seen.len().max(1) as f64
    }

    fn between(&self, tile: usize, begin: f64, end: f64) -> Vec<[f64; 3]> {
        let inside = |time: &f64| (begin..end).contains(time);
        let pictures = self.tiles[tile].iter().zip(&self.times).filter(|(_, time)| inside(time));
        pictures.map(|(colour, _)| *colour).collect()
    }
}

/// How long a file says it is, and the size of its picture: at no cost, since nothing is decoded.
pub fn about(path: &Path) -> (f64, (usize, usize)) {
    let about = probe(path, &["-show_entries", "format=duration:stream=width,height"]);
    let first = |key: &str| values(&about, key).first().copied();
    let side = |key: &str| first(key).map_or(0, |side| side as usize);
    (first("duration=").unwrap_or(f64::NAN), (side("width="), side("height=")))
}

/// When the pictures are shown that need none before them.
pub fn keyframes(path: &Path) -> Vec<f64> {
    let packets = probe(path, &["-select_streams", "v:0", "-show_entries", "packet=pts_time,flags"]);
    let flags = packets.lines().filter_map(|line| line.strip_prefix("flags="));
    let all = values(&packets, "pts_time=").into_iter().zip(flags);
    all.filter(|(_, flags)| flags.starts_with('K')).map(|(time, _)| time).collect()
}

/// The sizes of the pictures in a file, one after the other.
pub fn sizes(path: &Path) -> Vec<(usize, usize)> {
    let frames = probe(path, &["-select_streams", "v:0", "-show_entries", "frame=width,height"]);
    let sides = |key: &str| values(&frames, key).into_iter().map(|side| side as usize);
    let mut sizes: Vec<_> = sides("width=").zip(sides("height=")).collect();
    sizes.dedup();
    sizes
}

/// Where the picture at a time shows the colour of each look: the rows and columns that hold much of it.
pub fn locate(path: &Path, time: f64, looks: &[Look]) -> Vec<Option<Rect>> {
    let about = probe(path, &["-select_streams", "v:0", "-show_entries", "stream=width,height"]);
    let size = |key: &str| values(&about, key).first().map_or(0, |value| *value as usize);
    let (width, height) = (size("width="), size("height="));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path).args(["-ss", &time.to_string(), "-frames:v", "1"]);
    let output = command.args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]).output().expect("ffmpeg runs");
    assert_eq!(output.stdout.len(), width * height * 3, "a picture at {time} in {}", path.display());
    looks.iter().map(|look| extent(&output.stdout, (width, height), *look)).collect()
}

fn extent(picture: &[u8], (width, height): (usize, usize), look: Look) -> Option<Rect> {
    let (mut columns, mut rows) = (vec![0; width], vec![0; height]);
    for (index, pixel) in picture.chunks_exact(3).enumerate() {
        if is_like([pixel[0], pixel[1], pixel[2]].map(f64::from), look) {
            columns[index % width] += 1;
            rows[index / width] += 1;
        }
    }
    // Half of the fullest: letters and rounded corners neither end a tile nor make one.
    let span = |counts: &[usize], least: usize| {
        let bound = (counts.iter().max()? / 2).max(least);
        let first = counts.iter().position(|count| *count >= bound)?;
        let last = counts.iter().rposition(|count| *count >= bound)?;
        Some((first, last + 1 - first))
    };
    let ((x, width), (y, height)) = (span(&columns, height / 10)?, span(&rows, width / 10)?);
    Some(Rect { x, y, width, height })
}

/// How much of a pitch there is in some samples: the amplitude of that sine.
pub fn goertzel(samples: &[f32], pitch: f64, rate: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let turn = std::f64::consts::TAU * pitch / rate;
    let (mut last, mut before) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        // A Hann window keeps a loud neighbour from leaking in.
        let window = 1.0 - (std::f64::consts::TAU * index as f64 / samples.len() as f64).cos();
        (last, before) = (f64::from(*sample) * window + 2.0 * turn.cos() * last - before, last);
    }
    let power = last * last + before * before - 2.0 * turn.cos() * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// More than half on the way to white: no look has more than 90 of each of red, green and blue.
fn is_white(colour: [f64; 3]) -> bool {
    colour.iter().all(|part| *part > 145.0)
}

/// Whether a colour is the one of a look, or on its way from there to white: an encoder may take a picture or two.
fn is_like_in_flash(colour: [f64; 3], look: Look) -> bool {
    let base = look.colour.map(f64::from);
    let (mut along, mut length) = (0.0, 0.0);
    for part in 0..3 {
        along += (colour[part] - base[part]) * (255.0 - base[part]);
        length += (255.0 - base[part]).powi(2);
    }
    let way = (along / length).clamp(0.0, 1.0);
    (0..3).all(|part| (base[part] + way * (255.0 - base[part]) - colour[part]).abs() < 30.0)
}

/// Whether a colour is the one of a look, with what two encodes and a change of colour matrix do to it.
pub fn is_like(colour: [f64; 3], look: Look) -> bool {
    colour.iter().zip(look.colour).all(|(seen, sent)| (seen - f64::from(sent)).abs() < 30.0)
}

fn longest(times: &[f64]) -> f64 {
    times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

fn values(text: &str, key: &str) -> Vec<f64> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.parse().ok()).collect()
}

fn probe(path: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "default=noprint_wrappers=1"]).args(arguments).arg(path);
    let output = command.output().expect("ffprobe runs");
    assert!(output.status.success(), "{} is not playable: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Decodes all pictures, one at a time, and keeps what the tiles look like.
fn measure(path: &Path, (width, height): (usize, usize), tiles: &[Rect]) -> Vec<Vec<[f64; 3]>> {
    for tile in tiles {
        assert!(tile.x + tile.width <= width && tile.y + tile.height <= height, "{tile:?} in {width}x{height}");
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path).args(["-map", "0:v:0", "-fps_mode", "passthrough"]);
    command.args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("ffmpeg runs");
    let mut stream = child.stdout.take().expect("piped");
    let (mut picture, mut means) = (vec![0; width * height * 3], vec![Vec::new(); tiles.len()]);
    while stream.read_exact(&mut picture).is_ok() {
        for (tile, means) in tiles.iter().zip(&mut means) {
            means.push(mean(&picture, width, tile.middle()));
        }
    }
    assert!(child.wait().expect("a child of ours").success(), "the pictures of {} decode", path.display());
    means
}

fn mean(picture: &[u8], width: usize, part: Rect) -> [f64; 3] {
    let mut sums = [0u64; 3];
    for row in part.y..part.y + part.height {
        let begin = (row * width + part.x) * 3;
        for pixel in picture[begin..begin + part.width * 3].chunks_exact(3) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
    }
    sums.map(|sum| sum as f64 / (part.width * part.height) as f64)
}

/// Decodes all sound onto the file's time line: what begins late begins with silence, and gaps are silence.
pub fn listen(path: &Path) -> Vec<f32> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(path).args(["-map", "0:a:0?", "-af", "aresample=async=1:first_pts=0"]);
    command.args(["-ac", "1", "-ar", "48000", "-f", "f32le", "-"]).stdin(Stdio::null());
    let output = command.output().expect("ffmpeg runs");
    let samples = output.stdout.chunks_exact(4);
    samples.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
}
