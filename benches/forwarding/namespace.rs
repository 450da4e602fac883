//! A network namespace for one run: the bench starts itself again inside and removes the namespace afterwards.
//!
//! Owner: the outer process. Invariant: the namespace ends with the outer process, also after a failure or a signal;
//! one that a killed run left behind is removed by the next.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// Address inside; server and load share it.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 7, 1);
/// The server has the first.
const LOAD_CORE: usize = 1;
const PREFIX: &str = "plenum-bench-";
const INSIDE: &str = "FORWARDING_BENCH_INSIDE";
/// How many cores the outer process may use: the inner one is confined to one, and so would count one.
const CORES: &str = "FORWARDING_BENCH_CORES";

/// Whether this process is the inner one.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Number of cores this machine lets us use.
fn cores() -> usize {
    let outer = std::env::var(CORES).ok().and_then(|cores| cores.parse().ok());
    outer.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The cores to use, as `taskset` wants them: the one given, if there is more than one, else all.
pub(crate) fn cores_for(core: Option<usize>) -> String {
    match (core, cores()) {
        (_, 1) => "0".to_owned(),
        (Some(core), _) => core.to_string(),
        (None, cores) => format!("0-{}", cores - 1),
    }
}

/// Confines this process, the load, to its core, or lets it use all.
pub(crate) fn place(pin: bool) -> Result<()> {
    let (cores, own) = (cores_for(pin.then_some(LOAD_CORE)), std::process::id().to_string());
    let output = Command::new("taskset").args(["-a", "-p", "-c", &cores, &own]).output();
    let output = output.context("taskset (util-linux) does not run")?;
    if !output.status.success() {
        bail!("taskset -p -c {cores}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[derive(Debug)]
struct Namespace {
    name: String,
    /// Temporary files of the inner process, which may be killed before it can remove them.
    scratch: TempDir,
}

impl Namespace {
    fn create() -> Result<Self> {
        remove_stale();
        let name = format!("{PREFIX}{}", std::process::id());
        let scratch = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        ip(&["netns", "add", &name]).context("a network namespace needs root and iproute2")?;
        let namespace = Self { name, scratch };
        let name = namespace.name.as_str();
        let address = format!("{ADDRESS}/24");
        let steps: [&[&str]; 6] = [
            &["link", "set", "lo", "up"],
            &["link", "add", "v0", "type", "veth", "peer", "name", "v1"],
            &["addr", "add", &address, "dev", "v0"],
            &["link", "set", "v0", "up"],
            &["link", "set", "v1", "up"],
            &["route", "add", "default", "dev", "v0"],
        ];
        for step in steps {
            ip(&[&["-n", name], step].concat())?;
        }
        Ok(namespace)
    }

    fn start(&self) -> Result<Child> {
        let program = std::env::current_exe()?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &self.name]);
        command.args(["taskset", "-c", &cores_for(Some(LOAD_CORE))]).env(CORES, cores().to_string());
        command.arg(program).args(std::env::args_os().skip(1)).env(INSIDE, &self.name);
        command.env("TMPDIR", self.scratch.path());
        command.spawn().context("setpriv and taskset (util-linux) are needed to start inside the namespace")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "del", &self.name]) {
            eprintln!("namespace {} was left behind: {error:#}", self.name);
        }
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("ip does not run")?;
    if !output.status.success() {
        bail!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Removes namespaces whose bench no longer runs.
fn remove_stale() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(pid) = name.strip_prefix(PREFIX) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            // Another bench may have been faster.
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

/// Runs this program again inside a fresh namespace, for at most `limit`.
pub(crate) fn run_inside(limit: Duration) -> Result<ExitStatus> {
    let namespace = Namespace::create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut child = namespace.start()?;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let deadline = tokio::time::Instant::now() + limit;
        let reason = loop {
            tokio::select! {
                _ = interrupt.recv() => break "it was interrupted".to_owned(),
                _ = terminate.recv() => break "it was told to end".to_owned(),
                _ = tokio::time::sleep_until(deadline) => break format!("it took longer than {limit:?}"),
                _ = tick.tick() => if let Some(status) = child.try_wait()? {
                    return Ok(status);
                },
            }
        };
        child.kill()?;
        child.wait()?;
        bail!("the bench was stopped: {reason}")
    })
}
