//! A network of its own for each test: the test runs itself again inside of it (`lab.sh`), so that the server, the
//! participants in this process and every child meet at 10.99.0.1 and nobody else hears them.
//!
//! Works the same under `cargo test` and `cargo nextest`, since the test in the lab is always a process of its own.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set by `lab.sh` to the lab's address.
const INSIDE: &str = "LAB_ADDRESS";
/// How long a test may take unless it says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// The network in which a test runs.
#[derive(Debug)]
pub struct Lab {
    /// The address at which everybody meets.
    pub address: std::net::IpAddr,
}

/// Runs a test in a lab, for two minutes at most.
///
/// Call it once, first thing in the test, with a closure written in the test's own body: the test's name is read from
/// the closure's.
pub fn run<F, T>(test: F)
where
    F: FnOnce(Lab) -> T + 'static,
    T: Future<Output = ()>,
{
    run_for(PATIENCE, test);
}

/// As [`run`], with another limit of time.
pub fn run_for<F, T>(limit: Duration, test: F)
where
    F: FnOnce(Lab) -> T + 'static,
    T: Future<Output = ()>,
{
    let Ok(address) = std::env::var(INSIDE) else {
        return run_again::<F>();
    };
    let address = address.parse().expect("the lab's address");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(async { tokio::time::timeout(limit, test(Lab { address })).await });
    // A stuck blocking call must not keep a failed test alive.
    runtime.shutdown_background();
    assert!(outcome.is_ok(), "the test took longer than {limit:?}");
}

/// A second process that runs `role`, an ignored test of this binary, in the same lab; its standard output is piped.
/// It may die by any signal without taking the test along.
pub fn second_process(role: &str, environment: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("the test's own path"));
    command.args([role, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.envs(environment.iter().copied()).stdout(Stdio::piped());
    command.spawn().expect("the test runs again")
}

/// Runs the test `F` in a lab and repeats its words as this test's own, so that they are shown when it fails.
fn run_again<F>() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/lab.sh");
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"exec sh "$@" 2>&1"#, "sh", script])
        .arg(std::env::current_exe().expect("the test's own path"));
    command.args([test_name::<F>(), "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("sh runs");
    let words = BufReader::new(child.stdout.take().expect("piped"));
    for line in words.lines().map_while(Result::ok) {
        // One result for one test: those who count results would count this one twice.
        if !line.starts_with("test result:") {
            println!("{line}");
        }
    }
    let status = child.wait().expect("a child of ours");
    // A starved machine is late everywhere: whoever judges the failure should know.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    assert!(status.success(), "the test failed in its lab ({status}); its own words are above; load {}", load.trim());
}

/// `binary::module::test::{{closure}}` without its ends. Not the thread's name: with one test thread that is `main`.
fn test_name<F>() -> &'static str {
    let whole = std::any::type_name::<F>();
    let path = whole.split("::{{closure}}").next().unwrap_or(whole);
    path.split_once("::").map_or(path, |(_binary, test)| test)
}
