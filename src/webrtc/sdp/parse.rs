//! Text to [`Offer`].

use sdp_types::Session;

use crate::webrtc::candidate::{self, Candidate};

use super::attributes::Attributes;
use super::error::{Place, SdpError, quote};
use super::model::{Offer, Section};
use super::section::{self, Outcome, Transport};
use super::{Policy, Role, is_token};

/// Reads and checks a client's offer. What cannot be used (a data channel, an unknown codec) is refused alone; what is
/// wrong refuses the whole offer.
pub fn parse_offer(text: &str, role: Role, policy: &Policy) -> Result<Offer, SdpError> {
    if text.len() > policy.max_bytes {
        return Err(SdpError::TooLarge { bytes: text.len(), limit: policy.max_bytes });
    }
    let parsed = Session::parse(text.as_bytes()).map_err(|error| SdpError::Syntax(quote(&error.to_string())))?;
    let (count, limit) = (parsed.medias.len(), policy.max_sections);
    if count > limit {
        return Err(SdpError::TooManySections { sections: count, limit });
    }
    let session = Attributes::gather(Place::Session, &parsed.attributes)?;
    let attributes = parsed.medias.iter().enumerate().map(|(line, media)| attributes(line, media));
    let attributes = attributes.collect::<Result<Vec<_>, _>>()?;
    check_mids(&attributes)?;

    let (mut sections, mut refused) = (Vec::new(), Vec::new());
    for (line, (media, attributes)) in parsed.medias.iter().zip(&attributes).enumerate() {
        match section::read(line, media, attributes, &session, role, policy)? {
            Outcome::Accepted(section) => sections.push(section),
            Outcome::Refused(why) => refused.push(why),
        }
    }
    let Some(first) = sections.first() else {
        let reasons: Vec<_> =
            refused.iter().take(4).map(|line| format!("m-line {}: {}", line.line, line.why)).collect();
        let reasons = if reasons.is_empty() { "there is none".to_owned() } else { reasons.join(", ") };
        return Err(SdpError::NothingAccepted(reasons));
    };
    check_bundle(&sections, &session)?;
    check_numbers(&sections)?;
    if role == Role::Publisher {
        check_ssrcs(&sections)?;
    }
    let Transport { ice, setup, fingerprint } = shared_transport(&sections, &attributes, &session)?;
    // The others' transports end with the answer, which bundles everything into the first accepted one.
    let offered = attributes.get(first.line).into_iter().flat_map(|first| &first.candidates);
    let candidates = offered.filter_map(|text| candidate_line(text, policy)).take(policy.max_candidates).collect();
    let bundled = session.bundle.is_some();
    Ok(Offer { role, sections, refused, fingerprint, ice, setup, bundled, candidates })
}

fn attributes(line: usize, media: &sdp_types::Media) -> Result<Attributes<'_>, SdpError> {
    let attributes = Attributes::gather(Place::Line(line), &media.attributes)?;
    match attributes.mid {
        Some(mid) if !is_token(mid, 32) => {
            Err(attributes.invalid("mid", mid, "a mid is a token of 1 to 32 characters"))
        }
        _ => Ok(attributes),
    }
}

/// A candidate inside the offer that cannot be used is no reason to refuse the rest: others may follow.
fn candidate_line(text: &str, policy: &Policy) -> Option<String> {
    match candidate::parse(&format!("candidate:{text}"), policy.candidates) {
        Ok(Candidate::Line(line)) => Some(line),
        _ => None,
    }
}

fn check_mids(attributes: &[Attributes<'_>]) -> Result<(), SdpError> {
    let mut seen = Vec::new();
    for mid in attributes.iter().filter_map(|attributes| attributes.mid) {
        if seen.contains(&mid) {
            return Err(SdpError::DuplicateMid(quote(mid)));
        }
        seen.push(mid);
    }
    Ok(())
}

/// webrtcbin is given one bundle, so the client must have offered it; a section alone needs none.
fn check_bundle(sections: &[Section], session: &Attributes<'_>) -> Result<(), SdpError> {
    let in_bundle =
        |section: &&Section| session.bundle.as_ref().is_some_and(|mids| mids.contains(&section.mid.as_str()));
    if sections.len() == 1 && session.bundle.is_none() {
        return Ok(());
    }
    match sections.iter().find(|section| !in_bundle(section)) {
        Some(section) => Err(SdpError::NotBundled(Place::Line(section.line))),
        None => Ok(()),
    }
}

/// In a bundle, a payload type and an extension id mean the same in every section.
fn check_numbers(sections: &[Section]) -> Result<(), SdpError> {
    let (mut payloads, mut ids) = (Vec::new(), Vec::new());
    for section in sections {
        let (codec, rtx) = (&section.codec, section.codec.rtx);
        let place = Place::Line(section.line);
        let own =
            [Some((codec.payload, (codec.codec, None))), rtx.map(|rtx| (rtx, (codec.codec, Some(codec.payload))))];
        for (payload, meaning) in own.into_iter().flatten() {
            if payloads.iter().any(|(known, other)| *known == payload && *other != meaning) {
                return Err(SdpError::Contradiction { place, what: "meaning of a payload type" });
            }
            payloads.push((payload, meaning));
        }
        for extension in &section.extensions {
            if ids.iter().any(|(id, uri)| *id == extension.id && *uri != extension.uri) {
                return Err(SdpError::Contradiction { place, what: "meaning of an extmap id" });
            }
            ids.push((extension.id, extension.uri));
        }
    }
    Ok(())
}

/// webrtcbin 1.22 finds a packet's section by its SSRC, and takes the first section for one that it does not know.
fn check_ssrcs(sections: &[Section]) -> Result<(), SdpError> {
    let mut seen = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let place = Place::Line(section.line);
        if section.ssrcs.is_empty() && index > 0 {
            return Err(SdpError::NoSsrc(place));
        }
        for ssrc in &section.ssrcs {
            if seen.contains(ssrc) {
                return Err(SdpError::Contradiction { place, what: "section for an SSRC" });
            }
            seen.push(*ssrc);
        }
    }
    Ok(())
}

fn shared_transport(
    sections: &[Section],
    attributes: &[Attributes<'_>],
    session: &Attributes<'_>,
) -> Result<Transport, SdpError> {
    let tag = session.bundle.as_ref().and_then(|mids| mids.first());
    let tag = tag.and_then(|tag| attributes.iter().find(|attributes| attributes.mid == Some(tag)));
    let mut shared: Option<Transport> = None;
    for own in sections.iter().filter_map(|section| attributes.get(section.line)) {
        let transport = section::transport(own, session, tag)?;
        match &shared {
            None => shared = Some(transport),
            Some(first) => agree(first, &transport, own.place)?,
        }
    }
    // There is at least one section.
    shared.ok_or_else(|| SdpError::NothingAccepted("there is none".to_owned()))
}

/// Credentials may differ: those of the first section are used for all.
pub(super) fn agree(first: &Transport, other: &Transport, place: Place) -> Result<(), SdpError> {
    if first.fingerprint != other.fingerprint {
        return Err(SdpError::Contradiction { place, what: "a=fingerprint" });
    }
    if first.setup != other.setup {
        return Err(SdpError::Contradiction { place, what: "a=setup" });
    }
    Ok(())
}
