//! plenum: a native media server for rooms.

pub mod check;
pub mod egress;
pub mod elements;
pub mod id;
pub mod media;
pub mod mix;
pub mod webrtc;
