//! Why an offer or an answer is refused, in words for the client's developer.

use super::PROFILE;

/// Why a description is refused. `line` is the client's number of an m-line, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More text than allowed.
    #[error("the offer has {bytes} bytes, more than {limit}: offer fewer m-lines")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Not SDP.
    #[error("the description is not SDP ({0}): send it as the browser made it")]
    Syntax(String),
    /// More m-lines than allowed.
    #[error("the offer has {sections} m-lines, more than {limit}: use a further connection for the rest")]
    TooManySections {
        /// How many it has.
        sections: usize,
        /// The bound.
        limit: usize,
    },
    /// Nothing that could be accepted.
    #[error(
        "the offer has no m-line that can be accepted ({0}): offer audio or video with Opus and the codec of this room"
    )]
    NothingAccepted(String),
    /// An attribute that may stand once stands twice.
    #[error("{place} has a={attribute} more than once: send it once")]
    Repeated {
        /// Which m-line, or the session.
        place: Place,
        /// Its name.
        attribute: &'static str,
    },
    /// An attribute is missing.
    #[error("{place} lacks a={attribute}: send the offer as the browser made it")]
    Missing {
        /// Which m-line.
        place: Place,
        /// Its name.
        attribute: &'static str,
    },
    /// An attribute has a value outside its grammar or bounds.
    #[error("{place} has a={attribute} with the value {value}, which is not valid: {advice}")]
    Invalid {
        /// Which m-line, or the session.
        place: Place,
        /// Its name.
        attribute: &'static str,
        /// The value, shortened.
        value: String,
        /// What would be.
        advice: &'static str,
    },
    /// The m-line itself is outside its grammar.
    #[error("{place} has the {part} {value}, which is not valid: send the offer as the browser made it")]
    MediaLine {
        /// Which m-line.
        place: Place,
        /// Which part of it.
        part: &'static str,
        /// The value, shortened.
        value: String,
    },
    /// Two m-lines with one mid.
    #[error("two m-lines have the mid {0}: give each its own")]
    DuplicateMid(String),
    /// Another profile than the one that browsers use.
    #[error("{place} has the profile {found}: only {PROFILE} is accepted")]
    Profile {
        /// Which m-line.
        place: Place,
        /// What it has, shortened.
        found: String,
    },
    /// Not in the bundle.
    #[error("{0} is not in a=group:BUNDLE: offer with bundlePolicy \"max-bundle\" or \"balanced\"")]
    NotBundled(Place),
    /// Two sections contradict each other where a bundle allows one value.
    #[error("{place} has another {what} than the m-lines before it: all m-lines of a bundle share one")]
    Contradiction {
        /// The later m-line.
        place: Place,
        /// What differs.
        what: &'static str,
    },
    /// A retransmission payload that retransmits retransmissions.
    #[error(
        "{place} has a retransmission payload {payload} for payload {of}, which is itself one: name a codec's payload in apt"
    )]
    RetransmissionLoop {
        /// Which m-line.
        place: Place,
        /// The payload type.
        payload: u8,
        /// What it names in `apt`.
        of: u8,
    },
    /// More SSRCs than allowed.
    #[error("{place} declares more than {limit} SSRCs: publish one stream without simulcast")]
    TooManySsrcs {
        /// Which m-line.
        place: Place,
        /// The bound.
        limit: usize,
    },
    /// Packets of this section could not be told from others.
    #[error(
        "{0} declares no SSRC, so its packets could not be told from those of other m-lines: offer without simulcast"
    )]
    NoSsrc(Place),
    /// webrtcbin's answer is not one to this offer.
    #[error("the answer does not fit the offer ({0}): close this connection")]
    Answer(String),
    /// The id for the media stream is not a token.
    #[error("the media stream id {0} is not a token of at most 56 characters: choose another one")]
    StreamId(String),
}

impl SdpError {
    /// What is wrong, without what a client should do about it: for what a server has answered.
    pub(super) fn fact(&self) -> String {
        match self {
            Self::Syntax(detail) => format!("it is not SDP ({detail})"),
            Self::Repeated { place, attribute } => format!("{place} has a={attribute} more than once"),
            Self::Missing { place, attribute } => format!("{place} lacks a={attribute}"),
            Self::Invalid { place, attribute, value, .. } => {
                format!("{place} has a={attribute} with the value {value}, which is not valid")
            }
            Self::MediaLine { place, part, value } => format!("{place} has the {part} {value}"),
            Self::Profile { place, found } => format!("{place} has the profile {found}"),
            other => other.to_string(),
        }
    }
}

/// Where in a description something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the first m-line.
    Session,
    /// The m-line with this number.
    Line(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session => f.write_str("the session part"),
            Self::Line(line) => write!(f, "m-line {line}"),
        }
    }
}

/// A client's text in an error: escaped, in quotes, and short.
pub(super) fn quote(text: &str) -> String {
    const SHOWN: usize = 40;
    let short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}
