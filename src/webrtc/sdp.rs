//! The other side's description, before webrtcbin sees it: mostly a client's offer, and the answer of a server to which we send.
//!
//! Pure code, any thread. Invariant: an [`Offer`] holds only checked values, and [`Offer::to_sdp`] writes nothing else;
//! no line of the client's text is copied. webrtcbin 1.22 checks next to nothing (it takes plain RTP, fingerprint "zzz",
//! payload type 99999, a thousand m-lines), so everything is decided here.
//!
//! webrtcbin gets the accepted sections alone, all in one bundle, so its m-line numbers are indexes of
//! [`Offer::sections`]. The client counts the refused ones as well; [`finish_answer`] weaves those back in, and
//! [`Offer::local_line`] and [`Offer::remote_line`] translate the numbers that come with candidates.
//!
//! The lines are taken apart by the crate `sdp-types`: it keeps attributes as text and takes the lines in any order, as browsers
//! write them.

mod answer;
mod attributes;
mod codecs;
mod error;
mod fragment;
mod gathered;
mod model;
mod own_offer;
mod parse;
mod remote_answer;
mod section;
mod write;

pub use answer::finish_answer;
pub use error::{Place, SdpError};
pub use fragment::{Fragment, FragmentError};
pub use gathered::with_candidates;
pub use model::{Extension, Feedback, Ice, NegotiatedCodec, Offer, Refusal, Refused, Section, Setup};
pub(super) use own_offer::parameters;
pub use own_offer::{OwnOffer, profile_level_id};
pub use parse::parse_offer;
pub use remote_answer::{Answer, AnswerError, AnswerPolicy};

use super::candidate::CandidatePolicy;
use crate::media::Codec;

/// What the client wants the connection for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It sends; each accepted section is `sendonly` (old builds say `sendrecv` and mean this).
    Publisher,
    /// It receives; each accepted section is `recvonly`.
    Subscriber,
}

impl From<Role> for crate::metrics::label::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Publisher => Self::Publisher,
            Role::Subscriber => Self::Subscriber,
        }
    }
}

/// Which H.264 a client has to decode (RFC 6184, section 8.1), for a section to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Baseline, constrained where the client has it: what all of a room sends and decodes.
    Baseline,
    /// Constrained baseline, which those of the other profiles decode as well: what is sent to one client only.
    Constrained,
    /// Main.
    Main,
    /// High.
    High,
    /// Whatever it may be: it is not known yet.
    Any,
}

impl Profile {
    /// The profile that GStreamer calls `name`; none if no browser decodes it.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "baseline" => Some(Self::Baseline),
            "constrained-baseline" => Some(Self::Constrained),
            "main" => Some(Self::Main),
            "high" | "progressive-high" | "constrained-high" => Some(Self::High),
            _ => None,
        }
    }
}

/// The bounds of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The video codec of the room.
    pub video: Codec,
    /// Which H.264, if that is it.
    pub profile: Profile,
    /// Most m-lines, refused ones included.
    pub max_sections: usize,
    /// Most bytes of text. Chromium writes 4.4 KiB for each video section that it wants to receive.
    pub max_bytes: usize,
    /// Most SSRCs in one section: a medium and its retransmissions, twice.
    pub max_ssrcs: usize,
    /// Most candidates kept of those inside the offer.
    pub max_candidates: usize,
    /// Which of them are kept.
    pub candidates: CandidatePolicy,
}

impl Policy {
    /// The usual bounds for a room that speaks `video`.
    #[must_use]
    pub fn new(video: Codec) -> Self {
        Self {
            video,
            profile: Profile::Baseline,
            max_sections: 64,
            max_bytes: 192 * 1024,
            max_ssrcs: 4,
            max_candidates: 32,
            candidates: CandidatePolicy::default(),
        }
    }
}

/// The transport-wide congestion control header extension. Without it Chromium takes minutes to find its bandwidth.
pub const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// The audio level header extension, RFC 6464.
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// The one RTP profile: what every browser offers.
const PROFILE: &str = "UDP/TLS/RTP/SAVPF";

/// Whether `text` is a token of RFC 8866 of 1 to `max` characters.
fn is_token(text: &str, max: usize) -> bool {
    let other = |byte: u8| b"!#$%&'*+-.^_`{|}~".contains(&byte);
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}
