//! Streaming benchmark: how far behind the people in a room those are who watch from afar, and whether what they get ever
//! falters, measured of a release server in a network of its own.
//!
//! `cargo bench --bench streams` runs everything, `soak` for one minute; `-- --quick` is a short form as a check;
//! `-- --scenario NAME` runs `delay` or `soak` at full length, which for `soak` is `--minutes`. People are synthetic. What was
//! asked stands beside what was measured; nothing fails for a figure.
//!
//! Needs ffmpeg, iproute2 and util-linux.
#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[path = "../../tests/common/mod.rs"]
mod common;

mod delay;
mod player;
mod score;
mod soak;
mod viewer;

#[path = "../recording/outside.rs"]
mod outside;
#[path = "../recording/report.rs"]
#[allow(dead_code, reason = "the bench of recordings needs more of it")]
mod report;
#[path = "../recording/scene.rs"]
#[allow(dead_code, reason = "the bench of recordings needs more of it")]
mod scene;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use crate::common::lab::Lab;
use crate::report::Report;

#[derive(Debug, Clone, Parser)]
struct Options {
    /// Run only this scenario, at full length; may be given several times.
    #[arg(long)]
    scenario: Vec<Scenario>,
    /// Short and few: checks that everything works, measures little.
    #[arg(long)]
    quick: bool,
    /// How long the soak goes on.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What happens in the soak, and when: the same number makes the same happen.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// One of three: what a scenario does alone, among others, and quickly.
    fn extent<T>(&self, alone: T, among_others: T, quick: T) -> T {
        match (self.quick, self.scenario.is_empty()) {
            (true, _) => quick,
            (false, true) => among_others,
            (false, false) => alone,
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(10 * 60) + Duration::from_secs_f64(90.0 * self.minutes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Delay,
    Soak,
}

impl Scenario {
    const ALL: [Self; 2] = [Self::Delay, Self::Soak];

    async fn run(self, lab: Lab, options: Options, report: Report) {
        match self {
            Self::Delay => delay::run(&lab, &options, &report).await,
            Self::Soak => soak::run(&lab, &options, &report).await,
        }
    }
}

/// Runs the scenarios one after the other; one that fails does not keep the next from running.
async fn measure(address: std::net::IpAddr, options: &Options) -> bool {
    let scenarios = if options.scenario.is_empty() { &Scenario::ALL[..] } else { &options.scenario };
    let (report, begun, mut good) = (Report::default(), Instant::now(), true);
    for scenario in scenarios {
        eprintln!("{scenario:?} ... ({:.0} s)", begun.elapsed().as_secs_f64());
        // A task of its own, for what fails in it panics.
        let work = tokio::spawn(scenario.run(Lab { address }, options.clone(), report.clone()));
        if work.await.is_err() {
            report.say(&format!("{scenario:?}: did not come to its end, see above"));
            good = false;
        }
    }
    report.print();
    good
}

fn main() -> ExitCode {
    let options = Options::parse();
    let good = match outside::address() {
        Some(address) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
            let good = runtime.block_on(measure(address, &options));
            runtime.shutdown_background();
            good
        }
        None => outside::run_inside(options.limit()),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
