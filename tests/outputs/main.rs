//! What a mix becomes that is given away while it happens, judged by what receivers get.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "figures are for the reader of the report; a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;

mod certificates;
mod direct;
mod foreign;
mod ingest;
mod isolation;
mod receiver;
mod refusals;
mod tls;
mod whip;
mod wire;

use std::net::IpAddr;
use std::time::Duration;

use common::lab::Lab;
use common::server::Server;

/// How long anything here may take to come about.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where the outputs of the room `tea` are asked for.
const OUTPUTS: &str = "/api/v1/rooms/tea/outputs";

/// A server with these lines in its configuration.
async fn server_with(lab: &Lab, lines: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plenum.toml");
    std::fs::write(&file, lines).unwrap();
    Server::start_with(lab, &["--config", file.to_str().unwrap()]).await
}

/// A port that nobody listens at.
fn free_port(address: IpAddr) -> u16 {
    std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}
