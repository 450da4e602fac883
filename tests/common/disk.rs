//! A disk that is soon full.

use std::process::Command;

use super::lab::Lab;
use super::server::Server;

/// A file system of its own for recordings, which ends with the lab.
pub fn small_disk(megabytes: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
        .arg(folder.path())
        .status();
    assert!(mounted.expect("mount runs").success(), "the lab has a mount namespace of its own");
    folder
}

/// A server whose recordings have 100 MB, and these bounds of free space.
pub async fn on_small_disk(lab: &Lab, bounds: &str) -> Server {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    std::fs::write(config.path(), format!("[disk]\n{bounds}")).expect("room for it");
    Server::start_in(lab, small_disk(100), &["--config", config.path().to_str().expect("text")]).await
}
