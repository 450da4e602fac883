//! What encodes the mix in H.264.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What encodes the mix in H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// The best that works on this machine.
    Auto,
    /// An NVIDIA GPU.
    Nvenc,
    /// An Intel or AMD GPU, by VA-API.
    Vaapi,
    /// x264, on the CPU.
    X264,
    /// OpenH264, on the CPU.
    Openh264,
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Nvenc => "nvenc",
            Self::Vaapi => "vaapi",
            Self::X264 => "x264",
            Self::Openh264 => "openh264",
        })
    }
}
