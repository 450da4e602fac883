//! Results as a table for people and as one line of JSON for programs.
//!
//! Invariant: a void sample is shown and named void; it is never quietly left out.

use std::time::Duration;

use serde::Serialize;

use crate::crowd::Crowd;
use crate::switch::Switching;

/// A row of the forwarding table.
#[derive(Debug, Serialize)]
pub(crate) struct Forwarding {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Processor microseconds of the server per packet delivered.
    pub(crate) cpu_us_per_packet: f64,
    /// Share of one core that the server used.
    pub(crate) cpu_percent: f64,
    /// Packets delivered per second.
    pub(crate) packets_per_second: f64,
    /// Threads of the server under load.
    pub(crate) threads: u64,
    /// Threads added per connection.
    pub(crate) threads_per_connection: f64,
    /// Resident memory added per connection, in kB.
    pub(crate) rss_kb_per_connection: f64,
    /// Median delay in milliseconds.
    pub(crate) delay_p50_ms: f64,
    /// 99th percentile of the delay in milliseconds.
    pub(crate) delay_p99_ms: f64,
    /// Holes in the sequence numbers that viewers saw.
    pub(crate) lost_by_sequence: u64,
    /// Packets delivered.
    pub(crate) delivered: u64,
    /// Packets that should have been.
    pub(crate) expected: u64,
    /// Packets delivered twice.
    pub(crate) duplicates: u64,
    /// Packets that nobody asked for.
    pub(crate) strays: u64,
    /// How late the generator was at worst, in milliseconds.
    pub(crate) generator_lag_ms: f64,
    /// Share of one core that the generator used.
    pub(crate) generator_cpu_percent: f64,
    /// Datagrams dropped at full sockets of the server.
    pub(crate) server_socket_drops: u64,
    /// Why the sample says nothing about the server, if so.
    pub(crate) void: Option<String>,
}

impl Forwarding {
    /// Whether every packet arrived exactly once.
    pub(crate) fn is_exact(&self) -> bool {
        self.delivered == self.expected && self.duplicates == 0 && self.strays == 0 && self.lost_by_sequence == 0
    }

    fn verdict(&self) -> String {
        match &self.void {
            Some(reason) => format!("VOID: {reason}"),
            None if self.is_exact() => "exact".to_owned(),
            None => format!(
                "{} duplicate, {} stray, {} server drops",
                self.duplicates, self.strays, self.server_socket_drops
            ),
        }
    }
}

/// Join times of subscribers.
#[derive(Debug, Serialize)]
pub(crate) struct Joining {
    /// Connections measured.
    pub(crate) connections: usize,
    /// Offer to answer, median, milliseconds.
    pub(crate) answer_p50_ms: f64,
    /// Offer to answer, 99th percentile.
    pub(crate) answer_p99_ms: f64,
    /// Offer to ICE and DTLS up, median.
    pub(crate) connected_p50_ms: f64,
    /// Offer to ICE and DTLS up, 99th percentile.
    pub(crate) connected_p99_ms: f64,
    /// Offer to first packet, median.
    pub(crate) media_p50_ms: f64,
    /// Offer to first packet, 99th percentile.
    pub(crate) media_p99_ms: f64,
}

/// What coming and going leaves behind.
#[derive(Debug, Serialize)]
pub(crate) struct Churn {
    /// Join, publish, subscribe, leave: how often.
    pub(crate) cycles: u32,
    /// Median of a cycle in milliseconds.
    pub(crate) cycle_p50_ms: f64,
    /// Threads before and after.
    pub(crate) threads: [u64; 2],
    /// Descriptors before and after.
    pub(crate) descriptors: [u64; 2],
    /// Resident memory before and after, in kB.
    pub(crate) rss_kb: [u64; 2],
    /// Resident memory kept per cycle, in kB.
    pub(crate) rss_kb_per_cycle: f64,
}

/// All results of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Load of the machine before the run; above 0.5 the numbers wander.
    pub(crate) machine_load: f64,
    /// Forwarding rows.
    pub(crate) forwarding: Vec<Forwarding>,
    /// A room full of people, if measured.
    pub(crate) crowd: Option<Crowd>,
    /// Switches of slots, if measured.
    pub(crate) switching: Option<Switching>,
    /// Join times, if measured.
    pub(crate) joining: Option<Joining>,
    /// Churn, if measured.
    pub(crate) churn: Option<Churn>,
    /// Scenarios that did not finish, and why.
    pub(crate) failures: Vec<String>,
}

impl Report {
    /// Whether everything finished and every valid sample was exact.
    pub(crate) fn is_good(&self) -> bool {
        self.failures.is_empty()
            && self.forwarding.iter().all(|row| row.void.is_some() || row.is_exact())
            && self.crowd.as_ref().is_none_or(Crowd::is_exact)
            && self.switching.as_ref().is_none_or(Switching::is_exact)
    }

    /// Prints tables, then the line of JSON.
    pub(crate) fn print(&self) {
        self.print_forwarding();
        if let Some(crowd) = &self.crowd {
            print!("\n{crowd}");
        }
        if let Some(switching) = &self.switching {
            print!("\n{switching}");
        }
        if let Some(joining) = &self.joining {
            println!("\njoining, {} subscribers, ms after the offer (p50 / p99)", joining.connections);
            println!("  answer     {:8.1} / {:.1}", joining.answer_p50_ms, joining.answer_p99_ms);
            println!("  connected  {:8.1} / {:.1}", joining.connected_p50_ms, joining.connected_p99_ms);
            println!("  media      {:8.1} / {:.1}", joining.media_p50_ms, joining.media_p99_ms);
        }
        if let Some(churn) = &self.churn {
            println!("\nchurn, {} cycles of {:.0} ms (before -> after)", churn.cycles, churn.cycle_p50_ms);
            println!("  threads      {:8} -> {}", churn.threads[0], churn.threads[1]);
            println!("  descriptors  {:8} -> {}", churn.descriptors[0], churn.descriptors[1]);
            println!(
                "  RSS kB       {:8} -> {} ({:.1} per cycle)",
                churn.rss_kb[0], churn.rss_kb[1], churn.rss_kb_per_cycle
            );
        }
        for failure in &self.failures {
            println!("\nFAILED {failure}");
        }
        println!("\n{}", serde_json::json!(self));
    }

    fn print_forwarding(&self) {
        if self.forwarding.is_empty() {
            return;
        }
        println!(
            "\n{:<12} {:>9} {:>6} {:>8} {:>8} {:>11} {:>11} {:>13} {:>6} {:>15} {:>7}  verdict",
            "forwarding",
            "us/packet",
            "cpu %",
            "packet/s",
            "threads",
            "threads/pc",
            "RSS kB/pc",
            "p50/p99 ms",
            "lost",
            "delivered",
            "lag ms"
        );
        for row in &self.forwarding {
            println!(
                "{:<12} {:>9.1} {:>6.1} {:>8.0} {:>8} {:>11.2} {:>11.0} {:>6.2}/{:<6.2} {:>6} {:>7}/{:<7} {:>7.1}  {}",
                row.scenario,
                row.cpu_us_per_packet,
                row.cpu_percent,
                row.packets_per_second,
                row.threads,
                row.threads_per_connection,
                row.rss_kb_per_connection,
                row.delay_p50_ms,
                row.delay_p99_ms,
                row.lost_by_sequence,
                row.delivered,
                row.expected,
                row.generator_lag_ms,
                row.verdict()
            );
        }
    }
}

/// Value below which the given share of the samples lies; 0 without samples.
pub(crate) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = ((samples.len() as f64 * share).ceil() as usize).saturating_sub(1);
    samples.get(at).copied().unwrap_or(0.0)
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
