//! The chain of a mix against ffmpeg's: the same files, the same tiles, the same settings of x264.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plenum::mix::layout::Placement;

use crate::Options;
use crate::ours::VALUES;
use crate::process::{said, spent};
use crate::report::{Goal, Report, median};

pub(crate) const PICTURES_A_SECOND: u32 = 25;
/// What was asked.
const ASKED: Goal = Goal::AtMost(0.8, "times ffmpeg's", 2);

/// Where each of so many is on a canvas of 1280x720: without a gap, and stretched where that takes it.
pub(crate) fn tiles(count: usize) -> Vec<Placement> {
    let columns = (1..).find(|columns| columns * columns >= count).unwrap_or(1);
    let side = |index: usize| u32::try_from(index).expect("few");
    let (width, height) = ((VALUES.width / side(columns)) & !1, (VALUES.height / side(columns)) & !1);
    let place = |index: usize| {
        let (x, y) = (side(index % columns) * width, side(index / columns) * height);
        Placement { x, y, width, height }
    };
    (0..count).map(place).collect()
}

pub(crate) fn run(options: &Options, report: &Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let seconds = if options.quick { 4 } else { options.seconds };
    let films = ["testsrc2", "mandelbrot", "testsrc"].map(|source| film(folder.path(), source, seconds));
    let pictures = f64::from(seconds * PICTURES_A_SECOND);
    for count in [4, 9] {
        let films: Vec<PathBuf> = films.iter().cycle().take(count).cloned().collect();
        let [ours, theirs, plain] = ["ours.mkv", "ffmpeg.mkv", "plain.mkv"].map(|name| folder.path().join(name));
        let mut pairs: Vec<[Duration; 3]> = Vec::new();
        // The first round is not counted: it fills caches.
        for round in 0..=options.times() {
            let pair = [
                spent(our_chain(&films, seconds, &ours)),
                spent(their_chain(&films, &theirs, true)),
                spent(their_chain(&films, &plain, false)),
            ];
            if round > 0 {
                pairs.push(pair);
            }
        }
        let each = |which: usize| median(pairs.iter().map(|pair| pair[which].as_secs_f64() * 1e3 / pictures).collect());
        let against = |which: usize| -> Vec<f64> {
            pairs.iter().map(|pair| pair[0].as_secs_f64() / pair[which].as_secs_f64()).collect()
        };
        let what = format!("{count} files of VP8, 640x360, to 1280x720 with {PICTURES_A_SECOND} pictures a second");
        let more = format!(
            "{:.1} ms a picture, ffmpeg's {:.1} (medians of {}); pairs {:.2?}",
            each(0),
            each(1),
            pairs.len(),
            against(1)
        );
        report.row(&format!("{what}, against xstack with the same settings of x264"), ASKED, median(against(1)), &more);
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len() / 1000);
        let more = format!(
            "ffmpeg's {:.1} ms; pairs {:.2?}; its film has {} kB, ours {}",
            each(2),
            against(2),
            bytes(&plain),
            bytes(&ours)
        );
        report.row(&format!("{what}, against xstack with -preset ultrafast alone"), ASKED, median(against(2)), &more);
        compare(&what, &ours, &theirs, pictures, report);
    }
}

/// Says whether both have made the same: as many pictures, by the same settings, and how like each other.
fn compare(what: &str, ours: &Path, theirs: &Path, pictures: f64, report: &Report) {
    let count = |path: &Path| {
        let mut probe = Command::new("ffprobe");
        probe.args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-count_packets",
            "-show_entries",
            "stream=nb_read_packets",
        ]);
        said(probe.args(["-of", "csv=p=0"]).arg(path)).trim_end_matches(',').parse::<f64>().unwrap_or(0.0)
    };
    let counts = [ours, theirs].map(count);
    assert!(counts.iter().all(|count| (count - pictures).abs() <= 3.0), "{counts:?} pictures of {pictures}");
    let sizes = [ours, theirs].map(|path| std::fs::metadata(path).map_or(0, |data| data.len() / 1000));
    let settings = [ours, theirs].map(settings);
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|setting| !those.contains(setting)).cloned().collect::<Vec<_>>().join(" ")
    };
    let differ = match (only(&settings[0], &settings[1]), only(&settings[1], &settings[0])) {
        _ if settings.iter().any(Vec::is_empty) => "are not said".to_owned(),
        (a, b) if a.is_empty() && b.is_empty() => "are the same".to_owned(),
        (a, b) => format!("differ in {a} and {b}"),
    };
    let mut like = Command::new("ffmpeg");
    like.args(["-v", "error", "-i"]).arg(ours).arg("-i").arg(theirs);
    let graph =
        "[0:v]crop=1278:720:0:0,setpts=N/25/TB[a];[1:v]crop=1278:720:0:0,setpts=N/25/TB[b];[a][b]psnr=stats_file=-";
    let lines = said(like.args(["-lavfi", graph, "-f", "null", "-"]));
    let values = lines.split_whitespace().filter_map(|word| word.strip_prefix("psnr_y:")?.parse::<f64>().ok());
    let likeness = median(values.collect());
    let more = format!(
        "{} and {} pictures, {} and {} kB, luma alike to {likeness:.1} dB (median); settings of x264 {differ}",
        counts[0], counts[1], sizes[0], sizes[1]
    );
    report.note(&format!("{what}: both films"), &more);
}

/// What x264 wrote into a film of its settings.
fn settings(film: &Path) -> Vec<String> {
    const MARK: &[u8] = b"options: ";
    let bytes = std::fs::read(film).expect("a film");
    let Some(at) = bytes.windows(MARK.len()).position(|part| part == MARK) else { return Vec::new() };
    let text = bytes[at + MARK.len()..].split(|byte| !byte.is_ascii_graphic() && *byte != b' ').next();
    String::from_utf8_lossy(text.unwrap_or_default()).split_whitespace().map(str::to_owned).collect()
}

/// A film of VP8 with some noise, as cameras have it.
fn film(folder: &Path, source: &str, seconds: u32) -> PathBuf {
    let path = folder.join(format!("{source}.webm"));
    let picture = format!("{source}=size=640x360:rate={PICTURES_A_SECOND},noise=alls=8:allf=t,format=yuv420p");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-t", &seconds.to_string()]);
    command.args(["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "250"]);
    spent({
        command.arg(&path);
        command
    });
    path
}

fn our_chain(films: &[PathBuf], seconds: u32, output: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the bench's own path"));
    command.args(["--seconds", &seconds.to_string(), "--film"]).args(films).arg("--output").arg(output);
    command
}

/// The same by ffmpeg: with our settings of x264, or with its own.
fn their_chain(films: &[PathBuf], output: &Path, alike: bool) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]);
    for film in films {
        command.arg("-i").arg(film);
    }
    let tiles = tiles(films.len());
    let is_scaled = (tiles[0].width, tiles[0].height) != (640, 360);
    let scaled = tiles.iter().enumerate().map(|(index, tile)| {
        let scale = format!("scale={}:{}", tile.width, tile.height);
        format!("[{index}:v]{}[t{index}];", if is_scaled { &scale } else { "null" })
    });
    let inputs = (0..tiles.len()).map(|index| format!("[t{index}]")).collect::<String>();
    let places = tiles.iter().map(|tile| format!("{}_{}", tile.x, tile.y)).collect::<Vec<_>>().join("|");
    let graph = format!("{}{inputs}xstack=inputs={}:layout={places}[v]", scaled.collect::<String>(), tiles.len());
    command.args(["-filter_complex", &graph, "-map", "[v]", "-an", "-c:v", "libx264", "-preset", "ultrafast"]);
    let (gop, rate) = (VALUES.gop.to_string(), format!("{}k", VALUES.video_kbps));
    if alike {
        command.args(["-threads", "2", "-tune", "zerolatency", "-profile:v", "main", "-bf", "0", "-g", &gop]);
        command.args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate]);
    }
    command.arg(output);
    command
}
