//! Real offers are accepted, and what matters in them is understood.

use gstreamer as gst;
use gstreamer_sdp::SDPMessage;
use plenum::media::{Codec, Kind};
use plenum::webrtc::fingerprint::Algorithm;
use plenum::webrtc::sdp::{AUDIO_LEVEL, Feedback, Policy, Profile, Refusal, Role, SdpError, TRANSPORT_CC, parse_offer};

use super::{fixture, fixtures, parse};

#[test]
fn every_browsers_offer_is_accepted_unless_it_is_simulcast_without_ssrcs() {
    gst::init().unwrap();
    for (name, role, text) in fixtures() {
        let result = parse_offer(&text, role, &Policy::new(Codec::Vp8));
        if name == "chromium-publisher-simulcast.sdp" {
            assert!(matches!(result, Err(SdpError::NoSsrc(_))), "{name}: {result:?}");
            continue;
        }
        let offer = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(offer.sections[0].kind, Kind::Audio, "{name}");
        assert_eq!(offer.fingerprint.algorithm(), Algorithm::Sha256);
        assert!(offer.ice.trickle);
        let sdp = offer.to_sdp();
        assert_eq!(parse_offer(&sdp, role, &Policy::new(Codec::Vp8)).unwrap().to_sdp(), sdp, "{name}");
        let message = SDPMessage::parse_buffer(sdp.as_bytes()).unwrap();
        assert_eq!(message.medias_len() as usize, offer.sections.len(), "{name}");
        assert!(!sdp.contains(".local") && !sdp.contains("rid") && !sdp.contains("label"), "{name}: {sdp}");
    }
}

#[test]
fn a_chromium_publisher_is_understood() {
    let offer = parse("chromium-publisher-sendonly.sdp", Role::Publisher, Codec::Vp8).unwrap();
    let [audio, video] = &offer.sections[..] else { panic!("{offer:?}") };
    assert_eq!((audio.mid.as_str(), audio.codec.codec, audio.codec.payload), ("0", Codec::Opus, 111));
    assert_eq!((video.mid.as_str(), video.codec.codec, video.codec.payload), ("1", Codec::Vp8, 96));
    assert_eq!(video.codec.rtx, Some(97));
    assert_eq!(video.codec.feedback.len(), 5);
    assert_eq!(audio.codec.feedback, [Feedback::TransportCc]);
    assert_eq!(audio.codec.fmtp, [("minptime", "10".to_owned()), ("useinbandfec", "1".to_owned())]);
    let ids =
        |section: &plenum::webrtc::sdp::Section| section.extensions.iter().map(|e| (e.id, e.uri)).collect::<Vec<_>>();
    assert_eq!(ids(audio), [(1, AUDIO_LEVEL), (3, TRANSPORT_CC)]);
    assert_eq!(ids(video), [(3, TRANSPORT_CC)]);
    assert_eq!((audio.ssrcs.len(), video.ssrcs.len(), offer.ssrc_count()), (1, 2, 3));
    assert_eq!(video.retransmissions, [(video.ssrcs[0], video.ssrcs[1])]);
}

#[test]
fn preferences_have_the_clients_numbers() {
    gst::init().unwrap();
    let offer = parse("firefox-publisher-sendonly.sdp", Role::Publisher, Codec::Vp8).unwrap();
    let caps = offer.preferences(1, None).unwrap();
    let wanted = format!(
        "application/x-rtp,media=video,encoding-name=VP8,payload=120,clock-rate=90000,extmap-7=(string)\"{TRANSPORT_CC}\""
    );
    assert_eq!(caps, wanted.parse::<gst::Caps>().unwrap());
    let offer = parse("chromium-subscriber.sdp", Role::Subscriber, Codec::H264).unwrap();
    let wanted = "application/x-rtp,media=video,encoding-name=H264,payload=108,clock-rate=90000,ssrc=(uint)7";
    assert_eq!(offer.preferences(1, Some(7)).unwrap(), wanted.parse::<gst::Caps>().unwrap());
    assert!(offer.preferences(2, None).is_none());
}

#[test]
fn h264_takes_the_constrained_baseline_in_mode_1() {
    let payload = |name, role| parse(name, role, Codec::H264).unwrap().sections[1].codec.clone();
    assert_eq!(payload("chromium-publisher-sendonly.sdp", Role::Publisher).payload, 108);
    assert_eq!(payload("chrome2019-publisher.sdp", Role::Publisher).payload, 100);
    let safari = payload("safari-publisher.sdp", Role::Publisher);
    assert_eq!((safari.payload, safari.rtx), (98, Some(99)));
    assert!(safari.fmtp.contains(&("profile-level-id", "42e01f".to_owned())));
}

#[test]
fn what_is_sent_decides_which_h264_is_taken() {
    let payload = |name: &str, profile| {
        let policy = Policy { profile, ..Policy::new(Codec::H264) };
        let offer = parse_offer(&fixture(name), Role::Subscriber, &policy).unwrap();
        offer.sections.get(1).map(|section| section.codec.payload)
    };
    let chromium = "chromium-subscriber.sdp";
    for (profile, wanted) in
        [(Profile::Baseline, 108), (Profile::Constrained, 108), (Profile::Main, 116), (Profile::High, 41)]
    {
        assert_eq!(payload(chromium, profile), Some(wanted), "{profile:?}");
    }
    // This one decodes baseline only, says it.
    let old = "chrome2019-subscriber.sdp";
    for (profile, wanted) in [(Profile::Baseline, Some(100)), (Profile::Any, Some(100)), (Profile::Main, None)] {
        assert_eq!(payload(old, profile), wanted, "{profile:?}");
    }
    assert_eq!(
        ["main", "constrained-baseline", "high-4:4:4"].map(Profile::of),
        [Some(Profile::Main), Some(Profile::Constrained), None]
    );
}

#[test]
fn a_codec_that_is_missing_refuses_its_section_alone() {
    // This Firefox has no H264.
    let offer = parse("firefox-publisher-sendonly.sdp", Role::Publisher, Codec::H264).unwrap();
    assert_eq!(offer.sections.len(), 1);
    assert_eq!(offer.refused[0].why, Refusal::Codec);
    assert!(offer.to_sdp().contains("a=group:BUNDLE 0\r\n"));
}

#[test]
fn a_data_channel_is_refused_and_the_numbers_are_translated() {
    for name in ["chromium-publisher-data.gathered.sdp", "firefox-publisher-max-bundle.sdp"] {
        let offer = parse(name, Role::Publisher, Codec::Vp8).unwrap();
        assert_eq!((offer.sections.len(), offer.refused.len(), offer.lines()), (2, 1, 3), "{name}");
    }
    // The same with the data channel first.
    let text = fixture("chromium-publisher-data.sdp");
    let at: Vec<_> = text.match_indices("m=").map(|(at, _)| at).collect();
    let text = format!("{}{}{}", &text[..at[0]], &text[at[2]..], &text[at[0]..at[2]]);
    let offer = parse_offer(&text, Role::Publisher, &Policy::new(Codec::Vp8)).unwrap();
    assert_eq!((offer.sections[0].line, offer.refused[0].line), (1, 0));
    assert_eq!((offer.local_line(0), offer.local_line(2), offer.local_line(3)), (Some(0), Some(0), None));
    assert_eq!((offer.remote_line(0), offer.remote_line(2)), (Some((1, "0")), None));
}

#[test]
fn candidates_inside_the_offer_are_written_anew() {
    let offer = parse("chromium-publisher-sendonly.gathered.sdp", Role::Publisher, Codec::Vp8).unwrap();
    // Two UDP candidates of the first section; TCP is off, and the second section's transport will not live.
    assert_eq!(offer.candidates.len(), 2, "{:?}", offer.candidates);
    assert!(offer.candidates.iter().all(|line| line.contains(" 1 UDP ") && !line.contains("network-id")));
    // Firefox hides its addresses behind mDNS names.
    let offer = parse("firefox-publisher-sendonly.gathered.sdp", Role::Publisher, Codec::Vp8).unwrap();
    assert!(offer.candidates.is_empty());
}

#[test]
fn an_unanswered_simulcast_keeps_its_first_layer() {
    let offer = parse("firefox-publisher-simulcast.sdp", Role::Publisher, Codec::Vp8).unwrap();
    assert_eq!(offer.sections[1].ssrcs, [999_020_745, 1_504_856_805]);
}

#[test]
fn the_role_decides_which_directions_are_of_use() {
    for (name, role) in
        [("chromium-publisher-sendonly.sdp", Role::Subscriber), ("firefox-subscriber.sdp", Role::Publisher)]
    {
        let error = parse(name, role, Codec::Vp8).unwrap_err();
        assert!(matches!(&error, SdpError::NothingAccepted(why) if why.contains("direction")), "{error}");
    }
    for (name, role, written) in [
        ("chrome2019-publisher-sendrecv.sdp", Role::Publisher, "a=sendonly\r\n"),
        ("chrome2019-publisher-sendrecv.sdp", Role::Subscriber, "a=recvonly\r\n"),
    ] {
        let sdp = parse(name, role, Codec::Vp8).unwrap().to_sdp();
        assert_eq!(sdp.matches(written).count(), 2);
        assert!(!sdp.contains("sendrecv"));
        assert_eq!(sdp.contains("a=ssrc:"), role == Role::Publisher);
        assert_eq!(sdp.contains("a=extmap:"), role == Role::Publisher);
    }
}
