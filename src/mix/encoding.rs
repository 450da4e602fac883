//! The codecs in which a mix leaves: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::media::Kind;

/// A codec in which a mix leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// H.264.
    H264,
    /// VP8.
    Vp8,
    /// AAC.
    Aac,
    /// Opus.
    Opus,
}

impl Encoding {
    /// Whether it is of pictures or of sound.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::H264 | Self::Vp8 => Kind::Video,
            Self::Aac | Self::Opus => Kind::Audio,
        }
    }
}

/// The description of an encoder; that of H.264 is the one that was [chosen](super::trial).
pub(crate) fn description(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::H264 => "encode/h264.launch",
        Encoding::Vp8 => "encode/vp8.launch",
        Encoding::Aac => "encode/aac.launch",
        Encoding::Opus => "encode/opus.launch",
    }
}

/// The description of an encoder that this process has to itself, for single pictures: those of a GPU are few, and for mixes.
pub(crate) fn plain(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::H264 => "encode/h264-x264.launch",
        other => description(other),
    }
}
