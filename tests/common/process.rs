//! Other processes: signals to them, and what the kernel says about them.

use std::process::Command;

/// Sends `signal` (`TERM`, `KILL`, `STOP`, …) to the process `pid`, which must be one that the test started.
pub fn signal(pid: u32, signal: &str) {
    // Not libc::kill: that is unsafe code for what a program does as well.
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().expect("kill(1) runs");
    assert!(sent.success(), "no process {pid} to send {signal} to");
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
