//! One endpoint: a webrtcbin and what it takes to trust it.

pub mod candidate;
pub mod fingerprint;
pub mod sdp;
