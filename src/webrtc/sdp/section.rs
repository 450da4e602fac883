//! One m-line: accepted with its checked values, refused, or an error of the whole offer.

use sdp_types::Media;

use crate::media::{Codec, Kind};
use crate::webrtc::candidate::is_ice;
use crate::webrtc::fingerprint::{Fingerprint, FingerprintError};

use super::attributes::{Attributes, Direction};
use super::error::{Place, SdpError, quote};
use super::model::{Extension, Ice, Refusal, Refused, Section, Setup};
use super::{AUDIO_LEVEL, PROFILE, Policy, Role, TRANSPORT_CC, codecs, is_token};

/// What became of an m-line.
pub(super) enum Outcome {
    Accepted(Section),
    Refused(Refused),
}

/// What the sections of a bundle share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) ice: Ice,
    pub(super) setup: Setup,
    pub(super) fingerprint: Fingerprint,
}

/// Reads the m-line. `session` has the direction that holds where the m-line gives none.
pub(super) fn read(
    line: usize,
    media: &Media,
    attributes: &Attributes<'_>,
    session: &Attributes<'_>,
    role: Role,
    policy: &Policy,
) -> Result<Outcome, SdpError> {
    let place = Place::Line(line);
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == media.media);
    let direction = attributes.direction.or(session.direction).unwrap_or(Direction::SendRecv);
    let wanted = match role {
        Role::Publisher => matches!(direction, Direction::SendOnly | Direction::SendRecv),
        Role::Subscriber => matches!(direction, Direction::RecvOnly | Direction::SendRecv),
    };
    let refuse = |why| refused(line, media, attributes.mid, why).map(Outcome::Refused);

    let Some(kind) = kind else { return refuse(Refusal::Medium) };
    // With bundle-only, port 0 does not mean "off" (RFC 8843).
    if media.port == 0 && !attributes.bundle_only {
        return refuse(Refusal::Disabled);
    }
    if media.proto != PROFILE {
        return Err(SdpError::Profile { place, found: quote(&media.proto) });
    }
    if !wanted {
        return refuse(Refusal::Direction);
    }
    let payloads = payloads(place, &media.fmt)?;
    let codec = if kind == Kind::Audio { Codec::Opus } else { policy.video };
    let Some(codec) = codecs::choose(&payloads, attributes, codec, policy.profile)? else {
        return refuse(Refusal::Codec);
    };

    let mid = attributes.mid.ok_or_else(|| attributes.missing("mid"))?.to_owned();
    if !attributes.mux && !attributes.bundle_only {
        return Err(attributes.missing("rtcp-mux"));
    }
    let mut section = Section {
        line,
        mid,
        kind,
        codec,
        extensions: Vec::new(),
        ssrcs: Vec::new(),
        retransmissions: Vec::new(),
        reduced_size: attributes.reduced_size,
    };
    if role == Role::Publisher {
        section.extensions = extensions(attributes)?;
        (section.ssrcs, section.retransmissions) = ssrcs(attributes, policy)?;
    }
    Ok(Outcome::Accepted(section))
}

/// What the answer needs to refuse the m-line in its place.
fn refused(line: usize, media: &Media, mid: Option<&str>, why: Refusal) -> Result<Refused, SdpError> {
    let check = |part, value: &str, valid: bool| match valid {
        true => Ok(value.to_owned()),
        false => Err(SdpError::MediaLine { place: Place::Line(line), part, value: quote(value) }),
    };
    let format = media.fmt.split(' ').next().unwrap_or_default();
    Ok(Refused {
        line,
        media: check("medium", &media.media, is_token(&media.media, 32))?,
        proto: check(
            "profile",
            &media.proto,
            media.proto.len() <= 32 && media.proto.split('/').all(|part| is_token(part, 32)),
        )?,
        format: check("format", format, is_token(format, 32))?,
        mid: mid.map(str::to_owned),
        why,
    })
}

fn payloads(place: Place, formats: &str) -> Result<Vec<u8>, SdpError> {
    let mut payloads = Vec::new();
    for word in formats.split_ascii_whitespace() {
        let invalid = || SdpError::MediaLine { place, part: "payload type", value: quote(word) };
        let payload = super::attributes::number::<u8>(word).filter(|payload| *payload < 128).ok_or_else(invalid)?;
        if payloads.contains(&payload) {
            return Err(invalid());
        }
        payloads.push(payload);
    }
    Ok(payloads)
}

fn extensions(attributes: &Attributes<'_>) -> Result<Vec<Extension>, SdpError> {
    let mut known = Vec::<Extension>::new();
    for &(id, found) in &attributes.extensions {
        let Some(uri) = [TRANSPORT_CC, AUDIO_LEVEL].into_iter().find(|uri| *uri == found) else { continue };
        // Higher ids need two-byte headers, which nothing here writes.
        let Some(id) = u8::try_from(id).ok().filter(|id| (1..=14).contains(id)) else { continue };
        if known.iter().any(|extension| extension.uri == uri) {
            return Err(SdpError::Repeated { place: attributes.place, attribute: "extmap for one URI" });
        }
        known.push(Extension { id, uri });
    }
    Ok(known)
}

/// The SSRCs, and the pairs of one with its retransmissions.
type Streams = (Vec<u32>, Vec<(u32, u32)>);

fn ssrcs(attributes: &Attributes<'_>, policy: &Policy) -> Result<Streams, SdpError> {
    let (mut ssrcs, mut pairs) = (attributes.ssrcs.clone(), attributes.retransmissions.clone());
    let mut seen = Vec::new();
    for ssrc in pairs.iter().flat_map(|&(first, second)| [first, second]) {
        if seen.contains(&ssrc) || !ssrcs.contains(&ssrc) {
            let advice = "a FID group names SSRCs of its own m-line, each once";
            return Err(attributes.invalid("ssrc-group", &ssrc.to_string(), advice));
        }
        seen.push(ssrc);
    }
    if attributes.simulcast {
        // The answer does not take the simulcast, so the first layer is the only one.
        pairs.retain(|(first, _)| Some(first) == ssrcs.first());
        pairs.truncate(1);
        let first = ssrcs.first().copied();
        ssrcs.retain(|ssrc| Some(*ssrc) == first || pairs.iter().any(|(_, second)| second == ssrc));
    }
    if ssrcs.len() > policy.max_ssrcs {
        return Err(SdpError::TooManySsrcs { place: attributes.place, limit: policy.max_ssrcs });
    }
    Ok((ssrcs, pairs))
}

/// The transport of a section: its own values, else those of the session, else (bundle-only) those of `tag`, the first
/// section of the bundle.
pub(super) fn transport(
    own: &Attributes<'_>,
    session: &Attributes<'_>,
    tag: Option<&Attributes<'_>>,
) -> Result<Transport, SdpError> {
    let tag = tag.filter(|_| own.bundle_only);
    let levels = || [Some(own), Some(session), tag].into_iter().flatten();
    let chars = |name: &'static str, value: Option<&str>, min: usize| {
        let value = value.ok_or_else(|| own.missing(name))?;
        let valid = (min..=256).contains(&value.len()) && is_ice(value);
        if valid { Ok(value.to_owned()) } else { Err(own.invalid(name, value, "send it as the browser made it")) }
    };
    let ice = Ice {
        ufrag: chars("ice-ufrag", levels().find_map(|level| level.ufrag), 4)?,
        pwd: chars("ice-pwd", levels().find_map(|level| level.pwd), 22)?,
        trickle: levels().any(|level| level.trickle),
    };
    let setup = levels().find_map(|level| level.setup).ok_or_else(|| own.missing("setup"))?;
    let known = Setup::ALL.into_iter().find(|known| known.as_str() == setup);
    let setup = known.ok_or_else(|| own.invalid("setup", setup, "an offer says actpass, active or passive"))?;
    // Every level that speaks must say the same: otherwise one could be checked and another one used.
    let mut fingerprint = None;
    for level in levels() {
        if let Some(found) = fingerprint_of(level)?
            && fingerprint.get_or_insert_with(|| found.clone()) != &found
        {
            return Err(SdpError::Contradiction { place: own.place, what: "a=fingerprint" });
        }
    }
    let fingerprint = fingerprint.ok_or_else(|| own.missing("fingerprint"))?;
    Ok(Transport { ice, setup, fingerprint })
}

fn fingerprint_of(attributes: &Attributes<'_>) -> Result<Option<Fingerprint>, SdpError> {
    let invalid = |value: &str| attributes.invalid("fingerprint", value, "send sha-256 with 32 bytes in hexadecimal");
    let mut best = None;
    for value in &attributes.fingerprints {
        match Fingerprint::parse(value) {
            Ok(found) => match &best {
                None => best = Some(found),
                // Several certificates under one hash would leave open which one is meant.
                Some(known) if known.algorithm() == found.algorithm() && *known != found => return Err(invalid(value)),
                Some(_) => {}
            },
            // A further one with a weaker hash may stand beside it (RFC 8122).
            Err(FingerprintError::Algorithm) => {}
            Err(_) => return Err(invalid(value)),
        }
    }
    match (best, attributes.fingerprints.first()) {
        (None, Some(value)) => Err(invalid(value)),
        (best, _) => Ok(best),
    }
}
