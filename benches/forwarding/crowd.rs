//! A room full of people by the native protocol: everybody sends, hears the loudest and looks at nine others by slots.
//!
//! Invariant: wanted is what those in one's view sent inside the window, and nothing else.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::account::{Server, Usage, socket_drops};
use crate::chapter::Chapter;
use crate::load::{Index, Load};
use crate::namespace;
use crate::packets::{Shape, Track};
use crate::report::{millis, percentile};
use crate::slots::Slots;

const VIDEO_SLOTS: usize = 9;
const SETTLE: Duration = Duration::from_secs(2);
const DRAIN: Duration = Duration::from_millis(500);
/// A long run is told in windows of this length.
const CHAPTER: Duration = Duration::from_secs(30);

/// More than this between the first window and the last is growth: threads, and percent of memory.
const STEADY: (f64, f64) = (2.0, 3.0);

/// What room is wanted, and how it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// How many people.
    pub(crate) participants: usize,
    /// How many each can hear at once.
    pub(crate) audio_slots: usize,
    /// Whether server and load have a core each, instead of sharing all.
    pub(crate) pin: bool,
    /// One window of this length, unless
    pub(crate) window: Duration,
    /// windows until this is over are wanted.
    pub(crate) length: Duration,
}

/// What a room full of people costs.
#[derive(Debug, Serialize)]
pub(crate) struct Crowd {
    participants: usize,
    audio_slots: usize,
    pinned: bool,
    /// From the first join until everybody saw all in view.
    setup_seconds: f64,
    threads_empty: u64,
    rss_kb_empty: u64,
    threads_per_participant: f64,
    rss_kb_per_participant: f64,
    chapters: Vec<Chapter>,
}

impl Crowd {
    /// Whether all that was wanted came, and nothing under a wrong name.
    pub(crate) fn is_exact(&self) -> bool {
        self.chapters.iter().all(Chapter::is_exact)
    }
}

/// Measures a room of people.
pub(crate) fn crowd(program: &Path, setup: Setup) -> Result<Crowd> {
    namespace::place(setup.pin)?;
    let server = Server::start_placed(program, setup.pin)?;
    let mut load = Load::new(Server::address())?;
    let measured = server.explain(measure(&server, &mut load, setup));
    drop(server);
    namespace::place(true)?;
    measured
}

fn measure(server: &Server, load: &mut Load, setup: Setup) -> Result<Crowd> {
    let Setup { participants, audio_slots, pin, window, length } = setup;
    // The server has listened for some milliseconds only: what it does on its own is done after this.
    load.run_to(Instant::now() + SETTLE)?;
    let empty = server.usage()?;
    let begun = Instant::now();
    let receivers = gather(load, participants, audio_slots)?;
    let setup_seconds = begun.elapsed().as_secs_f64();
    load.run_to(Instant::now() + SETTLE)?;
    let full = Instant::now();
    let window = if length.is_zero() { window } else { CHAPTER };
    let mut chapters = Vec::new();
    // Each takes half a second more than its window.
    while chapters.is_empty() || full.elapsed() + window / 2 <= length {
        let next = chapter(server, load, &receivers, (window, audio_slots), full)?;
        // A long run should show how it goes, not only how it went.
        eprintln!("  {next}");
        chapters.push(next);
    }
    let slope = |after: u64, before: u64| (after as f64 - before as f64) / participants as f64;
    let first = &chapters[0];
    Ok(Crowd {
        participants,
        audio_slots,
        pinned: pin,
        setup_seconds,
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

/// Brings everybody in, one after another, each when the one before is connected and, if it receives, sees all in view:
/// setting up must not be an overload of its own. Gives the receiving connections.
fn gather(load: &mut Load, participants: usize, audio_slots: usize) -> Result<Vec<Index>> {
    let join = |load: &mut Load, number| load.join_native("bench", &format!("member{number}"));
    let sessions: Vec<Index> = (0..participants).map(|number| join(load, number)).collect::<Result<_>>()?;
    for (own, session) in sessions.iter().enumerate() {
        // The first are the loudest.
        let publisher = load.publish_native(*session, Shape::person(-20 - own as i8))?;
        load.wait_flowing(&[publisher]).with_context(|| format!("member{own}, to publish"))?;
    }
    let mut receivers = Vec::new();
    // Frames are whole inside windows only.
    load.measure(Duration::from_secs(600));
    let wanted = VIDEO_SLOTS.min(participants - 1);
    for (own, session) in sessions.iter().enumerate() {
        let others: Vec<Index> = seen_by(own, participants).map(|other| sessions[other]).collect();
        load.view(*session, &others)?;
        let receiver = load.receive_headers(*session, Slots::new(audio_slots, VIDEO_SLOTS))?;
        load.wait_flowing(&[receiver]).with_context(|| format!("member{own}, to receive"))?;
        load.run_until(&format!("member{own} sees all in view"), |load| {
            load.slots(receiver).is_ok_and(|slots| slots.showing() >= wanted)
        })?;
        receivers.push(receiver);
    }
    Ok(receivers)
}

fn chapter(
    server: &Server,
    load: &mut Load,
    receivers: &[Index],
    (window, audio_slots): (Duration, usize),
    full: Instant,
) -> Result<Chapter> {
    let decrypted = |load: &Load| -> Result<u64> { receivers.iter().map(|at| Ok(load.read_of(*at)?[0])).sum() };
    let decrypted_before = decrypted(load)?;
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
    let used = (audio_slots.min(receivers.len() - 1) * receivers.len()) as f64;
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
        decrypted: decrypted(load)? - decrypted_before,
        socket_drops: [drops_after.0.saturating_sub(drops.0), drops_after.1.saturating_sub(drops.1)],
    })
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "slots, {} participants, {} audio and {VIDEO_SLOTS} video slots each, {}; set up in {:.1} s",
            self.participants,
            self.audio_slots,
            if self.pinned { "server on core 0 and load on core 1" } else { "server and load on all cores" },
            self.setup_seconds
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
            let percent = 100.0 * kilobytes / first.rss_kb.max(1) as f64;
            let steady = threads <= STEADY.0 && percent <= STEADY.1;
            let verdict = if steady { "steady" } else { "GROWS" };
            writeln!(
                f,
                "  {verdict}: in {minutes:.1} minutes, first window to last, threads {threads:+.0}, RSS {kilobytes:+.0} kB ({percent:+.1} %)"
            )?;
        }
        Ok(())
    }
}
