//! Programs that run to their end, and what they took.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::process::busy;

/// How long one may run.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a program to its end; gives its time on processors, of all its threads, in user and in kernel mode.
pub(crate) fn spent(mut command: Command) -> Duration {
    let mut child = Ended(command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let (pid, begun) = (child.0.id(), Instant::now());
    while !has_ended(pid) {
        assert!(begun.elapsed() < PATIENCE, "{command:?} does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Before it is waited for: then nobody knows any more.
    let spent = busy(pid).expect("it is still known");
    let status = child.0.wait().expect("a child of ours");
    assert!(status.success(), "{command:?}: {status}");
    spent
}

/// What a program says.
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether a process has ended, and nobody has asked yet how.
fn has_ended(pid: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    text.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// A process that ends with this.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
