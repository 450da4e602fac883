//! webrtcbin's answer to what the client gets.
//!
//! webrtcbin 1.22 writes no `a=msid`, so browsers would make up a stream for each track; and it answers the accepted
//! m-lines only, where the client needs one answer for each of its own.

use sdp_types::{Attribute, Media, Session};

use crate::media::Kind;

use super::error::{SdpError, quote};
use super::model::{Offer, Refused, Section};
use super::{Role, is_token};

/// What any network of today carries; congestion control takes it from there, either way.
const START_KBPS: u32 = 1000;

/// Completes the answer: every section that sends belongs to the media stream `stream` (old clients show only the first
/// stream, so there is one), refused m-lines return to their places, and the bundle names what is in it.
pub fn finish_answer(answer: &str, offer: &Offer, stream: &str) -> Result<String, SdpError> {
    if !is_token(stream, 56) {
        return Err(SdpError::StreamId(quote(stream)));
    }
    let mut session = Session::parse(answer.as_bytes()).map_err(|error| misfit(&error.to_string()))?;
    let answered = std::mem::take(&mut session.medias);
    if answered.len() != offer.sections.len() {
        let (found, wanted) = (answered.len(), offer.sections.len());
        return Err(SdpError::Answer(format!("it has {found} m-lines where {wanted} were accepted")));
    }
    let mut lines = Vec::with_capacity(offer.lines());
    let mut bundle = "BUNDLE".to_owned();
    for (mut media, section) in answered.into_iter().zip(&offer.sections) {
        check(&media, section)?;
        if media.port != 0 {
            bundle.push_str(&format!(" {}", section.mid));
        }
        complete(&mut media, section, offer.role, stream);
        lines.push((section.line, media));
    }
    lines.extend(offer.refused.iter().map(|refused| (refused.line, refusal(refused))));
    lines.sort_by_key(|(line, _)| *line);
    session.medias = lines.into_iter().map(|(_, media)| media).collect();

    session.attributes.retain(|attribute| !matches!(attribute.attribute.as_str(), "group" | "msid-semantic"));
    if offer.bundled {
        session.attributes.push(Attribute::with_value("group", bundle));
    }
    if offer.role == Role::Subscriber {
        session.attributes.push(Attribute::with_value("msid-semantic", format!(" WMS {stream}")));
    }
    let mut text = Vec::new();
    session.write(&mut text).map_err(|error| misfit(&error.to_string()))?;
    String::from_utf8(text).map_err(|error| misfit(&error.to_string()))
}

/// The answer must be about this section: same medium, same mid, the codec that was chosen, and never the wrong way.
fn check(media: &Media, section: &Section) -> Result<(), SdpError> {
    let about = |what: &str| Err(SdpError::Answer(format!("m-line {} has another {what}", section.line)));
    if media.media != section.kind.as_str() {
        return about("medium");
    }
    if value(media, "mid") != Some(&section.mid) {
        return about("mid");
    }
    let first = media.fmt.split(' ').next().unwrap_or_default();
    if media.port != 0 && !media.has_attribute("inactive") && first != section.codec.payload.to_string() {
        return about("codec");
    }
    Ok(())
}

fn complete(media: &mut Media, section: &Section, role: Role, stream: &str) {
    let sends = role == Role::Subscriber && media.port != 0 && media.has_attribute("sendonly");
    let track = format!("{stream}-{}", section.line);
    media.attributes.retain(|attribute| attribute.attribute != "msid");
    for attribute in &mut media.attributes {
        // webrtcbin's own msid beside each SSRC would contradict ours.
        let ssrc = attribute.value.as_deref().and_then(|value| value.split_once(" msid:")).map(|(ssrc, _)| ssrc);
        if let ("ssrc", Some(ssrc)) = (attribute.attribute.as_str(), ssrc) {
            attribute.value = Some(format!("{ssrc} msid:{stream} {track}"));
        }
    }
    if sends {
        media.attributes.push(Attribute::with_value("msid", format!("{stream} {track}")));
    }
    if section.kind == Kind::Video {
        set_parameters(media, section, role);
    }
    if media.port != 0 && !media.has_attribute("ice-options") {
        media.attributes.push(Attribute::with_value("ice-options", "trickle"));
    }
}

/// webrtcbin 1.22 leaves out H264's profile, which then means baseline of the lowest level. And a publisher is told where
/// to begin, in kbit/s: Chromium begins at 300, takes a small picture for it, and then probes no further than that needs.
fn set_parameters(media: &mut Media, section: &Section, role: Role) {
    let prefix = format!("{} ", section.codec.payload);
    let ours = |attribute: &Attribute| {
        attribute.attribute == "fmtp" && attribute.value.as_deref().is_some_and(|value| value.starts_with(&prefix))
    };
    media.attributes.retain(|attribute| !ours(attribute));
    let mut parameters: Vec<_> = section.codec.fmtp.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if role == Role::Publisher {
        parameters.push(format!("x-google-start-bitrate={START_KBPS}"));
    }
    if !parameters.is_empty() {
        media.attributes.push(Attribute::with_value("fmtp", prefix + &parameters.join(";")));
    }
}

fn refusal(refused: &Refused) -> Media {
    let mut attributes = vec![Attribute::new("inactive")];
    attributes.extend(refused.mid.iter().map(|mid| Attribute::with_value("mid", mid)));
    Media {
        media: refused.media.clone(),
        port: 0,
        num_ports: None,
        proto: refused.proto.clone(),
        fmt: refused.format.clone(),
        media_title: None,
        connections: vec![sdp_types::Connection::from_ip_addr(std::net::Ipv4Addr::UNSPECIFIED)],
        bandwidths: Vec::new(),
        key: None,
        attributes,
    }
}

fn value<'a>(media: &'a Media, name: &'a str) -> Option<&'a str> {
    media.get_first_attribute_value(name).flatten()
}

pub(super) fn misfit(error: &str) -> SdpError {
    SdpError::Answer(quote(error))
}
