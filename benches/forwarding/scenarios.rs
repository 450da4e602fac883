//! What is measured: each scenario gets a fresh server and a fresh load.
//!
//! Invariant: every wait has a deadline, so each scenario ends by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::account::{Server, Usage, socket_drops};
use crate::load::{Index, Load};
use crate::packets::FRAME;
use crate::report::{Churn, Forwarding, Joining, millis, percentile};

const SETTLE: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_millis(500);
/// Windows tried until one is valid; another program on our core makes a sample void, not wrong.
const ATTEMPTS: u32 = 3;

/// Adds the end of the server's log to an error, which usually holds its cause.
fn with_log<T>(server: &Server, result: Result<T>) -> Result<T> {
    result.with_context(|| format!("the server's last words:\n{}\n", server.log()))
}

/// One publisher and its viewers, or a mesh in which everybody sees everybody else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// One publisher with that many viewers.
    Fan(usize),
    /// That many participants, each publishing and receiving all others.
    Mesh(usize),
}

impl Shape {
    fn name(self) -> String {
        match self {
            Self::Fan(viewers) => format!("1x{viewers}"),
            Self::Mesh(size) => format!("mesh{size}"),
        }
    }
}

/// Measures forwarding over a window of the given length.
pub(crate) fn forwarding(program: &Path, shape: Shape, window: Duration) -> Result<Forwarding> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    with_log(&server, measure_forwarding(&server, &mut load, shape, window))
}

fn measure_forwarding(server: &Server, load: &mut Load, shape: Shape, window: Duration) -> Result<Forwarding> {
    let (before, connections) = match shape {
        Shape::Fan(viewers) => fan(server, load, viewers)?,
        Shape::Mesh(size) => mesh(server, load, size)?,
    };
    load.run_to(Instant::now() + SETTLE)?;
    let mut row = sample(server, load, shape, window, (before, connections))?;
    for _ in 1..ATTEMPTS {
        if row.void.is_some() {
            row = sample(server, load, shape, window, (before, connections))?;
        }
    }
    Ok(row)
}

/// One window over connections that stand; `base` is the reading before they came, and their number.
fn sample(
    server: &Server,
    load: &mut Load,
    shape: Shape,
    window: Duration,
    base: (Usage, usize),
) -> Result<Forwarding> {
    let (before, connections) = base;
    let ports = load.ports();
    let drops = socket_drops(&ports)?;
    let own = Usage::of(std::process::id())?;
    let start = server.usage()?;
    let opened = Instant::now();
    let end = load.measure(window);
    load.run_to(end)?;
    let finish = server.usage()?;
    let own_time = Usage::of(std::process::id())?.time_since(&own);
    let elapsed = opened.elapsed();
    load.run_to(Instant::now() + DRAIN)?;
    let drops_after = socket_drops(&ports)?;

    let sent = load.sent();
    let expected = load.tallies().map(|(number, _)| sent.packets[usize::from(number)]).sum();
    let mut delays: Vec<f64> =
        load.tallies().flat_map(|(_, tally)| tally.delays.iter().map(|micros| f64::from(*micros) / 1000.0)).collect();
    let delivered: u64 = load.tallies().map(|(_, tally)| tally.delivered).sum();
    let time = finish.time_since(&start);
    let lost_here = drops_after.0 - drops.0;
    let per_connection = |after: u64, before: u64| (after as f64 - before as f64) / connections as f64;
    Ok(Forwarding {
        scenario: shape.name(),
        cpu_us_per_packet: time.as_secs_f64() * 1e6 / delivered.max(1) as f64,
        cpu_percent: 100.0 * time.as_secs_f64() / elapsed.as_secs_f64(),
        packets_per_second: delivered as f64 / window.as_secs_f64(),
        threads: finish.threads,
        threads_per_connection: per_connection(finish.threads, before.threads),
        rss_kb_per_connection: per_connection(finish.rss, before.rss) / 1024.0,
        delay_p50_ms: percentile(&mut delays, 0.5),
        delay_p99_ms: percentile(&mut delays, 0.99),
        lost_by_sequence: load.tallies().map(|(_, tally)| tally.gaps()).sum(),
        delivered,
        expected,
        duplicates: load.tallies().map(|(_, tally)| tally.duplicates).sum(),
        strays: load.tallies().map(|(_, tally)| tally.strays).sum(),
        generator_lag_ms: millis(sent.lag),
        generator_cpu_percent: 100.0 * own_time.as_secs_f64() / elapsed.as_secs_f64(),
        server_socket_drops: drops_after.1.saturating_sub(drops.1),
        void: if sent.lag > FRAME {
            Some(format!("the generator was {:.0} ms late", millis(sent.lag)))
        } else if lost_here > 0 {
            Some(format!("the viewers' own sockets dropped {lost_here} datagrams"))
        } else {
            None
        },
    })
}

/// The baseline is taken with the publisher up, so the slope is that of viewers alone.
fn fan(server: &Server, load: &mut Load, viewers: usize) -> Result<(Usage, usize)> {
    let publisher = publish(load, "bench", "publisher")?;
    let before = server.usage()?;
    let mut subscriptions = Vec::new();
    for viewer in 0..viewers {
        let session = load.join("bench", &format!("viewer{viewer}"))?;
        subscriptions.push(load.subscribe(session, publisher)?);
        load.run_until("a viewer gets an answer", |load| is_answered(load, &subscriptions))?;
    }
    wait_flowing(load, &subscriptions)?;
    Ok((before, viewers))
}

/// The baseline is the idle server: here a connection is any of publishing and subscribing.
fn mesh(server: &Server, load: &mut Load, size: usize) -> Result<(Usage, usize)> {
    let before = server.usage()?;
    let sessions: Vec<Index> =
        (0..size).map(|number| load.join("bench", &format!("member{number}"))).collect::<Result<_>>()?;
    let publishers: Vec<Index> = sessions.iter().map(|session| load.publish(*session)).collect::<Result<_>>()?;
    wait_flowing(load, &publishers)?;
    let mut subscriptions = Vec::new();
    for (viewer, session) in sessions.iter().enumerate() {
        for (_, publisher) in publishers.iter().enumerate().filter(|(number, _)| *number != viewer) {
            subscriptions.push(load.subscribe(*session, *publisher)?);
        }
        load.run_until("a member gets its answers", |load| is_answered(load, &subscriptions))?;
    }
    wait_flowing(load, &subscriptions)?;
    Ok((before, size * size))
}

fn publish(load: &mut Load, room: &str, name: &str) -> Result<Index> {
    let session = load.join(room, name)?;
    let publisher = load.publish(session)?;
    wait_flowing(load, &[publisher])?;
    Ok(publisher)
}

fn is_answered(load: &Load, connections: &[Index]) -> bool {
    connections.iter().all(|index| load.steps(*index).is_ok_and(|steps| steps.answered.is_some()))
}

fn wait_flowing(load: &mut Load, connections: &[Index]) -> Result<()> {
    let what = format!("{} connections are up and media flows", connections.len());
    load.run_until(&what, |load| connections.iter().all(|index| load.is_flowing(*index)))
}

/// Measures the steps of a join, one subscriber after the other.
pub(crate) fn joining(program: &Path, subscribers: usize) -> Result<Joining> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    with_log(&server, measure_joining(&mut load, subscribers))
}

fn measure_joining(load: &mut Load, subscribers: usize) -> Result<Joining> {
    let publisher = publish(load, "bench", "publisher")?;
    let mut phases = [const { Vec::new() }; 3];
    for subscriber in 0..subscribers {
        let session = load.join("bench", &format!("viewer{subscriber}"))?;
        let subscription = load.subscribe(session, publisher)?;
        wait_flowing(load, &[subscription])?;
        let steps = load.steps(subscription)?;
        for (phase, at) in phases.iter_mut().zip([steps.answered, steps.connected, steps.media]) {
            phase.extend(at.map(|at| millis(at.saturating_duration_since(steps.offered))));
        }
    }
    let [answer, connected, media] = &mut phases;
    Ok(Joining {
        connections: subscribers,
        answer_p50_ms: percentile(answer, 0.5),
        answer_p99_ms: percentile(answer, 0.99),
        connected_p50_ms: percentile(connected, 0.5),
        connected_p99_ms: percentile(connected, 0.99),
        media_p50_ms: percentile(media, 0.5),
        media_p99_ms: percentile(media, 0.99),
    })
}

/// Measures what joining and leaving leaves behind.
pub(crate) fn churn(program: &Path, cycles: u32) -> Result<Churn> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    with_log(&server, measure_churn(&server, &mut load, cycles))
}

fn measure_churn(server: &Server, load: &mut Load, cycles: u32) -> Result<Churn> {
    // The first cycles fill caches and thread pools that stay; they are not a leak.
    let warm_up = (cycles / 10).max(2);
    for cycle in 0..warm_up {
        come_and_go(load, cycle)?;
    }
    let before = settle(server, load)?;
    let mut times = Vec::new();
    for cycle in warm_up..warm_up + cycles {
        let start = Instant::now();
        come_and_go(load, cycle)?;
        times.push(millis(start.elapsed()));
    }
    let after = settle(server, load)?;
    Ok(Churn {
        cycles,
        cycle_p50_ms: percentile(&mut times, 0.5),
        threads: [before.threads, after.threads],
        descriptors: [before.descriptors, after.descriptors],
        rss_kb: [before.rss / 1024, after.rss / 1024],
        rss_kb_per_cycle: (after.rss as f64 - before.rss as f64) / 1024.0 / f64::from(cycles),
    })
}

/// A room of its own for each cycle, so that rooms are churned as well.
fn come_and_go(load: &mut Load, cycle: u32) -> Result<()> {
    let room = format!("churn{cycle}");
    let speaker = load.join(&room, "speaker")?;
    let publisher = load.publish(speaker)?;
    wait_flowing(load, &[publisher])?;
    let viewer = load.join(&room, "viewer")?;
    let subscription = load.subscribe(viewer, publisher)?;
    load.run_until("media reaches the viewer", |load| load.has_media(subscription))?;
    load.leave(viewer);
    load.leave(speaker);
    Ok(())
}

/// Reads the server once its thread count has stood still for two seconds, or after ten.
fn settle(server: &Server, load: &mut Load) -> Result<Usage> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut last = server.usage()?;
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) && Instant::now() < deadline {
        load.run_to(Instant::now() + Duration::from_millis(100))?;
        let now = server.usage()?;
        if (now.threads, now.descriptors) != (last.threads, last.descriptors) {
            since = Instant::now();
        }
        last = now;
    }
    Ok(last)
}
