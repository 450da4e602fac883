//! A disk that is soon full, and a folder that nobody can write to.

use std::path::Path;
use std::process::Command;

use super::lab::Lab;
use super::server::Server;

/// A file system of its own for recordings, which ends with the lab.
pub fn small_disk(megabytes: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().to_str().expect("a path");
    mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs", there]);
    folder
}

/// Makes a folder one in which nothing can be made or deleted; what is open stays open.
pub fn seal(folder: &Path) {
    let there = folder.to_str().expect("a path");
    mount(&["--bind", there, there]);
    mount(&["-o", "remount,bind,ro", there]);
}

/// Undoes [`seal`].
pub fn unseal(folder: &Path) {
    let unmounted = Command::new("umount").args(["--lazy"]).arg(folder).status();
    assert!(unmounted.expect("umount runs").success(), "{} was sealed", folder.display());
}

fn mount(arguments: &[&str]) {
    let mounted = Command::new("mount").args(arguments).status();
    assert!(mounted.expect("mount runs").success(), "the lab has a mount namespace of its own: mount {arguments:?}");
}

/// A server whose recordings have 100 MB, and these bounds of free space.
pub async fn on_small_disk(lab: &Lab, bounds: &str) -> Server {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    std::fs::write(config.path(), format!("[disk]\n{bounds}")).expect("room for it");
    Server::start_in(lab, small_disk(100), &["--config", config.path().to_str().expect("text")]).await
}
