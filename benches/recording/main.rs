//! Recording benchmark: the figures asked of recordings, measured of a release server in a network of its own.
//!
//! `cargo bench --bench recording` runs everything, but `drift`, for a few minutes; `-- --quick` is a short form as a
//! check; `-- --scenario NAME` runs one of `lips`, `drift`, `ends`, `kill`, `disk`, `cpu` at full length. People are
//! synthetic, with a flash and a beep at every full second of one clock, and files are judged by what is seen and heard in them.
//! What was asked stands beside what was measured; nothing fails for a figure.
//!
//! Needs ffmpeg, iproute2 and util-linux; `cpu` compares with Chromium where Node, Chromium and `tests/node_modules` are.
#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../common/course.rs"]
mod course;
#[path = "../common/outside.rs"]
mod outside;
#[path = "../common/report.rs"]
mod report;
#[path = "../common/scene.rs"]
#[allow(dead_code, reason = "the bench of streams needs more of it")]
mod scene;

mod cpu;
mod disk;
mod drift;
mod ends;
mod kill;
mod lips;
mod rival;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::common::lab::Lab;
use crate::course::Limits;
use crate::report::Report;

/// No scenario begins after this, so that a slow machine still prints what it has.
const LAST_BEGIN: Duration = Duration::from_secs(330);

#[derive(Debug, Clone, Parser)]
struct Options {
    /// Run only this scenario, at full length; may be given several times.
    #[arg(long)]
    scenario: Vec<Scenario>,
    /// Short and few: checks that everything works, measures little.
    #[arg(long)]
    quick: bool,
    /// Over which network lips are judged, if not over both: `good` or `bad`.
    #[arg(long)]
    network: Option<Network>,
    /// How long lips are recorded, in seconds.
    #[arg(long)]
    seconds: Option<f64>,
    /// How long drift goes on.
    #[arg(long, default_value_t = 3)]
    minutes: u64,
    /// How often ends and kill try.
    #[arg(long)]
    times: Option<usize>,
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
        Duration::from_secs(15 * 60 + 120 * self.minutes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Network {
    Good,
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Lips,
    Drift,
    Ends,
    Kill,
    Disk,
    Cpu,
}

impl Scenario {
    const USUAL: [Self; 5] = [Self::Lips, Self::Ends, Self::Kill, Self::Disk, Self::Cpu];

    async fn run(self, lab: Lab, options: Options, report: Report) {
        match self {
            Self::Lips => lips::run(&lab, &options, &report).await,
            Self::Drift => drift::run(&lab, &options, &report).await,
            Self::Ends => ends::run(&lab, &options, &report).await,
            Self::Kill => kill::run(&lab, &options, &report).await,
            Self::Disk => disk::run(&lab, &report).await,
            Self::Cpu => cpu::run(&lab, &options, &report).await,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let usual = options.scenario.is_empty();
    let scenarios = if usual { Scenario::USUAL.to_vec() } else { options.scenario.clone() };
    let whole = options.limit();
    let limits = Limits { whole, last_begin: if usual { LAST_BEGIN } else { whole } };
    course::run(&scenarios, limits, |scenario, lab, report| scenario.run(lab, options.clone(), report))
}
