//! Our own dialect: typed requests with acknowledgements, and events. `docs/protocol.md` tells it to authors of clients.
//!
//! [`request`] has what clients ask for and get, [`event`] what they are told, [`translate`] what that means to a room. No
//! words for media: these are SDP (RFC 8866) and ICE candidates (RFC 8839), as browsers write and read them.

#[cfg(test)]
mod document;
pub mod event;
pub mod request;
pub mod translate;

pub use event::ServerEvent;
pub use request::{Reply, Request};
