//! The lab around the bench: it runs itself again in the network of `tests/common/lab.sh`, in which everything ends with
//! it, however it ends.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

/// The lab's address, if this process is in one.
pub(crate) fn address() -> Option<IpAddr> {
    std::env::var("LAB_ADDRESS").ok()?.parse().ok()
}

/// Runs this program again in a lab, for at most `limit`, and says whether it went well.
pub(crate) fn run_inside(limit: Duration) -> bool {
    // What the inner process leaves behind when it is killed goes with this.
    let scratch = tempfile::Builder::new().prefix("plenum-bench-").tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/lab.sh");
    let mut command = Command::new("setpriv");
    // Should this process be killed, so is the lab, and all in it.
    command.args(["--pdeathsig", "KILL", "sh", script]).arg(std::env::current_exe().expect("the bench's own path"));
    command.args(std::env::args_os().skip(1)).env("TMPDIR", scratch.path());
    // What is set for somebody's own server must not change what is measured.
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PLENUM_")) {
        command.env_remove(key);
    }
    command.env("PLENUM_LOG__FILTER", "error");
    let mut child = command.spawn().expect("setpriv (util-linux) runs");
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return status.success();
        }
        if Instant::now() > deadline {
            eprintln!("the bench took longer than {limit:?}: it is stopped");
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
