//! Mixing benchmark: what a mix costs, alone and in a server.
//!
//! `cargo bench --bench mixing` runs everything, for a few minutes; `-- --quick` is a short form as a check;
//! `-- --scenario NAME` runs one of `chain`, `second`, `all`.
//!
//! - `chain`: files of VP8 become one film, by the server's own descriptions and elements, and by ffmpeg's `xstack` with the same
//!   settings of the encoder; both as fast as they can, in turn.
//! - `second`: what one output more of the same mix costs the server, and what a second mix of the same people does.
//! - `all`: one mix that is recorded, served by HLS and pushed by RTMP.
//!
//! Needs ffmpeg with libx264 and libvpx, iproute2 and util-linux.
#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../common/course.rs"]
mod course;
#[path = "../common/outside.rs"]
mod outside;
#[path = "../common/report.rs"]
#[allow(dead_code, reason = "shared with the benchmark of recordings")]
mod report;
#[path = "../common/scene.rs"]
#[allow(dead_code, reason = "shared with the benchmark of recordings")]
mod scene;

mod chain;
mod live;
mod ours;
mod process;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::common::lab::Lab;
use crate::course::Limits;
use crate::report::Report;

/// After this it ends, whatever it has.
const LIMIT: Duration = Duration::from_secs(20 * 60);

#[derive(Debug, Clone, Parser)]
struct Options {
    /// Run only this scenario; may be given several times.
    #[arg(long)]
    scenario: Vec<Scenario>,
    /// Short and few: checks that everything works, measures little.
    #[arg(long)]
    quick: bool,
    /// How often each is measured.
    #[arg(long, default_value_t = 7)]
    times: usize,
    /// Makes a film of these files, and does nothing else: what `chain` measures.
    #[arg(long, hide = true, num_args = 1..)]
    film: Vec<PathBuf>,
    /// How long it is.
    #[arg(long, hide = true, default_value_t = 20)]
    seconds: u32,
    /// Where that film goes.
    #[arg(long, hide = true, default_value = "film.mkv")]
    output: PathBuf,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn times(&self) -> usize {
        if self.quick { 1 } else { self.times.max(1) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    Chain,
    Second,
    All,
}

impl Scenario {
    const ALL: [Self; 3] = [Self::Chain, Self::Second, Self::All];

    async fn run(self, lab: Lab, options: Options, report: Report) {
        match self {
            Self::Chain => scene::blocking(move || chain::run(&options, &report)).await,
            Self::Second => live::second(&lab, &options, &report).await,
            Self::All => live::all(&lab, &options, &report).await,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.film.is_empty() {
        ours::make(&options.film, options.seconds, &options.output);
        return ExitCode::SUCCESS;
    }
    let scenarios = if options.scenario.is_empty() { Scenario::ALL.to_vec() } else { options.scenario.clone() };
    let limits = Limits { whole: LIMIT, last_begin: LIMIT };
    course::run(&scenarios, limits, |scenario, lab, report| scenario.run(lab, options.clone(), report))
}
