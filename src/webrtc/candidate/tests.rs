use super::*;

fn strict(text: &str) -> Result<Candidate, CandidateError> {
    parse(text, CandidatePolicy::default())
}

fn line(text: &str) -> Result<Candidate, CandidateError> {
    Ok(Candidate::Line(text.to_owned()))
}

#[test]
fn writes_a_browsers_candidate_anew() {
    let chrome = "candidate:3729036847 1 udp 2122194687 192.0.2.2 59061 typ host generation 0 ufrag 6E6/ network-id 1";
    let plain = "candidate:3729036847 1 UDP 2122194687 192.0.2.2 59061 typ host";
    assert_eq!(strict(chrome), line(plain));
    assert_eq!(strict(&format!("a={chrome}\r\n")), line(plain));
    assert_eq!(strict(plain), line(plain));
    assert_eq!(
        strict("candidate:1 1 udp 1 2001:DB8:0::1 9 typ srflx raddr 10.0.0.1 rport 5"),
        line("candidate:1 1 UDP 1 2001:db8::1 9 typ srflx raddr 10.0.0.1 rport 5")
    );
    assert_eq!(
        strict("candidate:1 1 udp 1 203.0.113.1 9 typ relay raddr x.local rport 5"),
        line("candidate:1 1 UDP 1 203.0.113.1 9 typ relay raddr 0.0.0.0 rport 0")
    );
}

#[test]
fn nothing_means_no_more() {
    for text in ["", "a=", "candidate:", "a=end-of-candidates", "\r\n"] {
        assert_eq!(strict(text), Ok(Candidate::End), "{text:?}");
    }
}

#[test]
fn leaves_out_what_is_of_no_use() {
    let of = |text: &str| match strict(text) {
        Ok(Candidate::Ignored(why)) => why,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(of("candidate:0 1 UDP 1 a375b531-984d-4066-b56c-586c675f8d9b.local 51452 typ host"), Ignored::Mdns);
    assert_eq!(of("candidate:0 1 tcp 1 192.0.2.2 9 typ host tcptype active"), Ignored::Tcp);
    assert_eq!(of("candidate:0 2 udp 1 192.0.2.2 9 typ host"), Ignored::Rtcp);
    assert_eq!(of("candidate:0 1 udp 1 169.254.1.1 9 typ host"), Ignored::LinkLocal);
    assert_eq!(of("candidate:0 1 udp 1 fe80::1 9 typ host"), Ignored::LinkLocal);
}

#[test]
fn options_allow_tcp_and_loopback() {
    let policy = CandidatePolicy { tcp: true, loopback: true };
    assert_eq!(
        parse("candidate:0 1 tcp 1 127.0.0.1 9 typ host tcptype active", policy),
        line("candidate:0 1 TCP 1 127.0.0.1 9 typ host tcptype active")
    );
}

#[test]
fn refuses_addresses_that_no_peer_has() {
    let addresses = [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "ff02::1",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "255.255.255.255",
        "240.0.0.1",
    ];
    for address in addresses {
        let got = strict(&format!("candidate:1 1 udp 1 {address} 9 typ host"));
        assert!(matches!(got, Err(CandidateError::Address(_))), "{address}: {got:?}");
    }
}

#[test]
fn refuses_what_is_not_of_the_grammar() {
    let bad = [
        "x",
        "1 1 udp 1 192.0.2.2 9 typ host",
        "candidate: 1 udp 1 192.0.2.2 9 typ host",
        "candidate:1",
        "candidate:é 1 udp 1 192.0.2.2 9 typ host",
        "candidate:1 0 udp 1 192.0.2.2 9 typ host",
        "candidate:1 3 udp 1 192.0.2.2 9 typ host",
        "candidate:1 1 sctp 1 192.0.2.2 9 typ host",
        "candidate:1 1 udp -1 192.0.2.2 9 typ host",
        "candidate:1 1 udp +1 192.0.2.2 9 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.2 9 typ host",
        "candidate:1 1 udp 1 example.org 9 typ host",
        "candidate:1 1 udp 1 .local 9 typ host",
        "candidate:1 1 udp 1 192.0.2.2 0 typ host",
        "candidate:1 1 udp 1 192.0.2.2 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.2 9 type host",
        "candidate:1 1 udp 1 192.0.2.2 9 typ lost",
        "candidate:1 1 udp 1 192.0.2.2 9 typ host generation",
        "candidate:1 1 udp 1 192.0.2.2 9 typ host a b\r\nm=video",
        "candidate:1 1 udp 1 192.0.2.2\0 9 typ host",
        "candidate:1  1 udp 1 192.0.2.2 9 typ host",
        "candidate:1 1 tcp 1 192.0.2.2 9 typ host",
        "candidate:1 1 udp 1 192.0.2.2 9 typ srflx raddr x rport 1",
        "candidate:1 1 udp 1 [::1] 9 typ host",
        "candidate:1 1 tcp 1 192.0.2.2 9 typ host tcptype maybe",
        "candidate:1 1 udp 1 fe80::1%eth0 9 typ host",
    ];
    for text in bad {
        let got = strict(text);
        assert!(matches!(got, Err(CandidateError::Malformed(_))), "{text:?}: {got:?}");
    }
    assert_eq!(strict(&"x".repeat(513)), Err(CandidateError::TooLong));
}

proptest::proptest! {
    #[test]
    fn never_panics_and_is_idempotent(
        text in "(a=)?candidate:[a-z0-9]{1,4} [0-3] (udp|TCP|x) [0-9]{1,11} ([0-9a-f:.]{1,12}|192\\.0\\.2\\.[0-9]) [0-9]{1,5} typ (host|srflx|PC)\\PC{0,20}"
    ) {
        if let Ok(Candidate::Line(line)) = strict(&text) {
            proptest::prop_assert_eq!(strict(&line), Ok(Candidate::Line(line)));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = strict(&text);
        let _ = strict(&format!("candidate:{text}"));
    }
}
