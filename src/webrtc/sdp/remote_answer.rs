//! A server's answer to what we offer to send, before webrtcbin sees it.
//!
//! Pure code, any thread. As with offers, no line of the other side's text is copied: what webrtcbin gets is written anew from
//! checked values, with the codecs and the numbers of our own offer.

use std::net::IpAddr;

use sdp_types::{Media, Session};

use crate::webrtc::candidate::{self, Candidate, CandidatePolicy};
use crate::webrtc::fingerprint::Fingerprint;

use super::attributes::{Attributes, Direction, number};
use super::error::{Place, SdpError, quote};
use super::model::{Feedback, NegotiatedCodec, Offer, Section, Setup};
use super::own_offer::OwnOffer;
use super::section::transport;
use super::{PROFILE, Role, is_token, parse};

/// The longest answer: servers write some kilobytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most candidates kept.
const MAX_CANDIDATES: usize = 32;

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is none, or wrong.
    #[error("the server's answer cannot be used: {0}")]
    Unusable(String),
    /// It does not want all that we send.
    #[error("the server takes no {0}: it may want another codec")]
    Refused(String),
}

impl From<SdpError> for AnswerError {
    fn from(error: SdpError) -> Self {
        Self::Unusable(error.fact())
    }
}

/// Which of a server's candidates are tried.
#[derive(Clone, Copy)]
pub struct AnswerPolicy<'a> {
    /// Also those by TCP.
    pub tcp: bool,
    /// Whether packets may go to an address.
    pub allows: &'a dyn Fn(IpAddr) -> bool,
}

impl std::fmt::Debug for AnswerPolicy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerPolicy").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

/// A checked answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer(Offer);

impl Answer {
    /// Reads and checks the answer to `offer`.
    ///
    /// # Errors
    /// When it is none to this offer, refuses a part of it, or names nowhere that media may go to.
    pub fn parse(text: &str, offer: &OwnOffer, policy: AnswerPolicy<'_>) -> Result<Self, AnswerError> {
        if text.len() > MAX_BYTES {
            return Err(AnswerError::Unusable(format!("it has {} bytes, more than {MAX_BYTES}", text.len())));
        }
        let parsed = Session::parse(text.as_bytes()).map_err(|error| SdpError::Syntax(quote(&error.to_string())))?;
        let (found, wanted) = (parsed.medias.len(), offer.sections().len());
        if found != wanted {
            return Err(AnswerError::Unusable(format!("it has {found} m-lines where {wanted} were offered")));
        }
        let session = Attributes::gather(Place::Session, &parsed.attributes)?;
        let lines = parsed.medias.iter().enumerate();
        let attributes = lines.map(|(line, media)| Attributes::gather(Place::Line(line), &media.attributes));
        let attributes = attributes.collect::<Result<Vec<_>, _>>()?;
        let (mut sections, mut refused) = (Vec::new(), Vec::new());
        for ((media, own), offered) in parsed.medias.iter().zip(&attributes).zip(offer.sections()) {
            match section(media, own, session.direction, offered)? {
                Some(section) => sections.push(section),
                None => refused.push(offered.kind.as_str()),
            }
        }
        if !refused.is_empty() {
            return Err(AnswerError::Refused(refused.join(" and no ")));
        }
        check_bundle(&sections, &session)?;
        let Some(first) = attributes.first() else { return Err(AnswerError::Unusable("it is empty".to_owned())) };
        let shared = transport(first, &session, None)?;
        // Those of the bundle need not repeat what the first has, and must not contradict it.
        for other in attributes.iter().skip(1).filter(|other| other.ufrag.is_some()) {
            parse::agree(&shared, &transport(other, &session, None)?, other.place)?;
        }
        if shared.setup == Setup::ActPass {
            return Err(first.invalid("setup", Setup::ActPass.as_str(), "an answer says active or passive").into());
        }
        if !attributes.iter().any(|attributes| attributes.mux) {
            return Err(first.missing("rtcp-mux").into());
        }
        let candidates = candidates(&attributes, &session, policy)?;
        Ok(Self(Offer {
            role: Role::Subscriber,
            sections,
            refused: Vec::new(),
            fingerprint: shared.fingerprint,
            ice: shared.ice,
            setup: shared.setup,
            bundled: true,
            candidates,
        }))
    }

    /// The certificate that the server promises to show.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    /// Where media may go, as `candidate:…`.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        &self.0.candidates
    }

    /// What was agreed on, in the order of the offer.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.0.sections
    }

    /// As SDP for `set-remote-description`.
    #[must_use]
    pub fn to_sdp(&self) -> String {
        self.0.to_sdp()
    }
}

/// What the server takes of an m-line; none if it takes nothing.
fn section(
    media: &Media,
    own: &Attributes<'_>,
    session: Option<Direction>,
    offered: &Section,
) -> Result<Option<Section>, AnswerError> {
    let place = own.place;
    let misfit = |part: &'static str, value: &str| SdpError::MediaLine { place, part, value: quote(value) };
    if media.media != offered.kind.as_str() {
        return Err(misfit("medium", &media.media).into());
    }
    // With bundle-only, port 0 does not mean "off" (RFC 8843).
    if media.port == 0 && !own.bundle_only {
        return Ok(None);
    }
    if media.proto != PROFILE {
        return Err(misfit("profile", &media.proto).into());
    }
    if let Some(mid) = own.mid.filter(|mid| *mid != offered.mid) {
        let shown = if is_token(mid, 32) { mid } else { "another one" };
        return Err(own.invalid("mid", shown, "it has to be that of the offer").into());
    }
    // Some leave the default, by which they would send as well.
    let direction = own.direction.or(session).unwrap_or(Direction::SendRecv);
    if !matches!(direction, Direction::RecvOnly | Direction::SendRecv) {
        return Ok(None);
    }
    Ok(codec(media, own, &offered.codec)?.map(|codec| Section {
        codec,
        extensions: Vec::new(),
        ssrcs: Vec::new(),
        retransmissions: Vec::new(),
        reduced_size: own.reduced_size,
        ..offered.clone()
    }))
}

/// The codec that was offered, if it is among those of the answer, with what the server takes of its feedback.
fn codec(
    media: &Media,
    own: &Attributes<'_>,
    offered: &NegotiatedCodec,
) -> Result<Option<NegotiatedCodec>, AnswerError> {
    let is_listed = |payload: u8| media.fmt.split_ascii_whitespace().any(|word| number(word) == Some(payload));
    let encoding = |payload: u8| own.maps.iter().find(|(known, _)| *known == payload).map(|(_, map)| map);
    if !is_listed(offered.payload) {
        return Ok(None);
    }
    let map = encoding(offered.payload).ok_or_else(|| own.missing("rtpmap"))?;
    let named = offered.codec.encoding_name();
    if !map.encoding.eq_ignore_ascii_case(named) || map.rate != offered.codec.clock_rate() {
        return Ok(None);
    }
    let repeats = |payload: &u8| {
        is_listed(*payload) && encoding(*payload).is_some_and(|map| map.encoding.eq_ignore_ascii_case("rtx"))
    };
    let takes = |kind: &Feedback| {
        let said =
            |(of, text): &(Option<u8>, &str)| of.is_none_or(|of| of == offered.payload) && *text == kind.as_str();
        offered.feedback.contains(kind) && own.feedback.iter().any(said)
    };
    Ok(Some(NegotiatedCodec {
        rtx: offered.rtx.filter(repeats),
        feedback: Feedback::ALL.into_iter().filter(takes).collect(),
        ..offered.clone()
    }))
}

/// All of it goes one way: webrtcbin has only one.
fn check_bundle(sections: &[Section], session: &Attributes<'_>) -> Result<(), AnswerError> {
    let in_bundle =
        |section: &&Section| session.bundle.as_ref().is_some_and(|mids| mids.contains(&section.mid.as_str()));
    match sections.iter().find(|section| sections.len() > 1 && !in_bundle(section)) {
        Some(section) => Err(AnswerError::Unusable(format!("{} is not in a=group:BUNDLE", Place::Line(section.line)))),
        None => Ok(()),
    }
}

/// The candidates that may be tried. One that cannot be used is no reason to refuse the others.
fn candidates(
    attributes: &[Attributes<'_>],
    session: &Attributes<'_>,
    policy: AnswerPolicy<'_>,
) -> Result<Vec<String>, AnswerError> {
    // The loopback's are judged as all others are.
    let known = CandidatePolicy { tcp: policy.tcp, loopback: true };
    let offered = attributes.iter().chain([session]).flat_map(|attributes| &attributes.candidates);
    let (mut candidates, mut forbidden) = (Vec::<String>::new(), None);
    for text in offered {
        let Ok(Candidate::Line(line)) = candidate::parse(&format!("candidate:{text}"), known) else { continue };
        match candidate::address(&line) {
            Some(address) if !(policy.allows)(address) => forbidden = Some(address),
            // The lines of a bundle repeat them.
            Some(_) if candidates.len() < MAX_CANDIDATES && !candidates.contains(&line) => candidates.push(line),
            _ => {}
        }
    }
    match (candidates.is_empty(), forbidden) {
        (false, _) => Ok(candidates),
        (true, Some(address)) => Err(AnswerError::Unusable(format!(
            "it names {address}, where outputs may not go: see outputs.allow and outputs.deny in the configuration"
        ))),
        (true, None) => Err(AnswerError::Unusable("it has no candidate that could be used".to_owned())),
    }
}

#[cfg(test)]
mod tests;
