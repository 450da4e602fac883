//! Socket.IO sessions: who is connected, what they say in which dialect, and which room it is for.
//!
//! Handlers of socketioxide only queue what arrives, in order; one task per connection, the session, takes it from there.
//! There are two dialects on one server: that of the Kurento group-call tutorial ([`tutorial`]) and our own ([`native`]).

mod flood;
pub mod ice;
mod inbox;
pub mod native;
pub mod service;
mod session;
pub mod tutorial;

pub use service::{Signaling, layer};
