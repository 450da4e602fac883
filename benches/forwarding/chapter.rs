//! One window of a room full of people: what came, how well, and what it cost both sides.
//!
//! Invariant: a window in which the load itself failed is shown, and named void.

use std::fmt;

use serde::Serialize;

use crate::packets::FRAME;
use crate::report::millis;

/// One window.
#[derive(Debug, Serialize)]
pub(crate) struct Chapter {
    /// When it ended, in seconds after the room was full.
    pub(crate) seconds: f64,
    /// Video frames of those in view that arrived whole, and that were sent.
    pub(crate) frames: [u64; 2],
    /// Packets of audio per slot and second; 50 if all slots are used well.
    pub(crate) audio_per_slot: f64,
    /// Packets delivered per second, audio and video, wanted or not.
    pub(crate) packets_per_second: f64,
    /// Packets of video from outside the view.
    pub(crate) unwanted: u64,
    /// Packets under a wrong name, slots that changed hands without a keyframe, packets in no slot.
    pub(crate) faults: [u64; 3],
    /// From send to arrival.
    pub(crate) delay_p50_ms: f64,
    /// Likewise, the 99th percentile.
    pub(crate) delay_p99_ms: f64,
    /// Of the server.
    pub(crate) cpu_us_per_packet: f64,
    /// Share of one core that the server used.
    pub(crate) cpu_percent: f64,
    /// Of the server, at the end of the window.
    pub(crate) threads: u64,
    /// Resident memory of the server, at the end of the window.
    pub(crate) rss_kb: u64,
    /// How late the load was at worst.
    pub(crate) generator_lag_ms: f64,
    /// Share of one core that the load used.
    pub(crate) generator_cpu_percent: f64,
    /// Packets that the load had to decrypt.
    pub(crate) decrypted: u64,
    /// Datagrams dropped at full sockets of the load and of the server.
    pub(crate) socket_drops: [u64; 2],
}

impl Chapter {
    /// Whether all that was wanted came, and nothing under a wrong name, or the window says nothing about that.
    pub(crate) fn is_exact(&self) -> bool {
        self.void().is_some() || (self.frames[0] == self.frames[1] && self.faults == [0; 3])
    }

    /// Why it says nothing about the server, if so.
    fn void(&self) -> Option<String> {
        if self.generator_lag_ms > millis(FRAME) {
            return Some(format!("the load was {:.0} ms late", self.generator_lag_ms));
        }
        (self.socket_drops[0] > 0).then(|| format!("the load's own sockets dropped {} datagrams", self.socket_drops[0]))
    }
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:6.1} s: frames {}/{}, audio {:.1}/slot/s, {:.0} packets/s, delay {:.2}/{:.2} ms (p50/p99), \
             {:.1} us/packet, {:.0} % cpu, {} threads, RSS {} kB",
            self.seconds,
            self.frames[0],
            self.frames[1],
            self.audio_per_slot,
            self.packets_per_second,
            self.delay_p50_ms,
            self.delay_p99_ms,
            self.cpu_us_per_packet,
            self.cpu_percent,
            self.threads,
            self.rss_kb,
        )?;
        let [misnamed, torn, strays] = self.faults;
        if self.faults != [0; 3] || self.unwanted > 0 {
            write!(f, "; {misnamed} misnamed, {torn} torn, {strays} stray, {} unwanted", self.unwanted)?;
        }
        if self.socket_drops[1] > 0 {
            write!(f, "; the server's sockets dropped {} datagrams", self.socket_drops[1])?;
        }
        if let Some(reason) = self.void() {
            write!(f, "; VOID: {reason}")?;
        }
        write!(
            f,
            " (load: {:.1} ms late, {:.0} % cpu, {} decrypted)",
            self.generator_lag_ms, self.generator_cpu_percent, self.decrypted
        )
    }
}
