//! Coming and going: how long a join takes, and what leaving leaves behind.
//!
//! Invariant: every wait has a deadline, so each scenario ends by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::account::{Server, Usage};
use crate::load::Load;
use crate::report::{Churn, Joining, millis, percentile};

/// Cycles end early after this; the report says how many there were.
const CHURN_LIMIT: Duration = Duration::from_secs(40);

/// Measures the steps of a join, one subscriber after the other.
pub(crate) fn joining(program: &Path, subscribers: usize) -> Result<Joining> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    server.explain(measure_joining(&mut load, subscribers))
}

fn measure_joining(load: &mut Load, subscribers: usize) -> Result<Joining> {
    let publisher = load.join_and_publish("bench", "publisher")?;
    let mut phases = [const { Vec::new() }; 3];
    for subscriber in 0..subscribers {
        let session = load.join("bench", &format!("viewer{subscriber}"))?;
        let subscription = load.subscribe(session, publisher)?;
        load.wait_flowing(&[subscription])?;
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
    server.explain(measure_churn(&server, &mut load, cycles))
}

fn measure_churn(server: &Server, load: &mut Load, cycles: u32) -> Result<Churn> {
    // The first cycles fill caches and thread pools that stay; they are not a leak.
    let warm_up = (cycles / 10).max(2);
    for cycle in 0..warm_up {
        come_and_go(load, cycle)?;
    }
    let before = settle(server, load)?;
    let mut times = Vec::new();
    let begun = Instant::now();
    for cycle in warm_up..warm_up + cycles {
        let start = Instant::now();
        if begun.elapsed() > CHURN_LIMIT {
            break;
        }
        come_and_go(load, cycle)?;
        times.push(millis(start.elapsed()));
    }
    let after = settle(server, load)?;
    // Fewer than asked for on a slow machine.
    let cycles = times.len() as u32;
    Ok(Churn {
        cycles,
        cycle_p50_ms: percentile(&mut times, 0.5),
        threads: [before.threads, after.threads],
        descriptors: [before.descriptors, after.descriptors],
        rss_kb: [before.rss / 1024, after.rss / 1024],
        rss_kb_per_cycle: (after.rss as f64 - before.rss as f64) / 1024.0 / f64::from(cycles.max(1)),
    })
}

/// A room of its own for each cycle, so that rooms are churned as well.
fn come_and_go(load: &mut Load, cycle: u32) -> Result<()> {
    let room = format!("churn{cycle}");
    let speaker = load.join(&room, "speaker")?;
    let publisher = load.publish(speaker)?;
    load.wait_flowing(&[publisher])?;
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
