//! The offer as we understand it.

use std::fmt;

use crate::media::{Codec, Kind};
use crate::webrtc::fingerprint::Fingerprint;

use super::Role;

/// A checked offer. Fields are for reading: only [`super::parse_offer`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the client wants.
    pub role: Role,
    /// What was accepted, in order; at least one. The index here is webrtcbin's m-line number.
    pub sections: Vec<Section>,
    /// What was refused, in order.
    pub refused: Vec<Refused>,
    /// The certificate that the client promises to show, the same in every section.
    pub fingerprint: Fingerprint,
    /// The credentials of the one ICE transport.
    pub ice: Ice,
    /// Which side begins the DTLS handshake.
    pub setup: Setup,
    /// Whether the client asked for a bundle. If not, there is one section and the answer may not name a bundle.
    pub bundled: bool,
    /// Candidates that came inside the offer, written anew (`candidate:…`).
    pub candidates: Vec<String>,
}

/// An accepted m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The client's number of this m-line.
    pub line: usize,
    /// Its identification: a token of at most 32 characters, unique in the offer.
    pub mid: String,
    /// Sound or pictures.
    pub kind: Kind,
    /// The one codec that the answer will have.
    pub codec: NegotiatedCodec,
    /// Header extensions that we use. None for subscribers: the forwarder strips all of them.
    pub extensions: Vec<Extension>,
    /// The SSRCs that the client will send with, in its order. webrtcbin 1.22 finds the section of a packet by them.
    pub ssrcs: Vec<u32>,
    /// Pairs of an SSRC and that of its retransmissions, out of [`Self::ssrcs`].
    pub retransmissions: Vec<(u32, u32)>,
    /// Whether the client takes reduced-size RTCP.
    pub reduced_size: bool,
}

/// The codec chosen for a section, with the client's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedCodec {
    /// Which one.
    pub codec: Codec,
    /// Its payload type.
    pub payload: u8,
    /// The payload type of its retransmissions.
    pub rtx: Option<u8>,
    /// Its format parameters: known names, checked values.
    pub fmtp: Vec<(&'static str, String)>,
    /// The feedback that the client offers.
    pub feedback: Vec<Feedback>,
}

/// A header extension with the client's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// 1 to 14.
    pub id: u8,
    /// One of those that we know.
    pub uri: &'static str,
}

/// RTCP feedback that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feedback {
    /// Lost packets, RFC 4585.
    Nack,
    /// Keyframe requests, RFC 4585.
    NackPli,
    /// Keyframe requests, RFC 5104.
    CcmFir,
    /// Transport-wide congestion control.
    TransportCc,
    /// The receiver's bandwidth estimate.
    GoogRemb,
}

impl Feedback {
    pub(super) const ALL: [Self; 5] = [Self::Nack, Self::NackPli, Self::CcmFir, Self::TransportCc, Self::GoogRemb];

    /// Its text in `a=rtcp-fb`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::NackPli => "nack pli",
            Self::CcmFir => "ccm fir",
            Self::TransportCc => "transport-cc",
            Self::GoogRemb => "goog-remb",
        }
    }
}

/// ICE credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ice {
    /// 4 to 256 ice-chars.
    pub ufrag: String,
    /// 22 to 256 ice-chars.
    pub pwd: String,
    /// Whether more candidates may come later.
    pub trickle: bool,
}

/// Who begins the DTLS handshake, in the client's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// Either side.
    ActPass,
    /// The client.
    Active,
    /// The server.
    Passive,
}

impl Setup {
    pub(super) const ALL: [Self; 3] = [Self::ActPass, Self::Active, Self::Passive];

    /// Its text in `a=setup`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// An m-line that the answer refuses with port 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The client's number of this m-line.
    pub line: usize,
    /// Its medium: a token.
    pub media: String,
    /// Its transport: tokens with slashes.
    pub proto: String,
    /// Its first format: a token.
    pub format: String,
    /// Its identification, where the client gave one.
    pub mid: Option<String>,
    /// Why.
    pub why: Refusal,
}

/// Why an m-line is refused while the rest of the offer is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Neither sound nor pictures: data channels, for instance.
    Medium,
    /// The client itself switched it off with port 0.
    Disabled,
    /// Its direction is of no use for the role.
    Direction,
    /// It lacks the codec of the room.
    Codec,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium => "it is neither audio nor video",
            Self::Disabled => "its port is 0",
            Self::Direction => "its direction carries nothing that was asked for",
            Self::Codec => "it lacks the codec of this room",
        })
    }
}

impl Offer {
    /// How many m-lines the client has written.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.sections.len() + self.refused.len()
    }

    /// webrtcbin's m-line for a candidate that the client names with its own number: 0, the only transport there is.
    /// None for a number that the offer does not have, so that the caller may say so.
    #[must_use]
    pub fn local_line(&self, line: usize) -> Option<u32> {
        (line < self.lines()).then_some(0)
    }

    /// The client's m-line number and mid for a candidate that webrtcbin gathered for its m-line `index`.
    #[must_use]
    pub fn remote_line(&self, index: u32) -> Option<(usize, &str)> {
        let section = self.sections.get(usize::try_from(index).ok()?)?;
        Some((section.line, &section.mid))
    }

    /// How many SSRCs the client has declared: the bound for rtpbin's `max-streams`.
    #[must_use]
    pub fn ssrc_count(&self) -> usize {
        self.sections.iter().map(|section| section.ssrcs.len()).sum()
    }
}
