//! webrtcbin's offer to what a server gets, to which we send.
//!
//! webrtcbin 1.22 writes no `a=msid`, which RFC 9725 wants in every m-line, and asks for feedback on a header extension that it
//! does not send. And it gives all m-lines but the first the port 0, as `a=bundle-only` has it: not every server has read RFC
//! 8843 to that place, and the others are content with the usual 9, which other encoders send.

use sdp_types::{Attribute, Media, Session};

use crate::media::{Codec, Kind};

use super::error::{SdpError, quote};
use super::model::{Offer, Section};
use super::{Policy, Profile, Role, is_token, parse_offer};

/// What we offer to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOffer {
    offer: Offer,
    text: String,
}

impl OwnOffer {
    /// Completes webrtcbin's offer `raw` of Opus and H.264: all its `candidates` (`candidate:…`), and that everything belongs to
    /// the one media stream `stream`.
    ///
    /// # Errors
    /// When it is none that could be sent.
    pub fn finish(raw: &str, candidates: &[String], stream: &str) -> Result<Self, SdpError> {
        if !is_token(stream, 56) {
            return Err(SdpError::StreamId(quote(stream)));
        }
        let policy = Policy { profile: Profile::Any, ..Policy::new(Codec::H264) };
        let offer = parse_offer(raw, Role::Publisher, &policy)?;
        if let Some(refused) = offer.refused.first() {
            return Err(SdpError::NothingAccepted(format!("m-line {}: {}", refused.line, refused.why)));
        }
        let unwritten = |error: String| SdpError::Syntax(quote(&error));
        let mut session = Session::parse(raw.as_bytes()).map_err(|error| unwritten(error.to_string()))?;
        for (media, section) in session.medias.iter_mut().zip(&offer.sections) {
            complete(media, section, stream);
        }
        if let Some(first) = session.medias.first_mut() {
            let values = candidates.iter().map(|candidate| candidate.strip_prefix("candidate:").unwrap_or(candidate));
            first.attributes.extend(values.map(|value| Attribute::with_value("candidate", value)));
            first.attributes.push(Attribute::new("end-of-candidates"));
        }
        let mut text = Vec::new();
        session.write(&mut text).map_err(|error| unwritten(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|error| unwritten(error.to_string()))?;
        Ok(Self { offer, text })
    }

    /// What the server gets.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The m-lines, in order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.offer.sections
    }
}

fn complete(media: &mut Media, section: &Section, stream: &str) {
    let track = format!("{stream}-{}", section.kind);
    media.port = 9;
    media.attributes.retain(|attribute| {
        let is_transport_cc = || attribute.value.as_deref().is_some_and(|value| value.ends_with(" transport-cc"));
        match attribute.attribute.as_str() {
            "bundle-only" | "msid" => false,
            "rtcp-fb" => !is_transport_cc(),
            _ => true,
        }
    });
    for attribute in &mut media.attributes {
        // webrtcbin's own msid beside each SSRC would contradict ours.
        let ssrc = attribute.value.as_deref().and_then(|value| value.split_once(" msid:")).map(|(ssrc, _)| ssrc);
        if let ("ssrc", Some(ssrc)) = (attribute.attribute.as_str(), ssrc) {
            attribute.value = Some(format!("{ssrc} msid:{stream} {track}"));
        }
        // Flags have no value: webrtcbin writes a colon behind some.
        if attribute.value.as_deref() == Some("") {
            attribute.value = None;
        }
    }
    media.attributes.push(Attribute::with_value("msid", format!("{stream} {track}")));
}

/// What RFC 6184, section 8.1, calls `profile-level-id`, of what GStreamer says of H.264: none where no browser has a name for it.
///
/// Constrained baseline is written `42e0`, as everybody does: servers compare it letter by letter. Such a stream keeps to the
/// third constraint as well, since the extended profile has all of baseline.
#[must_use]
pub fn profile_level_id(profile: &str, level: &str) -> Option<String> {
    let profile = match profile {
        "baseline" => "4200",
        "constrained-baseline" => "42e0",
        "main" => "4d00",
        "high" => "6400",
        "constrained-high" => "640c",
        "progressive-high" => "6408",
        _ => return None,
    };
    let (whole, tenth) = level.split_once('.').unwrap_or((level, "0"));
    let level = match level {
        // Below 1.1, and without a number of its own in these profiles.
        "1b" => 11,
        _ => whole.parse::<u8>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok().filter(|tenth| *tenth < 10)?)?,
    };
    (10..=62).contains(&level).then(|| format!("{profile}{level:02x}"))
}

/// What is offered of a codec beside its name: format parameters, as fields of caps.
pub(in crate::webrtc) fn parameters(codec: Codec, profile_level_id: &str) -> Vec<(&'static str, String)> {
    match codec.kind() {
        // A mix has two channels; who does not hear of it takes it for one.
        Kind::Audio => vec![("stereo", "1".to_owned()), ("sprop-stereo", "1".to_owned())],
        Kind::Video => vec![
            ("level-asymmetry-allowed", "1".to_owned()),
            ("packetization-mode", "1".to_owned()),
            ("profile-level-id", profile_level_id.to_owned()),
        ],
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As webrtcbin 1.22 writes it.
    pub(in crate::webrtc::sdp) const RAW: &str = include_str!("../../../tests/fixtures/webrtcbin-sender.offer");

    #[test]
    fn every_line_says_its_stream_and_has_a_port() {
        let candidates = ["candidate:1 1 UDP 2015363327 192.0.2.1 40000 typ host".to_owned()];
        let offer = OwnOffer::finish(RAW, &candidates, "mix").unwrap();
        let text = offer.text();
        assert_eq!(text.matches("a=msid:mix mix-").count(), 2, "{text}");
        assert_eq!(text.matches("a=rtcp-mux-only").count(), 2, "{text}");
        assert_eq!(text.matches("a=sendonly").count(), 2, "{text}");
        assert_eq!(text.matches(" 9 UDP/TLS/RTP/SAVPF").count(), 2, "{text}");
        for unwanted in ["bundle-only", "webrtctransceiver", "transport-cc"] {
            assert!(!text.contains(unwanted), "{text}");
        }
        assert!(
            text.contains("a=candidate:1 1 UDP 2015363327 192.0.2.1 40000 typ host\r\na=end-of-candidates"),
            "{text}"
        );
        assert!(text.contains("a=group:BUNDLE"), "{text}");
        let [sound, picture] = offer.sections() else { panic!("{offer:?}") };
        assert_eq!((sound.codec.codec, picture.codec.codec), (Codec::Opus, Codec::H264));
        assert!(sound.codec.rtx.is_none() && picture.codec.rtx.is_some(), "{offer:?}");
        assert!(picture.codec.fmtp.contains(&("profile-level-id", "42e01f".to_owned())), "{offer:?}");
        // A server reads it as ours does.
        let read = parse_offer(text, Role::Publisher, &Policy::new(Codec::H264)).unwrap();
        assert_eq!(read.sections.len(), 2);
        assert_eq!(read.candidates.len(), 1);
    }

    #[test]
    fn profiles_are_named_as_everybody_names_them() {
        for (profile, level, id) in [
            ("constrained-baseline", "3.1", Some("42e01f")),
            ("baseline", "3", Some("42001e")),
            ("main", "4", Some("4d0028")),
            ("high", "5.1", Some("640033")),
            ("high-10", "5.1", None),
            ("main", "", None),
            ("main", "9.9", None),
            ("main", "3.11", None),
        ] {
            assert_eq!(profile_level_id(profile, level).as_deref(), id, "{profile} {level}");
        }
    }

    #[test]
    fn what_is_no_offer_is_not_sent() {
        assert!(OwnOffer::finish("hello", &[], "mix").is_err());
        assert!(OwnOffer::finish(RAW, &[], "a b").is_err());
        assert!(OwnOffer::finish(&RAW.replace("H264", "H265"), &[], "mix").is_err());
    }
}
