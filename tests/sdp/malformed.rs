//! Offers that webrtcbin 1.22 takes, or that are meant to hurt: each is refused, with the reason that it deserves.

use plenum::media::Codec;
use plenum::webrtc::sdp::{Policy, Role, SdpError, parse_offer};

const FINGERPRINT: &str =
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

/// A small valid publisher's offer: m-line 0 is audio, 1 video, 2 a data channel.
fn base() -> String {
    let transport = format!(
        "c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:actpass\r\n"
    );
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{transport}a=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:1 cname:a\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n{transport}a=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID 2 3\r\na=ssrc:2 cname:a\r\na=ssrc:3 cname:a\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{transport}a=mid:2\r\na=sctp-port:5000\r\n"
    )
}

fn read(text: &str) -> Result<plenum::webrtc::sdp::Offer, SdpError> {
    parse_offer(text, Role::Publisher, &Policy::new(Codec::Vp8))
}

/// The base with `from` replaced by `to` wherever it stands.
fn changed(from: &str, to: &str) -> String {
    let text = base();
    assert!(text.contains(from), "{from:?}");
    text.replace(from, to)
}

#[test]
fn the_base_is_valid() {
    let offer = read(&base()).unwrap();
    assert_eq!((offer.sections.len(), offer.refused.len()), (2, 1));
}

#[test]
fn each_fault_has_its_error() {
    let long = "x".repeat(60_000);
    let other = FINGERPRINT.replace("00:11", "01:11");
    #[rustfmt::skip]
    let cases: Vec<(&str, String, &str)> = vec![
        ("plain RTP", changed("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 RTP/AVP"), "profile"),
        ("no rtcp-mux", changed("a=rtcp-mux\r\n", ""), "lacks a=rtcp-mux"),
        ("fingerprint zzz", changed(&format!("sha-256 {FINGERPRINT}"), "zzz"), "a=fingerprint"),
        ("fingerprint of zzz", changed(FINGERPRINT, "zzz"), "a=fingerprint"),
        ("short fingerprint", changed("EE:FF\r\n", "EE\r\n"), "a=fingerprint"),
        ("sha-1 alone", changed("sha-256", "sha-1"), "a=fingerprint"),
        ("no fingerprint", changed(&format!("a=fingerprint:sha-256 {FINGERPRINT}\r\n"), ""), "lacks a=fingerprint"),
        ("two fingerprints", changed("a=setup", &format!("a=fingerprint:sha-256 {other}\r\na=setup")), "a=fingerprint"),
        ("session and media fingerprints differ", changed("t=0 0\r\n", &format!("t=0 0\r\na=fingerprint:sha-256 {other}\r\n")), "another a=fingerprint"),
        ("payload type 99999", changed("SAVPF 111", "SAVPF 99999"), "payload type \"99999\""),
        ("payload type -1", changed("SAVPF 111", "SAVPF -1"), "payload type \"-1\""),
        ("payload type 128", changed("111", "128"), "payload type"),
        ("payload type +111", changed("SAVPF 111", "SAVPF +111"), "payload type"),
        ("payload type of RTCP", changed("96", "72"), "with rtcp-mux 64 to 95"),
        ("payload type twice", changed("SAVPF 96 97", "SAVPF 96 96"), "payload type"),
        ("rtpmap 99999", changed("rtpmap:97", "rtpmap:99999"), "a=rtpmap"),
        ("rtpmap twice", changed("rtpmap:97 rtx/90000", "rtpmap:96 VP9/90000"), "rtpmap for one payload type"),
        ("rtx of itself", changed("apt=96", "apt=97"), "itself one"),
        ("rtx of rtx", changed("SAVPF 96 97", "SAVPF 96 97 98").replace("a=fmtp:97 apt=96", "a=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=97\r\na=fmtp:97 apt=98"), "itself one"),
        ("rtx of 99999", changed("apt=96", "apt=99999"), "fmtp apt"),
        ("one payload type, two codecs", changed("96", "111"), "meaning of a payload type"),
        ("one mid twice", changed("a=mid:1", "a=mid:0"), "two m-lines have the mid"),
        ("mid of the data channel twice", changed("a=mid:2", "a=mid:0"), "two m-lines have the mid"),
        ("two mids", changed("a=mid:1", "a=mid:1\r\na=mid:7"), "a=mid more than once"),
        ("no mid", changed("a=mid:1\r\n", ""), "lacks a=mid"),
        ("empty mid", changed("a=mid:1", "a=mid:"), "a=mid"),
        ("mid with a space", changed("a=mid:1", "a=mid:1 2"), "a=mid"),
        ("huge mid", changed("a=mid:1", &format!("a=mid:{long}")), "a=mid"),
        ("huge ufrag", base().replacen("abcd\r", &format!("{long}\r"), 1), "a=ice-ufrag"),
        ("short ufrag", changed("ufrag:abcd", "ufrag:abc"), "a=ice-ufrag"),
        ("short pwd", changed("pwd:abcdefghijklmnopqrstuv", "pwd:abcd"), "a=ice-pwd"),
        ("pwd outside ice-chars", changed("pwd:abcd", "pwd:ab d"), "a=ice-pwd"),
        ("no ufrag", changed("a=ice-ufrag:abcd\r\n", ""), "lacks a=ice-ufrag"),
        ("no setup", changed("a=setup:actpass\r\n", ""), "lacks a=setup"),
        ("setup holdconn", changed("actpass", "holdconn"), "a=setup"),
        ("setups differ", base().replacen("actpass", "active", 1), "another a=setup"),
        ("two directions", changed("a=sendonly\r\n", "a=sendonly\r\na=recvonly\r\n"), "more than once"),
        ("ssrc 0", changed("a=ssrc:1 ", "a=ssrc:0 "), "a=ssrc"),
        ("ssrc 2^32", changed("a=ssrc:1 ", "a=ssrc:4294967296 "), "a=ssrc"),
        ("one ssrc in two sections", changed("a=ssrc:1 ", "a=ssrc:2 "), "section for an SSRC"),
        ("no ssrc in the second section", changed("a=ssrc-group:FID 2 3\r\na=ssrc:2 cname:a\r\na=ssrc:3 cname:a\r\n", ""), "declares no SSRC"),
        ("five ssrcs", changed("a=ssrc:2 ", "a=ssrc:5 a\r\na=ssrc:6 a\r\na=ssrc:7 a\r\na=ssrc:2 "), "more than 4 SSRCs"),
        ("a thousand ssrcs", changed("a=ssrc:1 ", &((10..1000).map(|n| format!("a=ssrc:{n} a\r\n")).collect::<String>() + "a=ssrc:1 ")), "SSRCs"),
        ("FID of strangers", changed("FID 2 3", "FID 2 9"), "a=ssrc-group"),
        ("FID of one", changed("FID 2 3", "FID 2"), "a=ssrc-group"),
        ("FID of itself", changed("FID 2 3", "FID 2 2"), "a=ssrc-group"),
        ("extmap 0", changed("a=mid:1", "a=mid:1\r\na=extmap:0 urn:x"), "a=extmap"),
        ("extmap id twice", changed("a=mid:1", "a=mid:1\r\na=extmap:3 urn:x\r\na=extmap:3 urn:y"), "a=extmap"),
        ("extmap without URI", changed("a=mid:1", "a=mid:1\r\na=extmap:3"), "a=extmap"),
        ("one extension twice", changed("a=mid:1", "a=mid:1\r\na=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:ssrc-audio-level"), "extmap for one URI"),
        ("no bundle", changed("a=group:BUNDLE 0 1 2\r\n", ""), "not in a=group:BUNDLE"),
        ("two bundles", changed("BUNDLE 0 1 2", "BUNDLE 0\r\na=group:BUNDLE 1 2"), "more than once"),
        ("one outside the bundle", changed("BUNDLE 0 1 2", "BUNDLE 0 2"), "m-line 1 is not in"),
        ("only PCMU", changed("opus/48000/2", "PCMU/8000").replace("VP8", "VP9"), "lacks the codec"),
        ("two data channels alone", "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n".to_owned(), "neither audio nor video"),
        ("nothing", String::new(), "not SDP"),
        ("no m-lines", "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned(), "there is none"),
        ("JSON", "{}".to_owned(), "not SDP"),
        ("NUL in a mid", changed("a=mid:1", "a=mid:\0"), "not SDP"),
        ("NUL at the end", base() + "\0", "not SDP"),
        ("carriage return in a value", changed("a=mid:1\r\n", "a=mid:1\ra=inactive\r\n"), "not SDP"),
        ("port 65536", changed("m=audio 9 ", "m=audio 65536 "), "not SDP"),
        ("thousand m-lines", base() + &"m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n".repeat(1000), "more than 64"),
        ("more than 192 KiB", base() + &"a=x\r\n".repeat(42_000), "more than 196608"),
        ("odd medium", changed("m=application 9 UDP/DTLS/SCTP", "m=<b> 9 UDP/DTLS/SCTP"), "medium"),
        ("odd profile", changed("UDP/DTLS/SCTP", "UDP//SCTP"), "profile"),
        ("long format", changed("webrtc-datachannel", &"x".repeat(33)), "format"),
    ];
    for (name, text, wanted) in cases {
        let error = read(&text).err().unwrap_or_else(|| panic!("accepted: {name}")).to_string();
        assert!(error.contains(wanted), "{name}: {error}");
        assert!(error.len() < 400 && error.bytes().all(|byte| byte >= b' '), "{name}: {error}");
        assert!(error.contains(": "), "{name} does not say what to do: {error}");
    }
}

#[test]
fn odd_but_harmless_is_accepted() {
    #[rustfmt::skip]
    let cases: Vec<(&str, String)> = vec![
        ("bare line feeds", base().replace("\r\n", "\n")),
        ("session and media fingerprints agree", changed("t=0 0\r\n", &format!("t=0 0\r\na=fingerprint:sha-256 {FINGERPRINT}\r\n"))),
        ("a weaker fingerprint beside", changed("a=setup", "a=fingerprint:sha-1 00:11\r\na=setup")),
        ("fingerprint and setup at session level alone", base().replace(&format!("a=fingerprint:sha-256 {FINGERPRINT}\r\n"), "").replace("a=setup:actpass\r\n", "").replace("t=0 0\r\n", &format!("t=0 0\r\na=setup:actpass\r\na=fingerprint:sha-256 {FINGERPRINT}\r\n"))),
        ("ssrc in the data section", changed("a=sctp-port", "a=ssrc:9 cname:x\r\na=sctp-port")),
        ("unknown attributes", changed("a=mid:1", "a=mid:1\r\na=é:\u{202e}\r\na=x-y:z z z")),
        ("feedback for all payloads", changed("a=mid:1", "a=mid:1\r\na=rtcp-fb:* nack pli")),
        ("bad candidates", changed("a=mid:0", "a=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=candidate:x")),
    ];
    for (name, text) in cases {
        let offer = read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let sdp = offer.to_sdp();
        assert_eq!(sdp.matches("a=fingerprint:").count(), 2, "{name}");
        assert!(!sdp.contains("a=ssrc:9") && !sdp.contains("127.0.0.1"), "{name}: {sdp}");
    }
    assert!(
        read(&changed("a=mid:1", "a=mid:1\r\na=rtcp-fb:* nack pli"))
            .unwrap()
            .to_sdp()
            .contains("a=rtcp-fb:96 nack pli\r\n")
    );
}

#[test]
fn candidates_are_bounded() {
    let many: String = (1..1000).map(|n| format!("a=candidate:{n} 1 udp 1 192.0.2.1 {n} typ host\r\n")).collect();
    let offer = read(&changed("a=mid:0\r\n", &format!("a=mid:0\r\n{many}"))).unwrap();
    assert_eq!(offer.candidates.len(), 32);
}

#[test]
fn bundle_only_sections_take_the_transport_of_the_first() {
    let text = base();
    let video = text.find("m=video").unwrap();
    let (first, rest) = text.split_at(video);
    let bare: String = rest
        .split_inclusive("\r\n")
        .filter(|line| {
            !["a=ice-", "a=fingerprint", "a=setup", "a=rtcp-mux"].iter().any(|start| line.starts_with(start))
        })
        .collect();
    assert!(read(&format!("{first}{bare}")).unwrap_err().to_string().contains("m-line 1 lacks"));
    let bare = bare.replace("m=video 9", "m=video 0").replace("a=mid:1\r\n", "a=mid:1\r\na=bundle-only\r\n");
    let offer = read(&format!("{first}{bare}")).unwrap();
    assert_eq!(offer.sections.len(), 2);
    assert_eq!(offer.to_sdp().matches("a=ice-ufrag:abcd\r\n").count(), 2);
}
