//! The server as a child process, and what it costs: processor time, threads, memory, descriptors.
//!
//! Owner: the load thread. Invariant: the child dies with this process (by `Drop`, or by the kernel if we are killed).

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use crate::namespace::{ADDRESS, cores_for};

const PORT: u16 = 3000;
const NANOS_PER_TICK: u64 = 10_000_000;

/// A reading of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Time on a processor, summed over the living threads, in nanoseconds.
    scheduled: u64,
    /// Time on a processor in the kernel's coarse count, threads that ended included, in ticks.
    ticks: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Resident memory in bytes.
    pub(crate) rss: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
}

impl Usage {
    /// Reads `/proc`.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let root = PathBuf::from(format!("/proc/{pid}"));
        let read = |name: &str| {
            fs::read_to_string(root.join(name)).with_context(|| format!("process {pid} cannot be read: {name}"))
        };
        let status = read("status")?;
        let stat = read("stat")?;
        // The name in brackets may hold blanks; what follows does not. utime and stime are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
        let tasks = fs::read_dir(root.join("task"))?.flatten();
        let scheduled = tasks.filter_map(|task| first_number(&task.path().join("schedstat"))).sum();
        Ok(Self {
            scheduled,
            ticks,
            threads: field(&status, "Threads:")?,
            rss: field(&status, "VmRSS:")? * 1024,
            descriptors: fs::read_dir(root.join("fd"))?.count() as u64,
        })
    }

    /// Processor time since an earlier reading. The fine count loses threads that ended in between, so the coarse one
    /// takes over where it is clearly larger.
    pub(crate) fn time_since(&self, earlier: &Self) -> Duration {
        let fine = self.scheduled.saturating_sub(earlier.scheduled);
        let coarse = (self.ticks - earlier.ticks) * NANOS_PER_TICK;
        let trusted = fine > 0 && coarse <= fine + fine / 10 + 5 * NANOS_PER_TICK;
        Duration::from_nanos(if trusted { fine } else { coarse })
    }
}

fn first_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| anyhow!("no {name} in /proc: has the process ended?"))
}

/// Datagrams that the kernel dropped at full sockets, split into those at the given local ports and the rest.
pub(crate) fn socket_drops(ports: &[u16]) -> Result<(u64, u64)> {
    let table = fs::read_to_string("/proc/net/udp").context("no table of UDP sockets")?;
    let (mut ours, mut others) = (0, 0);
    for line in table.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let port = fields.nth(1).and_then(|local| u16::from_str_radix(local.rsplit(':').next()?, 16).ok());
        let drops: u64 = fields.next_back().and_then(|drops| drops.parse().ok()).unwrap_or(0);
        match port {
            Some(port) if ports.contains(&port) => ours += drops,
            _ => others += drops,
        }
    }
    Ok((ours, others))
}

/// One minute's load of the machine.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The server under test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    work: TempDir,
}

impl Server {
    /// Starts it on a core of its own and waits until it accepts connections.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        Self::start_placed(program, true)
    }

    /// Likewise, on that core or on all.
    pub(crate) fn start_placed(program: &Path, pin: bool) -> Result<Self> {
        let work = tempfile::tempdir()?;
        let log = File::create(work.path().join("log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        command.args(["taskset", "-c", &cores_for(pin.then_some(0))]);
        command.arg(program).arg("--listen").arg(Self::address().to_string());
        // Nobody else comes into the namespace.
        command.env("PLENUM_OPEN", "true");
        command.arg("--recordings").arg(work.path().join("recordings"));
        // What is set for somebody's own server must not change what is measured.
        for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PLENUM_")) {
            command.env_remove(key);
        }
        command.current_dir(work.path()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("setpriv and taskset (util-linux) are needed to start the server")?;
        let mut server = Self { child, work };
        server.wait_ready()?;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address() -> SocketAddr {
        SocketAddr::new(ADDRESS.into(), PORT)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect_timeout(&Self::address(), Duration::from_secs(1)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status} before it listened at {}:\n{}", Self::address(), self.log());
            }
            if Instant::now() > deadline {
                bail!("the server did not listen at {} within 10 s:\n{}", Self::address(), self.log());
            }
            // There is no event for "another process listens"; a refused connection returns at once.
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// What it costs now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id())
    }

    /// Adds the end of its log to an error: the cause usually stands there.
    pub(crate) fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| anyhow!("{error:#}\nthe server's last words:\n{}", self.log()))
    }

    fn log(&self) -> String {
        let text = fs::read(self.work.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
