//! Several participants, and the mixes that run for them.

use std::time::Duration;

use super::participant::{Options, Participant};
use super::process;
use super::server::Server;

/// The participants 0 to `count`, who all see and hear each other.
pub async fn company(server: &Server, count: usize) -> Vec<Participant> {
    let mut people = Vec::new();
    for index in 0..count {
        people.push(Participant::join(server, "tea", &format!("p{index}"), Options::of(index)).await);
    }
    for viewer in &people {
        for other in people.iter().filter(|other| other.id != viewer.id) {
            viewer.wait_to_meet(other).await;
        }
    }
    people
}

/// Waits until so many mixes run.
pub async fn mixes(server: &Server, count: usize) {
    let reached = async {
        while process::threads(server.pid(), "mix") != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
    assert!(reached.is_ok(), "{} mixes instead of {count}", process::threads(server.pid(), "mix"));
}
