//! A client's candidates that came after its offer, many at once: an SDP fragment, RFC 8840 section 9.

use crate::webrtc::candidate::{self, Candidate, CandidateError, CandidatePolicy};

use super::error::quote;
use super::model::Offer;

/// More than any browser gathers.
const MAX_CANDIDATES: usize = 64;
/// The longest line of use, a candidate, is shorter.
const MAX_LINE: usize = 1024;

/// Why a fragment cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Not the lines of SDP.
    #[error("the fragment has the line {0}, which is not of SDP: send it as RFC 8840, section 9, has it")]
    Syntax(String),
    /// A candidate outside its grammar.
    #[error("{0}")]
    Candidate(CandidateError),
    /// More than makes sense.
    #[error("the fragment has more than {MAX_CANDIDATES} candidates: send fewer")]
    TooMany,
    /// Nothing for a connection.
    #[error("the fragment has no a=candidate and no a=end-of-candidates: send what was gathered")]
    Empty,
    /// Other credentials than those of the offer: an ICE restart.
    #[error("ICE is not restarted here: end this session, and make a new offer")]
    Restart,
}

/// What a fragment says. Its candidates are checked, and written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    ufrag: Option<String>,
    pwd: Option<String>,
    /// As [`Endpoint::add_candidate`](crate::webrtc::Endpoint::add_candidate) takes them; the empty one is the end.
    pub candidates: Vec<String>,
}

impl Fragment {
    /// Reads a fragment. Candidates that are of no use here are left out.
    ///
    /// # Errors
    /// When it is none, or has nothing in it.
    pub fn parse(text: &str, policy: CandidatePolicy) -> Result<Self, FragmentError> {
        let mut fragment = Self { ufrag: None, pwd: None, candidates: Vec::new() };
        let (mut seen, mut ended) = (0, false);
        for line in text.lines().map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty()) {
            let value = match line.as_bytes() {
                [kind, b'=', ..] if kind.is_ascii_lowercase() && line.len() <= MAX_LINE => &line[2..],
                _ => return Err(FragmentError::Syntax(quote(line))),
            };
            if !line.starts_with("a=") {
                continue;
            }
            let (name, rest) = value.split_once(':').unwrap_or((value, ""));
            match name {
                "ice-ufrag" => fragment.ufrag = Some(rest.to_owned()),
                "ice-pwd" => fragment.pwd = Some(rest.to_owned()),
                "end-of-candidates" => ended = true,
                "candidate" => {
                    seen += 1;
                    if seen > MAX_CANDIDATES {
                        return Err(FragmentError::TooMany);
                    }
                    fragment.take(value, policy)?;
                }
                _ => {}
            }
        }
        if seen == 0 && !ended && fragment.ufrag.is_none() {
            return Err(FragmentError::Empty);
        }
        if ended {
            fragment.candidates.push(String::new());
        }
        Ok(fragment)
    }

    fn take(&mut self, text: &str, policy: CandidatePolicy) -> Result<(), FragmentError> {
        match candidate::parse(text, policy) {
            Ok(Candidate::Line(line)) => self.candidates.push(line),
            // What cannot be used is passed over (RFC 9725, section 4.3.2).
            Ok(Candidate::End | Candidate::Ignored(_)) | Err(CandidateError::Address(_)) => {}
            Err(error) => return Err(FragmentError::Candidate(error)),
        }
        Ok(())
    }

    /// Whether it belongs to the connection that `offer` began.
    ///
    /// # Errors
    /// When it wants another one.
    pub fn belongs_to(&self, offer: &Offer) -> Result<(), FragmentError> {
        let same = |said: &Option<String>, offered: &str| said.as_deref().is_none_or(|said| said == offered);
        if same(&self.ufrag, &offer.ice.ufrag) && same(&self.pwd, &offer.ice.pwd) {
            Ok(())
        } else {
            Err(FragmentError::Restart)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parse(text: &str) -> Result<Fragment, FragmentError> {
        Fragment::parse(text, CandidatePolicy::default())
    }

    #[test]
    fn what_a_browser_trickles_is_read() {
        let fragment = parse(
            "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
             a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
             a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n\
             a=candidate:1 1 udp 1 d1d1.local 5000 typ host\r\na=end-of-candidates\r\n",
        )
        .unwrap();
        assert_eq!(fragment.candidates, ["candidate:1387637174 1 UDP 2122260223 192.0.2.1 61764 typ host", ""]);
        assert_eq!(fragment.ufrag.as_deref(), Some("EsAw"));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(parse(""), Err(FragmentError::Empty));
        assert_eq!(parse("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"), Err(FragmentError::Empty));
        assert!(matches!(parse("{\"candidate\": 1}"), Err(FragmentError::Syntax(_))));
        assert!(matches!(parse("é=1"), Err(FragmentError::Syntax(_))));
        assert!(matches!(parse("a=candidate:nonsense"), Err(FragmentError::Candidate(_))));
        let many = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n".repeat(MAX_CANDIDATES + 1);
        assert_eq!(parse(&many), Err(FragmentError::TooMany));
        assert!(matches!(parse(&format!("a={}", "x".repeat(MAX_LINE))), Err(FragmentError::Syntax(_))));
    }

    #[test]
    fn what_a_client_may_not_make_us_send_to_is_passed_over() {
        let fragment = parse("a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\n").unwrap();
        assert_eq!(fragment.candidates, [""]);
    }
}
