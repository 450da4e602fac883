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

#[path = "../common/course.rs"]
mod course;
#[path = "../common/outside.rs"]
mod outside;
#[path = "../common/report.rs"]
#[allow(dead_code, reason = "the bench of recordings needs more of it")]
mod report;
#[path = "../common/scene.rs"]
#[allow(dead_code, reason = "the bench of recordings needs more of it")]
mod scene;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::common::lab::Lab;
use crate::course::Limits;
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

fn main() -> ExitCode {
    let options = Options::parse();
    let scenarios = if options.scenario.is_empty() { Scenario::ALL.to_vec() } else { options.scenario.clone() };
    let whole = options.limit();
    let limits = Limits { whole, last_begin: whole };
    course::run(&scenarios, limits, |scenario, lab, report| scenario.run(lab, options.clone(), report))
}
