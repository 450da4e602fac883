//! Which of a section's payload types is the codec of the room.

use crate::media::Codec;

use super::Profile;
use super::attributes::{Attributes, number};
use super::error::SdpError;
use super::model::{Feedback, NegotiatedCodec};

/// Chooses among `payloads`, the formats of the m-line in the client's order. None if it lacks the codec.
pub(super) fn choose(
    payloads: &[u8],
    attributes: &Attributes<'_>,
    wanted: Codec,
    profile: Profile,
) -> Result<Option<NegotiatedCodec>, SdpError> {
    let retransmissions = retransmissions(payloads, attributes)?;
    // H264's profiles differ in rank; max_by_key would take the last of equals, the client's first comes first.
    let ranked = payloads.iter().filter_map(|&payload| Some((rank(payload, attributes, wanted, profile)?, payload)));
    let Some((_, payload)) = ranked.min_by_key(|(rank, _)| *rank) else { return Ok(None) };
    if (64..96).contains(&payload) {
        // RFC 5761: with rtcp-mux these read as RTCP.
        return Err(attributes.invalid("rtpmap", &payload.to_string(), "with rtcp-mux 64 to 95 are not payload types"));
    }
    let rtx = retransmissions.iter().find(|(rtx, of)| *of == payload && !(64..96).contains(rtx)).map(|(rtx, _)| *rtx);
    let feedback = |kind: &Feedback| {
        let offered = |(of, text): &(Option<u8>, &str)| of.is_none_or(|of| of == payload) && *text == kind.as_str();
        attributes.feedback.iter().any(offered)
    };
    Ok(Some(NegotiatedCodec {
        codec: wanted,
        payload,
        rtx,
        fmtp: parameters(payload, attributes, wanted),
        feedback: Feedback::ALL.into_iter().filter(feedback).collect(),
    }))
}

/// How well a payload type suits: smaller is better, None is another codec.
fn rank(payload: u8, attributes: &Attributes<'_>, wanted: Codec, sent: Profile) -> Option<u8> {
    let (_, map) = attributes.maps.iter().find(|(known, _)| *known == payload)?;
    let same = map.encoding.eq_ignore_ascii_case(wanted.encoding_name()) && map.rate == wanted.clock_rate();
    match wanted {
        _ if !same => None,
        Codec::Opus => (map.channels == Some("2")).then_some(0),
        Codec::Vp8 => matches!(map.channels, None | Some("1")).then_some(0),
        Codec::H264 => {
            let value = |name| raw(payload, attributes).find(|(known, _)| *known == name).map(|(_, value)| value);
            let profile = value("profile-level-id").filter(|id| is_profile(id))?.to_ascii_lowercase();
            let rank = rank_of_profile(profile.get(..4)?, sent)?;
            (value("packetization-mode") == Some("1")).then_some(rank)
        }
    }
}

/// How well a decoder of the profile `id`, the first two bytes of a `profile-level-id`, suits what is `sent`.
fn rank_of_profile(id: &str, sent: Profile) -> Option<u8> {
    // Forwarded as it comes, so whoever gets it must decode it: baseline constrained where possible. Who decodes a profile
    // decodes those below it too, without what only baseline has and no browser sends.
    let known: &[&[&str]] = match sent {
        Profile::Baseline => &[&["42e0"], &["42c0"], &["4200"]],
        Profile::Constrained => {
            &[&["42e0"], &["42c0"], &["4200"], &["4d00", "4d40", "4de0"], &["6400", "640c"], &["f400"]]
        }
        Profile::Main => &[&["4d00", "4d40", "4de0"], &["6400", "640c"], &["f400"]],
        Profile::High => &[&["6400"], &["640c"], &["f400"]],
        Profile::Any => &[&["42e0", "42c0", "4200", "4d00", "4d40", "4de0", "6400", "640c", "f400"]],
    };
    let rank = known.iter().position(|ids| ids.contains(&id))?;
    u8::try_from(rank).ok()
}

/// Pairs of a retransmission payload type and the one that it repeats.
fn retransmissions(payloads: &[u8], attributes: &Attributes<'_>) -> Result<Vec<(u8, u8)>, SdpError> {
    let is_rtx = |payload: u8| {
        attributes.maps.iter().any(|(known, map)| *known == payload && map.encoding.eq_ignore_ascii_case("rtx"))
    };
    let mut pairs = Vec::new();
    for &payload in payloads.iter().filter(|&&payload| is_rtx(payload)) {
        let Some((_, of)) = raw(payload, attributes).find(|(name, _)| *name == "apt") else { continue };
        let of = attributes.payload("fmtp apt", of)?;
        if is_rtx(of) {
            return Err(SdpError::RetransmissionLoop { place: attributes.place, payload, of });
        }
        pairs.push((payload, of));
    }
    Ok(pairs)
}

/// The parameters that we know, with values that we can check; the rest is left out.
fn parameters(payload: u8, attributes: &Attributes<'_>, codec: Codec) -> Vec<(&'static str, String)> {
    let known: &[&'static str] = match codec {
        Codec::Opus => &[
            "minptime",
            "useinbandfec",
            "usedtx",
            "stereo",
            "sprop-stereo",
            "maxplaybackrate",
            "maxaveragebitrate",
            "cbr",
        ],
        Codec::Vp8 => &["max-fs", "max-fr"],
        Codec::H264 => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
    };
    let checked = |name: &&'static str| {
        let (_, value) = raw(payload, attributes).find(|(found, _)| found == name)?;
        let valid = if *name == "profile-level-id" { is_profile(value) } else { number::<u32>(value).is_some() };
        valid.then(|| (*name, value.to_ascii_lowercase()))
    };
    known.iter().filter_map(checked).collect()
}

/// All `name=value` of a payload type.
fn raw<'a>(payload: u8, attributes: &Attributes<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let lines = attributes.formats.iter().filter(move |(known, _)| *known == payload);
    lines.flat_map(|(_, line)| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim()))
    })
}

fn is_profile(value: &str) -> bool {
    value.len() == 6 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}
