//! One endpoint: a webrtcbin, and all that it takes to trust and to end it. And the other way about: a [`Sender`], which offers.
//!
//! An endpoint is immutable: the client offers once, the server answers once. Whoever wants something else opens another
//! endpoint. Callbacks of webrtcbin run on its threads; they hold no room state and only send an [`EndpointEvent`].

pub mod candidate;
pub mod endpoint;
pub mod fingerprint;
mod gathering;
pub mod ice;
mod negotiation;
mod publisher;
mod reports;
pub mod sdp;
pub mod sender;
mod subscriber;
mod tuning;

pub use endpoint::{Endpoint, EndpointContext, EndpointError, EndpointEvent, EndpointEventKind, LocalCandidate};
pub use publisher::IncomingTrack;
pub use reports::Reports;
pub use sender::Sender;
pub use subscriber::Slot;
pub use tuning::Patience;
