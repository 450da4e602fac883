//! What holds for any text.

use plenum::media::Codec;
use plenum::webrtc::sdp::{Policy, Role, finish_answer, parse_offer};
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixtures;

/// What a mutation puts in place of a line, or into one.
const PIECES: [&str; 14] = [
    "",
    "a=mid:0",
    "a=sendrecv",
    "a=bundle-only",
    "a=simulcast:send l;m",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "m=video 0 UDP/TLS/RTP/SAVPF 96",
    "a=ssrc:1 cname:x",
    "a=ssrc-group:FID 1 2",
    "a=setup:active",
    "é\u{202e}",
    "-1",
    ":",
    " ",
];

fn check(text: &str, role: Role, video: Codec) -> Result<(), TestCaseError> {
    let policy = Policy::new(video);
    let Ok(offer) = parse_offer(text, role, &policy) else { return Ok(()) };
    let sdp = offer.to_sdp();
    prop_assert!(sdp.len() <= policy.max_bytes);
    prop_assert!(sdp.bytes().all(|byte| byte == b'\r' || byte == b'\n' || (b' '..0x7f).contains(&byte)));
    prop_assert!(sdp.split("\r\n").all(|line| !line.contains(['\r', '\n']) && line.len() < 600));
    let count = |what: &str| sdp.matches(what).count();
    let sections = offer.sections.len();
    prop_assert!((1..=policy.max_sections).contains(&sections));
    for once in [
        "\nm=",
        "a=mid:",
        "a=ice-ufrag:",
        "a=ice-pwd:",
        "a=setup:",
        "a=fingerprint:",
        "a=rtcp-mux\r\n",
        " UDP/TLS/RTP/SAVPF ",
    ] {
        prop_assert_eq!(count(once), sections, "{}", once);
    }
    let direction = if role == Role::Publisher { "a=sendonly\r\n" } else { "a=recvonly\r\n" };
    prop_assert_eq!(count(direction), sections);
    let mut mids: Vec<_> = offer.sections.iter().map(|section| &section.mid).collect();
    mids.sort();
    mids.dedup();
    prop_assert_eq!(mids.len(), sections);
    prop_assert!(offer.ssrc_count() <= sections * policy.max_ssrcs);
    let again = parse_offer(&sdp, role, &policy);
    prop_assert_eq!(again.map(|offer| offer.to_sdp()), Ok(sdp));
    Ok(())
}

fn roles() -> impl Strategy<Value = (Role, Codec)> {
    (prop_oneof![Just(Role::Publisher), Just(Role::Subscriber)], prop_oneof![Just(Codec::Vp8), Just(Codec::H264)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "(v=0\r\n)?(m=audio 9 UDP/TLS/RTP/SAVPF \\PC{0,9}\r\n)?([a-z]=\\PC{0,40}\r?\n){0,20}", (role, video) in roles()) {
        check(&text, role, video)?;
    }

    #[test]
    fn mutated_offers_keep_the_invariants(
        which in any::<Index>(),
        changes in prop::collection::vec((0..5u8, any::<Index>(), any::<Index>(), any::<Index>()), 1..5),
        (role, video) in roles(),
    ) {
        let all = fixtures();
        let mut lines: Vec<String> = which.get(&all).2.split("\r\n").map(str::to_owned).collect();
        for (kind, at, from, piece) in changes {
            let (at, from, piece) = (at.index(lines.len()), from.index(lines.len()), *piece.get(&PIECES));
            match kind {
                0 => { lines[at] = piece.to_owned(); }
                1 => { let line = lines[from].clone(); lines.insert(at, line); }
                2 => { lines.swap(at, from); }
                3 if lines.len() > 1 => { lines.remove(at); }
                _ => {
                    let middle = lines[at].len() / 2;
                    if lines[at].is_char_boundary(middle) { lines[at].insert_str(middle, piece); }
                }
            }
        }
        check(&lines.join("\r\n"), role, video)?;
    }

    #[test]
    fn an_answer_that_is_not_one_never_panics(which in any::<Index>(), text in "(v=0\r\n)?([a-z]=\\PC{0,40}\r\n){0,20}") {
        let all = fixtures();
        let (_, role, sdp) = which.get(&all);
        if let Ok(offer) = parse_offer(sdp, *role, &Policy::new(Codec::Vp8)) {
            prop_assert!(finish_answer(&text, &offer, "stream").is_err());
        }
    }
}
