//! Forwarding benchmark: a lean WebRTC load against the server, both in a network namespace of their own.
//!
//! `cargo bench --bench forwarding` runs everything; `-- --quick` runs a short form as a check; `-- --scenario NAME`
//! runs one of `1x1`, `1x10`, `1x40`, `mesh6`, `slots20`, `switch`, `offer-answer`, `churn`; with `--minutes N` slots20
//! goes on for so long and tells what grows. Needs root, iproute2 and util-linux. The server has core 0 and the load core
//! 1, except that in slots20 both use all cores without `--pin`; so results compare only with results of the same machine.
#![allow(clippy::print_stdout, reason = "printing is what a benchmark is for")]

mod account;
mod chapter;
mod crowd;
mod drive;
mod fanout;
mod headers;
mod load;
mod namespace;
mod native;
mod packets;
mod peer;
mod report;
mod signaling;
mod slots;
mod switch;
mod tally;
mod turnover;
mod tutorial;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::crowd::Setup;
use crate::fanout::Shape;
use crate::report::Report;

/// The whole run, teardown included, is stopped after this.
const LIMIT: Duration = Duration::from_secs(235);
/// No scenario begins after this, so that a slow machine still prints what it has.
const LAST_BEGIN: Duration = Duration::from_secs(150);

#[derive(Debug, Parser)]
struct Options {
    /// Run only this scenario; may be given several times.
    #[arg(long)]
    scenario: Vec<Scenario>,
    /// Short windows and few connections: checks that everything works, measures little.
    #[arg(long)]
    quick: bool,
    /// How many people slots20 has, instead of twenty.
    #[arg(long, default_value_t = 20)]
    people: usize,
    /// How many people one can hear at once in slots20.
    #[arg(long, default_value_t = 3)]
    audio_slots: usize,
    /// Give server and load a core each in slots20 too.
    #[arg(long)]
    pin: bool,
    /// How long slots20 goes on.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// Another server with the same options, to compare.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_plenum"))]
    server: PathBuf,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scenario {
    #[value(name = "1x1")]
    One,
    #[value(name = "1x10")]
    Ten,
    #[value(name = "1x40")]
    Forty,
    #[value(name = "mesh6")]
    Mesh,
    #[value(name = "slots20")]
    Slots,
    Switch,
    OfferAnswer,
    Churn,
}

impl Scenario {
    const ALL: [Self; 8] =
        [Self::One, Self::Ten, Self::Forty, Self::Mesh, Self::Slots, Self::Switch, Self::OfferAnswer, Self::Churn];
    const QUICK: [Self; 6] = [Self::Ten, Self::Mesh, Self::Slots, Self::Switch, Self::OfferAnswer, Self::Churn];

    fn run(self, options: &Options, report: &mut Report) -> Result<()> {
        let (server, quick): (&Path, bool) = (&options.server, options.quick);
        let window = if quick { Duration::from_millis(1500) } else { Duration::from_secs(6) };
        let shape = match self {
            Self::One => Shape::Fan(1),
            Self::Ten => Shape::Fan(if quick { 3 } else { 10 }),
            Self::Forty => Shape::Fan(40),
            Self::Mesh => Shape::Mesh(if quick { 3 } else { 6 }),
            Self::Slots => {
                let length = Duration::from_secs(60 * options.minutes);
                let (audio_slots, pin) = (options.audio_slots, options.pin);
                let participants = if quick { 4 } else { options.people };
                let setup = Setup { participants, audio_slots, pin, window, length };
                report.crowd = Some(crowd::crowd(server, setup)?);
                return Ok(());
            }
            Self::Switch => {
                report.switching = Some(switch::switching(server, if quick { 5 } else { 60 })?);
                return Ok(());
            }
            Self::OfferAnswer => {
                report.joining = Some(turnover::joining(server, if quick { 5 } else { 30 })?);
                return Ok(());
            }
            Self::Churn => {
                report.churn = Some(turnover::churn(server, if quick { 5 } else { 200 })?);
                return Ok(());
            }
        };
        report.forwarding.push(fanout::forwarding(server, shape, window)?);
        Ok(())
    }
}

fn measure(options: &Options) -> bool {
    let mut report = Report { machine_load: account::load_average(), ..Report::default() };
    if report.machine_load > 0.5 {
        println!("the machine is busy (load {}): the numbers will wander", report.machine_load);
    }
    let scenarios: &[Scenario] = match options.scenario.as_slice() {
        [] if options.quick => &Scenario::QUICK,
        [] => &Scenario::ALL,
        chosen => chosen,
    };
    let begun = Instant::now();
    for scenario in scenarios {
        if begun.elapsed() > LAST_BEGIN {
            report.failures.push(format!("{scenario:?}: not begun, this machine is too slow or too busy"));
            continue;
        }
        eprintln!("{scenario:?} ...");
        if let Err(error) = scenario.run(options, &mut report) {
            report.failures.push(format!("{scenario:?}: {error:#}"));
        }
    }
    report.print();
    report.is_good()
}

fn main() -> ExitCode {
    let options = Options::parse();
    let good = if namespace::is_inside() {
        measure(&options)
    } else {
        match namespace::run_inside(LIMIT + Duration::from_secs(60 * options.minutes)) {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("{error:#}");
                false
            }
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
