//! The course of a bench: its scenarios one after the other, in the lab.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::common::lab::Lab;
use crate::outside;
use crate::report::Report;

/// How long a bench may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// After this it is stopped, whatever it has.
    pub(crate) whole: Duration,
    /// After this no further scenario begins.
    pub(crate) last_begin: Duration,
}

/// Runs the scenarios and prints what they found. One that fails does not keep the next from running.
pub(crate) fn run<S: Copy + Debug, F: Future<Output = ()> + Send + 'static>(
    scenarios: &[S],
    limits: Limits,
    begin: impl Fn(S, Lab, Report) -> F,
) -> ExitCode {
    let good = match outside::address() {
        Some(address) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
            let (report, begun, mut good) = (Report::default(), Instant::now(), true);
            runtime.block_on(async {
                for scenario in scenarios {
                    if begun.elapsed() > limits.last_begin {
                        report.say(&format!("{scenario:?}: not begun, this machine is too slow or too busy"));
                        continue;
                    }
                    eprintln!("{scenario:?} ... ({:.0} s)", begun.elapsed().as_secs_f64());
                    // A task of its own, for what fails in it panics.
                    if tokio::spawn(begin(*scenario, Lab { address }, report.clone())).await.is_err() {
                        report.say(&format!("{scenario:?}: did not come to its end, see above"));
                        good = false;
                    }
                }
                report.print();
            });
            runtime.shutdown_background();
            good
        }
        None => outside::run_inside(limits.whole),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
