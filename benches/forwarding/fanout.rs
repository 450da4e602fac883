//! Forwarding: a window over standing connections, on a fresh server with a fresh load.
//!
//! Invariant: only a window in which the generator kept its time counts.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::account::{Server, Usage, socket_drops};
use crate::load::{Index, Load};
use crate::packets::FRAME;
use crate::report::{Forwarding, millis, percentile};

const SETTLE: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_millis(500);

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
    server.explain(measure_forwarding(&server, &mut load, shape, window))
}

fn measure_forwarding(server: &Server, load: &mut Load, shape: Shape, window: Duration) -> Result<Forwarding> {
    let (before, connections) = match shape {
        Shape::Fan(viewers) => fan(server, load, viewers)?,
        Shape::Mesh(size) => mesh(server, load, size)?,
    };
    load.run_to(Instant::now() + SETTLE)?;
    let mut row = sample(server, load, shape, window, (before, connections))?;
    if row.void.is_some() {
        // Another program on our core makes a sample void, not wrong; the next window is often quiet.
        row = sample(server, load, shape, window, (before, connections))?;
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
    let publisher = load.join_and_publish("bench", "publisher")?;
    let before = server.usage()?;
    let mut subscriptions = Vec::new();
    for viewer in 0..viewers {
        let session = load.join("bench", &format!("viewer{viewer}"))?;
        subscriptions.push(load.subscribe(session, publisher)?);
        load.run_until("a viewer gets an answer", |load| load.are_answered(&subscriptions))?;
    }
    load.wait_flowing(&subscriptions)?;
    Ok((before, viewers))
}

/// The baseline is the idle server: here a connection is any of publishing and subscribing.
fn mesh(server: &Server, load: &mut Load, size: usize) -> Result<(Usage, usize)> {
    let before = server.usage()?;
    let sessions: Vec<Index> =
        (0..size).map(|number| load.join("bench", &format!("member{number}"))).collect::<Result<_>>()?;
    let publishers: Vec<Index> = sessions.iter().map(|session| load.publish(*session)).collect::<Result<_>>()?;
    load.wait_flowing(&publishers)?;
    let mut subscriptions = Vec::new();
    for (viewer, session) in sessions.iter().enumerate() {
        for (_, publisher) in publishers.iter().enumerate().filter(|(number, _)| *number != viewer) {
            subscriptions.push(load.subscribe(*session, *publisher)?);
        }
        load.run_until("a member gets its answers", |load| load.are_answered(&subscriptions))?;
    }
    load.wait_flowing(&subscriptions)?;
    Ok((before, size * size))
}
