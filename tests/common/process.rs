//! Other processes: signals to them, and what the kernel says about them.

use std::process::Command;
use std::time::Duration;

/// Sends `signal` (`TERM`, `KILL`, `STOP`, …) to the process `pid`, which must be one that the test started.
pub fn signal(pid: u32, signal: &str) {
    // Not libc::kill: that is unsafe code for what a program does as well.
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().expect("kill(1) runs");
    assert!(sent.success(), "no process {pid} to send {signal} to");
}

/// How many threads of the process `pid` have a name.
pub fn threads(pid: u32, name: &str) -> usize {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

/// How long the process `pid` was on a processor, ended threads counted in. The kernel counts in hundredths of a second.
pub fn busy(pid: u32) -> Option<Duration> {
    let fields = stat(pid)?;
    // utime and stime are the fields 14 and 15; the first here is the third.
    let ticks: u64 = [11, 12].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(10 * ticks))
}

/// The process `pid` and all that it started, directly or not.
pub fn family(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("there is /proc").flatten();
    let all: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<(u32, u32)> =
        all.into_iter().filter_map(|child| Some((child, stat(child)?.get(1)?.parse().ok()?))).collect();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    family
}

/// What follows the name in the kernel's line about a process; the name may hold blanks.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub struct Holdings {
    /// Threads.
    pub threads: usize,
    /// Open file descriptors.
    pub files: usize,
    /// Resident memory, in bytes.
    pub memory: usize,
}

impl Holdings {
    /// Of the process `pid`, now.
    pub fn of(pid: u32) -> Self {
        let entries = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).expect("the process lives").count();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS in status");
        let kilobytes: usize = resident.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        Self { threads: entries("task"), files: entries("fd"), memory: kilobytes * 1024 }
    }
}

impl std::fmt::Display for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} threads, {} files, {} kB", self.threads, self.files, self.memory / 1024)
    }
}
