//! Generic GStreamer: pipelines, their messages, links between them, descriptions. Ignorant of rooms and of WebRTC.

pub mod bus;
pub mod description;
pub mod graft;
pub mod link;
mod past;
pub mod pipeline;
pub mod readers;
pub mod sketch;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl Kind {
    /// Both kinds, sound first, as in an offer.
    pub const ALL: [Self; 2] = [Self::Audio, Self::Video];

    /// `audio` or `video`, as in an SDP m-line and in RTP caps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl From<Kind> for crate::metrics::label::Medium {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::Audio,
            Kind::Video => Self::Video,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The codecs that a room may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus, RFC 7587.
    Opus,
    /// VP8, RFC 7741.
    Vp8,
    /// H.264, RFC 6184, packetization mode 1.
    H264,
}

impl Codec {
    /// What it carries.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::H264 => Kind::Video,
        }
    }

    /// The encoding name of SDP's `a=rtpmap` and of RTP caps, in upper case.
    #[must_use]
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::Opus => "OPUS",
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// The RTP clock, in hertz.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::H264 => 90_000,
        }
    }
}

impl From<crate::config::VideoCodec> for Codec {
    fn from(codec: crate::config::VideoCodec) -> Self {
        match codec {
            crate::config::VideoCodec::Vp8 => Self::Vp8,
            crate::config::VideoCodec::H264 => Self::H264,
        }
    }
}
