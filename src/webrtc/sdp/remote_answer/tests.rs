#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;
use crate::media::Kind;
use crate::webrtc::sdp::own_offer::tests::RAW;

const FINGERPRINT: &str =
    "sha-256 F7:EB:F3:3E:AC:D2:EA:A7:C1:EC:79:D9:B3:8A:35:DA:70:86:4F:46:D9:2D:CC:D0:BC:81:9F:67:EF:34:2E:BD";

fn offer() -> OwnOffer {
    OwnOffer::finish(RAW, &[], "mix").unwrap()
}

/// As a server answers that takes all; the second line of the bundle has no transport of its own.
fn answer() -> String {
    let (sound, picture) = (&offer().sections()[0].mid.clone(), &offer().sections()[1].mid.clone());
    format!(
        "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {sound} {picture}\r\na=ice-lite\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:38sdf4fdsf54\r\n\
         a=ice-pwd:2e13dde17c1cb009202f627fab90cbec\r\na=fingerprint:{FINGERPRINT}\r\n\
         a=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\r\na=setup:passive\r\na=mid:{sound}\r\na=recvonly\r\n\
         a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=x-secret:s3cret\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:{picture}\r\na=recvonly\r\na=rtcp-mux\r\n\
         a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\na=rtcp-fb:96 nack\r\n\
         a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
    )
}

fn parse(text: &str) -> Result<Answer, AnswerError> {
    parse_within(text, &|_| true)
}

fn parse_within(text: &str, allows: &dyn Fn(IpAddr) -> bool) -> Result<Answer, AnswerError> {
    Answer::parse(text, &offer(), AnswerPolicy { tcp: false, allows })
}

#[test]
fn an_answer_is_written_anew_with_our_numbers() {
    let answer = parse(&answer()).unwrap();
    let text = answer.to_sdp();
    for line in [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n",
        "a=setup:passive\r\n",
        "a=recvonly\r\n",
        "a=rtcp-fb:96 nack pli\r\n",
        "a=fmtp:97 apt=96\r\n",
        "a=candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host\r\n",
    ] {
        assert!(text.contains(line), "no {line}: {text}");
    }
    assert!(!text.contains("s3cret") && !text.contains("ice-lite"), "{text}");
    assert_eq!(text.matches(&format!("a=fingerprint:{FINGERPRINT}")).count(), 2);
    assert_eq!(answer.candidates().len(), 1);
    assert_eq!(answer.fingerprint().to_string(), FINGERPRINT);
    assert_eq!(answer.sections().iter().map(|section| section.kind).collect::<Vec<_>>(), Kind::ALL);
}

#[test]
fn what_a_server_leaves_out_of_an_answer_is_not_expected_of_it() {
    let whole = answer();
    let without = |line: &str| {
        assert!(whole.contains(line), "{line}");
        parse(&whole.replace(line, "")).unwrap()
    };
    // Retransmissions, feedback, parameters, the direction.
    let plain = without("a=rtpmap:97 rtx/90000\r\n");
    assert!(plain.sections()[1].codec.rtx.is_none() && plain.to_sdp().contains("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
    assert_eq!(without("a=rtcp-fb:96 nack\r\n").sections()[1].codec.feedback, [Feedback::NackPli]);
    without("a=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\n");
    without("a=recvonly\r\n");
    parse(&whole.replace("m=video 9", "m=video 0").replace("a=rtpmap:96", "a=bundle-only\r\na=rtpmap:96")).unwrap();
}

#[test]
fn what_is_refused_is_named() {
    let whole = answer();
    for (from, to, said) in [
        ("m=video 9", "m=video 0", "takes no video"),
        ("m=audio 9", "m=audio 0", "takes no audio"),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96 97", "m=video 9 UDP/TLS/RTP/SAVPF 98", "takes no video"),
        ("H264/90000", "VP8/90000", "takes no video"),
        ("a=recvonly", "a=inactive", "takes no audio and no video"),
        ("a=recvonly", "a=sendonly", "takes no audio and no video"),
    ] {
        assert!(whole.contains(from));
        let error = parse(&whole.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
}

#[test]
fn what_is_no_answer_to_the_offer_is_said() {
    let whole = answer();
    for (from, to, said) in [
        ("a=group:BUNDLE", "a=x-group:BUNDLE", "BUNDLE"),
        ("a=setup:passive", "a=setup:actpass", "a=setup"),
        ("a=setup:passive\r\n", "", "lacks a=setup"),
        ("a=ice-ufrag:38sdf4fdsf54\r\n", "", "lacks a=ice-ufrag"),
        ("a=ice-pwd:2e13dde17c1cb009202f627fab90cbec", "a=ice-pwd:short", "a=ice-pwd"),
        (FINGERPRINT, "sha-256 zzz", "a=fingerprint"),
        (FINGERPRINT, "sha-1 00:11", "a=fingerprint"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "profile"),
        ("a=rtpmap:96 H264/90000\r\n", "", "lacks a=rtpmap"),
        ("a=rtcp-mux\r\n", "", "lacks a=rtcp-mux"),
        ("a=mid:", "a=mid:x", "a=mid"),
        ("m=video", "m=audio", "medium"),
        ("198.51.100.1 39132", "nowhere.local 39132", "no candidate"),
        ("198.51.100.1 39132 typ", "224.0.0.1 39132 typ", "no candidate"),
        ("v=0", "hello", "not SDP"),
    ] {
        assert!(whole.contains(from), "{from}");
        let error = parse(&whole.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains(said), "{from} → {to}: {error}");
        assert!(!error.contains("browser"), "{error}");
    }
    let short = whole.split("m=video").next().unwrap();
    assert!(parse(short).unwrap_err().to_string().contains("1 m-lines where 2"));
    assert!(parse("").is_err() && parse(&"a".repeat(70_000)).is_err());
    let two = whole.replace("a=rtcp-mux\r\na=rtpmap:96", "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=rtpmap:96");
    let other = FINGERPRINT.replace("F7:EB", "EB:F7");
    let two = two.replace(
        "a=rtpmap:96 H",
        &format!(
            "a=fingerprint:{other}\r\na=ice-pwd:2e13dde17c1cb009202f627fab90cbec\r\na=setup:passive\r\na=rtpmap:96 H"
        ),
    );
    assert!(parse(&two).unwrap_err().to_string().contains("a=fingerprint"), "{:?}", parse(&two));
}

#[test]
fn media_goes_where_it_may_only() {
    let more = "a=candidate:2 1 UDP 2130706430 127.0.0.1 39133 typ host\r\na=setup:passive";
    let whole = answer().replace("a=setup:passive", more);
    assert_eq!(parse(&whole).unwrap().candidates().len(), 2);
    let afar = parse_within(&whole, &|address| !address.is_loopback()).unwrap();
    assert_eq!(afar.candidates(), ["candidate:1 1 UDP 2130706431 198.51.100.1 39132 typ host"]);
    let error = parse_within(&whole, &|_| false).unwrap_err().to_string();
    assert!(error.contains("outputs.allow"), "{error}");
}

proptest! {
    /// Whatever a server says: it is refused, or what comes of it is SDP with nothing in it that was not offered.
    #[test]
    fn no_line_of_a_server_passes_as_it_is(
        at in 0usize..2000, length in 0usize..60, junk in "[ -~\r\n]{0,40}"
    ) {
        let mut text = answer();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.replace_range(at..end, &junk);
        if let Ok(answer) = parse(&text) {
            let written = answer.to_sdp();
            let again = parse(&written).unwrap();
            prop_assert_eq!(again.to_sdp(), written.clone());
            for line in written.lines().filter(|line| line.starts_with("a=rtpmap:")) {
                prop_assert!(["a=rtpmap:111 opus/48000/2", "a=rtpmap:96 H264/90000", "a=rtpmap:97 rtx/90000"].contains(&line));
            }
        }
    }
}
