//! What the behaviour tests share: the lab (a network of their own), the server under test, people who call, and the
//! judge of recordings.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "every test binary compiles all of this and uses a part of it; a failed wait should end the test"
)]

pub mod company;
pub mod connection;
pub mod disk;
pub mod exchange;
pub mod hum;
pub mod judge;
pub mod lab;
pub mod native;
pub mod participant;
pub mod process;
pub mod reception;
pub mod relay;
pub mod replay;
pub mod server;
pub mod signaling;
pub mod source;
pub mod stalls;
pub mod talker;
pub mod tiles;
