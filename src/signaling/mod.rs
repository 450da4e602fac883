//! Socket.IO sessions: who is connected, what they say in which dialect, and which room it is for.
//!
//! Handlers of socketioxide only queue what arrives, in order; one task per connection, the session, takes it from there.

pub mod service;
mod session;
pub mod tutorial;

pub use service::{Signaling, layer};
