//! Somebody who watches: ffmpeg decodes what comes, at once, and each picture is timed when it is there.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use crate::common::process::signal;
use crate::common::source;

/// Pictures are looked at in small: the middle of them is enough.
const SIZE: (usize, usize) = (32, 18);
/// Brighter than any of the colours that people have, and darker than a flash.
const BRIGHT: f64 = 170.0;

/// A picture that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// When, by the clock of the sources.
    pub(crate) at: f64,
    /// Whether somebody flashes in its middle.
    pub(crate) bright: bool,
}

/// Somebody who watches, until finished or dropped.
pub(crate) struct Viewer {
    child: Child,
    reading: Option<JoinHandle<Vec<Seen>>>,
}

/// As players with little delay do: nothing kept, one picture at a time.
const AT_ONCE: [&str; 7] = ["-v", "error", "-y", "-flags", "low_delay", "-threads", "1"];

impl Viewer {
    /// A server of RTMP, to which one stream is pushed; a copy of it goes into a file, if one is wanted.
    pub(crate) fn of_rtmp(url: &str, copy: Option<&Path>) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(AT_ONCE).args(["-fflags", "nobuffer", "-listen", "1", "-i", url]);
        if let Some(copy) = copy {
            command.args(["-map", "0", "-c", "copy"]).arg(copy);
        }
        command.stdin(Stdio::null());
        Self::start(&mut command)
    }

    /// Of what is written into its standard input: fragmented MP4.
    pub(crate) fn of_pieces() -> (Self, ChildStdin) {
        let mut command = Command::new("ffmpeg");
        command.args(AT_ONCE).args(["-f", "mp4", "-i", "pipe:0"]).stdin(Stdio::piped());
        let mut viewer = Self::start(&mut command);
        let pieces = viewer.child.stdin.take().expect("piped");
        (viewer, pieces)
    }

    fn start(command: &mut Command) -> Self {
        let (width, height) = SIZE;
        let scale = format!("scale={width}:{height}:flags=neighbor");
        command.args(["-map", "0:v:0", "-vf", &scale, "-fps_mode", "passthrough", "-pix_fmt", "gray"]);
        command.args(["-flush_packets", "1", "-f", "rawvideo", "pipe:1"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("ffmpeg runs");
        let mut pictures = child.stdout.take().expect("piped");
        let reading = std::thread::spawn(move || {
            let (mut picture, mut all) = (vec![0; width * height], Vec::new());
            while pictures.read_exact(&mut picture).is_ok() {
                let at = source::now();
                let rows = height / 2 - 2..height / 2 + 2;
                let middle = rows.flat_map(|row| (width / 2 - 2..width / 2 + 2).map(move |x| row * width + x));
                let sum: f64 = middle.map(|index| f64::from(picture[index])).sum();
                all.push(Seen { at, bright: sum / 16.0 > BRIGHT });
            }
            all
        });
        Self { child, reading: Some(reading) }
    }

    /// Lets it end, and gives what it has seen. Blocks.
    pub(crate) fn finish(mut self) -> Vec<Seen> {
        signal(self.child.id(), "INT");
        let seen = self.reading.take().and_then(|reading| reading.join().ok()).unwrap_or_default();
        let _ = self.child.wait();
        seen
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pictures in which a flash begins: their indices, and when they came.
pub(crate) fn flashes(seen: &[Seen]) -> Vec<(usize, f64)> {
    let turned = seen.windows(2).enumerate().filter(|(_, pair)| pair[1].bright && !pair[0].bright);
    turned.map(|(index, pair)| (index + 1, pair[1].at)).collect()
}
