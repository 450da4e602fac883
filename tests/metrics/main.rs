//! What whoever operates the server sees of it: metrics, health, identifiers of requests, GStreamer's log, pipelines.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed wait should end the test; figures are for the reader"
)]

#[path = "../common/mod.rs"]
mod common;

mod call;
mod dashboard;
mod graph;
mod health;
mod logs;
mod scrape;
mod stores;
