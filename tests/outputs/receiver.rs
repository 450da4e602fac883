//! Those who receive: ffmpeg, which had no part in sending; and the judge of what they got.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::DEADLINE;
use crate::common::process::signal;

/// A receiver that ends when dropped.
pub(crate) struct Receiver {
    child: Child,
    pub(crate) file: PathBuf,
}

impl Receiver {
    /// ffmpeg, which copies some seconds of what comes at `url` into a file.
    pub(crate) fn start(url: &str, options: &[&str], seconds: &str, file: &Path) -> Self {
        Self::spawn(url, options, &["-t", seconds], file)
    }

    /// The same of an RTMP server, which takes one stream, to its end.
    pub(crate) fn rtmp(url: &str, file: &Path) -> Self {
        Self::spawn(url, &["-listen", "1"], &[], file)
    }

    /// The same of a server of SRT.
    pub(crate) fn srt(port: u16, file: &Path) -> Self {
        let url = format!("srt://127.0.0.1:{port}?mode=listener");
        Self::spawn(&url, &["-analyzeduration", "2M"], &[], file)
    }

    fn spawn(url: &str, options: &[&str], more: &[&str], file: &Path) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y"]).args(options).args(["-i", url]).args(more).args(["-c", "copy"]).arg(file);
        Self { child: command.stdin(Stdio::null()).spawn().unwrap(), file: file.to_owned() }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn done(&mut self) {
        let begun = std::time::Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < DEADLINE, "the receiver does not end");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Lets it end, with its file whole.
    pub(crate) async fn finish(mut self) -> PathBuf {
        self.signal("INT");
        self.done().await;
        self.file.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn probe(file: &Path, arguments: &[&str]) -> String {
    let output = Command::new("ffprobe").args(["-v", "error"]).args(arguments).arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Codecs, and how many pictures and how much sound of a file can be decoded: some seconds of them.
pub(crate) fn judge(file: &Path) {
    let shown = probe(file, &["-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"]);
    println!("{}: {shown}", file.display());
    let frames = |codec: &str| {
        let line = shown.lines().find(|line| line.starts_with(codec)).unwrap_or_else(|| panic!("no {codec}: {shown}"));
        line.trim_end_matches(',').rsplit(',').next().unwrap().parse::<u32>().unwrap()
    };
    assert!(frames("h264") >= 60 && frames("aac") >= 90, "{shown}");
}

/// The frames of a stream, as they came.
pub(crate) struct Flow {
    /// When each is shown or heard, in seconds.
    pub(crate) times: Vec<f64>,
}

impl Flow {
    /// Of the pictures, or of the sound.
    pub(crate) fn of(file: &Path, kind: &str) -> Self {
        let shown = probe(
            file,
            &["-select_streams", &format!("{kind}:0"), "-show_entries", "packet=pts_time", "-of", "csv=p=0"],
        );
        let mut times: Vec<f64> = shown.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
        times.sort_by(f64::total_cmp);
        Self { times }
    }

    /// The longest time from one to the next, and when that is.
    pub(crate) fn longest(&self) -> (f64, f64) {
        let gaps = self.times.windows(2).map(|pair| (pair[1] - pair[0], pair[0]));
        gaps.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
    }

    /// Without its beginning: a mix that has just begun may take a moment to find its pace.
    fn under_way(mut self) -> Self {
        let first = self.times.first().copied().unwrap_or_default();
        self.times.retain(|time| *time >= first + 1.0);
        self
    }

    /// From the first to the last.
    pub(crate) fn length(&self) -> f64 {
        self.times.last().unwrap_or(&0.0) - self.times.first().unwrap_or(&0.0)
    }
}

/// That no frame is missing in a file of at least so many seconds, its first one left out, and that all can be decoded.
pub(crate) fn judge_flow(file: &Path, least: f64) {
    let (pictures, sound) = (Flow::of(file, "v").under_way(), Flow::of(file, "a").under_way());
    let rate = (pictures.times.len() - 1) as f64 / pictures.length();
    println!(
        "{}: {} pictures in {:.2} s, {rate:.2} a second, at most {:.0} ms apart, at {:.2} s; sound {:.0} ms",
        file.display(),
        pictures.times.len(),
        pictures.length(),
        pictures.longest().0 * 1e3,
        pictures.longest().1,
        sound.longest().0 * 1e3
    );
    assert!(pictures.length() >= least && sound.length() >= least, "{}: too short", file.display());
    // One more than a frame's length would be a frame that is missing: pictures are 33 ms apart, sound 21 ms.
    assert!(pictures.longest().0 < 0.05, "{}: a picture is missing", file.display());
    assert!(sound.longest().0 < 0.04, "{}: sound is missing", file.display());
    let decoded = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output();
    let said = String::from_utf8(decoded.unwrap().stderr).unwrap();
    assert!(said.is_empty(), "{}: {said}", file.display());
}
