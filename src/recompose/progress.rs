//! How far it has come, for whoever waits: one line that changes on a terminal, else a line now and then.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use gstreamer as gst;

/// Without a terminal, a line follows the last one after so much of the whole, or so long.
const STEP: u64 = 5;
const PAUSE: Duration = Duration::from_secs(10);

/// Tells how far it has come.
#[derive(Debug)]
pub(super) struct Progress {
    length: gst::ClockTime,
    begun: Instant,
    terminal: bool,
    last: Option<(u64, Instant)>,
}

impl Progress {
    pub(super) fn new(length: gst::ClockTime) -> Self {
        Self { length, begun: Instant::now(), terminal: std::io::stderr().is_terminal(), last: None }
    }

    /// Tells it, unless that was just done.
    pub(super) fn tell(&mut self, at: gst::ClockTime) {
        let percent = percent(at, self.length);
        let due =
            self.terminal || self.last.is_none_or(|(told, when)| percent >= told + STEP || when.elapsed() >= PAUSE);
        if !due {
            return;
        }
        self.last = Some((percent - percent % STEP, Instant::now()));
        let line = line(at, self.length, self.begun.elapsed());
        self.say(&if self.terminal { format!("\r{line:<70}") } else { format!("{line}\n") });
    }

    /// Tells the result.
    pub(super) fn done(&self, bytes: u64, output: &std::path::Path) {
        let took = self.begun.elapsed();
        let clear = if self.terminal { format!("\r{:<70}\r", "") } else { String::new() };
        self.say(&format!(
            "{clear}{}: {} made in {:.1} s ({:.1} × real time), {:.1} MB\n",
            output.display(),
            clock(self.length),
            took.as_secs_f64(),
            speed(self.length, took),
            bytes as f64 / 1e6,
        ));
    }

    /// Leaves the line that changes, so that what is said next has one of its own.
    pub(super) fn leave(&self) {
        if self.terminal {
            self.say("\n");
        }
    }

    fn say(&self, text: &str) {
        // Nobody can be told that standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn line(at: gst::ClockTime, length: gst::ClockTime, took: Duration) -> String {
    let speed = speed(at, took);
    let left = if speed > 0.0 { (length.saturating_sub(at).nseconds() as f64 / speed) as u64 } else { 0 };
    let so_far = format!("{:3} %  {} of {}", percent(at, length), clock(at), clock(length));
    if at.is_zero() {
        return so_far;
    }
    format!("{so_far}  {speed:.1} × real time, {} to go", clock(gst::ClockTime::from_nseconds(left)))
}

fn percent(at: gst::ClockTime, length: gst::ClockTime) -> u64 {
    at.nseconds().saturating_mul(100) / length.nseconds().max(1)
}

fn speed(at: gst::ClockTime, took: Duration) -> f64 {
    at.nseconds() as f64 / 1e9 / took.as_secs_f64().max(1e-3)
}

/// A time as a player shows it.
pub(super) fn clock(time: gst::ClockTime) -> String {
    let seconds = time.seconds();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let seconds = gst::ClockTime::from_seconds;
        assert_eq!(line(seconds(0), seconds(60), Duration::ZERO), "  0 %  0:00 of 1:00");
        let half = line(seconds(1800), seconds(3600), Duration::from_secs(600));
        assert_eq!(half, " 50 %  30:00 of 1:00:00  3.0 × real time, 10:00 to go");
    }
}
