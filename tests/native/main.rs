//! The native protocol (`docs/protocol.md`) against a running server, as its clients see it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "figures are for the reader of the report; a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;

mod flood;
mod loss;
mod media;
mod minutes;
mod moderation;
mod refusals;
mod resume;
mod speaker;

use common::lab::Lab;
use common::server::Server;

/// A server that keeps the places of the lost for two seconds.
async fn impatient_server(lab: &Lab) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plenum.toml");
    std::fs::write(&file, "[rooms]\nreconnect_seconds = 2\n").unwrap();
    Server::start_with(lab, &["--config", file.to_str().unwrap()]).await
}
