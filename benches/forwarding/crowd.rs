//! A room full of people by the native protocol: everybody sends, hears five and looks at nine others by slots.
//!
//! Invariant: wanted is what those in one's view sent inside the window, and nothing else.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::account::{Server, Usage, socket_drops};
use crate::load::{Index, Load};
use crate::packets::{FRAME, Shape, Track};
use crate::report::{millis, percentile};
use crate::slots::Slots;

const AUDIO_SLOTS: usize = 5;
const VIDEO_SLOTS: usize = 9;
const SETTLE: Duration = Duration::from_secs(2);
const DRAIN: Duration = Duration::from_millis(500);
/// A long run is told in windows of this length.
const CHAPTER: Duration = Duration::from_secs(30);

/// One window.
#[derive(Debug, Serialize)]
pub(crate) struct Chapter {
    /// When it ended, in seconds after the room was full.
    seconds: f64,
    /// Video frames of those in view that arrived whole, and that were sent.
    frames: [u64; 2],
    /// Packets of audio per slot and second; 50 if all slots are used well.
    audio_per_slot: f64,
    /// Packets delivered per second, audio and video, wanted or not.
    packets_per_second: f64,
    /// Packets of video from outside the view.
    unwanted: u64,
    /// Packets under a wrong name, slots that changed hands without a keyframe, packets in no slot.
    faults: [u64; 3],
    delay_p50_ms: f64,
    delay_p99_ms: f64,
    cpu_us_per_packet: f64,
    cpu_percent: f64,
    threads: u64,
    rss_kb: u64,
    generator_lag_ms: f64,
    generator_cpu_percent: f64,
    /// Datagrams dropped at full sockets of the load and of the server.
    socket_drops: [u64; 2],
}

/// What a room full of people costs.
#[derive(Debug, Serialize)]
pub(crate) struct Crowd {
    participants: usize,
    threads_empty: u64,
    rss_kb_empty: u64,
    threads_per_participant: f64,
    rss_kb_per_participant: f64,
    chapters: Vec<Chapter>,
}

impl Crowd {
    /// Whether all that was wanted came, and nothing under a wrong name.
    pub(crate) fn is_exact(&self) -> bool {
        let exact = |chapter: &Chapter| chapter.frames[0] == chapter.frames[1] && chapter.faults == [0; 3];
        self.chapters.iter().all(|chapter| chapter.void().is_some() || exact(chapter))
    }
}

/// Measures a room of `participants` for a window, or for windows until `length` is over.
pub(crate) fn crowd(program: &Path, participants: usize, window: Duration, length: Duration) -> Result<Crowd> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    let measured = measure(&server, &mut load, participants, (window, length));
    server.explain(measured)
}

fn measure(
    server: &Server,
    load: &mut Load,
    participants: usize,
    (window, length): (Duration, Duration),
) -> Result<Crowd> {
    // The server has listened for some milliseconds only: what it does on its own is done after this.
    load.run_to(Instant::now() + SETTLE)?;
    let empty = server.usage()?;
    let receivers = gather(load, participants)?;
    load.run_to(Instant::now() + SETTLE)?;
    let full = Instant::now();
    let window = if length.is_zero() { window } else { CHAPTER };
    let mut chapters = vec![chapter(server, load, &receivers, window, full)?];
    while full.elapsed() + window <= length {
        let next = chapter(server, load, &receivers, window, full)?;
        // A long run should show how it goes, not only how it went.
        eprintln!("  {next}");
        chapters.push(next);
    }
    let slope = |after: u64, before: u64| (after as f64 - before as f64) / participants as f64;
    let first = &chapters[0];
    Ok(Crowd {
        participants,
        threads_empty: empty.threads,
        rss_kb_empty: empty.rss / 1024,
        threads_per_participant: slope(first.threads, empty.threads),
        rss_kb_per_participant: slope(first.rss_kb, empty.rss / 1024),
        chapters,
    })
}

/// Whom the participant `own` looks at: the nine after it.
fn seen_by(own: usize, participants: usize) -> impl Iterator<Item = usize> {
    (1..=VIDEO_SLOTS.min(participants - 1)).map(move |step| (own + step) % participants)
}

/// Brings everybody in; gives the receiving connections.
fn gather(load: &mut Load, participants: usize) -> Result<Vec<Index>> {
    let join = |load: &mut Load, number| load.join_native("bench", &format!("member{number}"));
    let sessions: Vec<Index> = (0..participants).map(|number| join(load, number)).collect::<Result<_>>()?;
    for (own, session) in sessions.iter().enumerate() {
        // The first five are the loudest.
        let publisher = load.publish_native(*session, Shape::person(-20 - own as i8))?;
        load.wait_flowing(&[publisher])?;
    }
    let mut receivers = Vec::new();
    for (own, session) in sessions.iter().enumerate() {
        let others: Vec<Index> = seen_by(own, participants).map(|other| sessions[other]).collect();
        load.view(*session, &others)?;
        receivers.push(load.receive(*session, Slots::new(AUDIO_SLOTS, VIDEO_SLOTS))?);
        load.wait_flowing(&receivers)?;
    }
    // Tallies count inside windows only.
    load.measure(Duration::from_secs(60));
    let wanted = VIDEO_SLOTS.min(participants - 1);
    load.run_until("everybody sees all in view", |load| {
        receivers.iter().all(|index| load.slots(*index).is_ok_and(|slots| slots.showing() >= wanted))
    })?;
    Ok(receivers)
}

fn chapter(server: &Server, load: &mut Load, receivers: &[Index], window: Duration, full: Instant) -> Result<Chapter> {
    let ports = load.ports();
    let drops = socket_drops(&ports)?;
    let own = Usage::of(std::process::id())?;
    let (begun, start) = (Instant::now(), server.usage()?);
    let end = load.measure(window);
    load.run_to(end)?;
    let finish = server.usage()?;
    let (elapsed, own_time) = (begun.elapsed(), Usage::of(std::process::id())?.time_since(&own));
    load.run_to(Instant::now() + DRAIN)?;
    let drops_after = socket_drops(&ports)?;

    let (mut frames, mut audio, mut video, mut unwanted) = ([0; 2], 0, 0, 0);
    let (mut faults, mut delays) = ([0; 3], Vec::new());
    for (own, receiver) in receivers.iter().enumerate() {
        let slots = load.slots(*receiver)?;
        let view: Vec<usize> = seen_by(own, receivers.len()).collect();
        frames[1] += view.iter().map(|who| load.sent().video[*who][1]).sum::<u64>();
        for (who, tally) in slots.tallies() {
            audio += tally.of(Track::Audio);
            video += tally.of(Track::Video);
            if view.contains(&usize::from(*who)) {
                frames[0] += tally.frames;
            } else {
                unwanted += tally.of(Track::Video);
            }
            delays.extend(tally.delays.iter().map(|micros| f64::from(*micros) / 1000.0));
        }
        for (sum, fault) in faults.iter_mut().zip([slots.misnamed(), slots.torn, slots.strays]) {
            *sum += fault;
        }
    }
    let time = finish.time_since(&start);
    let used = (AUDIO_SLOTS.min(receivers.len() - 1) * receivers.len()) as f64;
    Ok(Chapter {
        seconds: full.elapsed().as_secs_f64(),
        frames,
        audio_per_slot: audio as f64 / used / window.as_secs_f64(),
        packets_per_second: (audio + video) as f64 / window.as_secs_f64(),
        unwanted,
        faults,
        delay_p50_ms: percentile(&mut delays, 0.5),
        delay_p99_ms: percentile(&mut delays, 0.99),
        cpu_us_per_packet: time.as_secs_f64() * 1e6 / (audio + video).max(1) as f64,
        cpu_percent: 100.0 * time.as_secs_f64() / elapsed.as_secs_f64(),
        threads: finish.threads,
        rss_kb: finish.rss / 1024,
        generator_lag_ms: millis(load.sent().lag),
        generator_cpu_percent: 100.0 * own_time.as_secs_f64() / elapsed.as_secs_f64(),
        socket_drops: [drops_after.0.saturating_sub(drops.0), drops_after.1.saturating_sub(drops.1)],
    })
}

impl Chapter {
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
        write!(f, " (load: {:.1} ms late, {:.0} % cpu)", self.generator_lag_ms, self.generator_cpu_percent)
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "slots, {} participants, {AUDIO_SLOTS} audio and {VIDEO_SLOTS} video slots each",
            self.participants
        )?;
        writeln!(
            f,
            "  threads {} empty, {:+.2} per participant; RSS {} kB empty, {:+.0} kB per participant",
            self.threads_empty, self.threads_per_participant, self.rss_kb_empty, self.rss_kb_per_participant
        )?;
        for chapter in &self.chapters {
            writeln!(f, "  {chapter}")?;
        }
        let (Some(first), Some(last)) = (self.chapters.first(), self.chapters.last()) else { return Ok(()) };
        if self.chapters.len() > 1 {
            let kilobytes = last.rss_kb as f64 - first.rss_kb as f64;
            let threads = last.threads as f64 - first.threads as f64;
            let minutes = (last.seconds - first.seconds) / 60.0;
            writeln!(f, "  growth in {minutes:.1} minutes: RSS {kilobytes:+.0} kB, threads {threads:+.0}")?;
        }
        Ok(())
    }
}
