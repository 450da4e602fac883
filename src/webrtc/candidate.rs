//! ICE candidates of the other side, before libnice sees them.
//!
//! Pure code, any thread. What comes out is written anew from checked values: a literal address that we agree to send
//! packets to. So a client can neither make the server resolve names nor probe its own network (`.local`, loopback,
//! metadata service).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest candidate line. A browser's has 120 bytes.
const MAX_BYTES: usize = 512;

/// Which candidates are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CandidatePolicy {
    /// Keep ICE-TCP candidates.
    pub tcp: bool,
    /// Allow loopback addresses: only for a server that is tried out on one machine.
    pub loopback: bool,
}

/// A candidate that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// `candidate:…`, written anew, for `add-ice-candidate` at m-line 0.
    Line(String),
    /// The other side has no more.
    End,
    /// Well-formed and of no use here.
    Ignored(Ignored),
}

/// Why a well-formed candidate is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// An mDNS name. libnice 0.1.21 resolves it unsafely; the browser is found by its own checks.
    Mdns,
    /// ICE-TCP is off.
    Tcp,
    /// The second component: RTCP travels with RTP.
    Rtcp,
    /// A link-local address, which does not leave the other side's network.
    LinkLocal,
}

/// Why a candidate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// Too long.
    #[error("the candidate has more than {MAX_BYTES} bytes: send it as the browser made it")]
    TooLong,
    /// A part is missing or not of its grammar.
    #[error("the candidate has no valid {0}: send it as the browser made it")]
    Malformed(&'static str),
    /// An address that no peer has.
    #[error("the candidate names an address that is {0}, which this server does not send to: offer another one")]
    Address(&'static str),
}

/// Reads a candidate as it comes from `RTCIceCandidate.candidate` or from an `a=candidate` line. An empty text means
/// that there are no more.
pub fn parse(candidate: &str, policy: CandidatePolicy) -> Result<Candidate, CandidateError> {
    if candidate.len() > MAX_BYTES {
        return Err(CandidateError::TooLong);
    }
    let text = candidate.trim();
    let text = text.strip_prefix("a=").unwrap_or(text);
    if text.is_empty() || text == "end-of-candidates" || text == "candidate:" {
        return Ok(Candidate::End);
    }
    let text = text.strip_prefix("candidate:").ok_or(CandidateError::Malformed("prefix \"candidate:\""))?;
    let mut words = text.split(' ');
    let mut next = |part| words.next().ok_or(CandidateError::Malformed(part));

    let foundation = checked(next("foundation")?, "foundation", |word| (1..=32).contains(&word.len()) && is_ice(word))?;
    let component = checked(next("component")?, "component", |word| matches!(word, "1" | "2"))?;
    let transport = next("transport")?;
    let tcp = match transport {
        word if word.eq_ignore_ascii_case("udp") => false,
        word if word.eq_ignore_ascii_case("tcp") => true,
        _ => return Err(CandidateError::Malformed("transport")),
    };
    let priority: u32 = number(next("priority")?, "priority")?;
    let host = next("address")?;
    let port: u16 = number(next("port")?, "port")?;
    checked(next("type")?, "type", |word| word == "typ")?;
    let typ = checked(next("type")?, "type", |word| matches!(word, "host" | "srflx" | "prflx" | "relay"))?;
    let extra = Extra::read(words)?;

    if tcp && extra.tcp_type.is_none() {
        return Err(CandidateError::Malformed("tcptype"));
    }
    if is_mdns(host) {
        return Ok(Candidate::Ignored(Ignored::Mdns));
    }
    let address: IpAddr = host.parse().map_err(|_| CandidateError::Malformed("address"))?;
    let address = address.to_canonical();
    check(address, policy)?;
    if port == 0 {
        return Err(CandidateError::Malformed("port"));
    }
    let ignored = if component == "2" {
        Some(Ignored::Rtcp)
    } else if tcp && !policy.tcp {
        Some(Ignored::Tcp)
    } else {
        is_link_local(address).then_some(Ignored::LinkLocal)
    };
    if let Some(ignored) = ignored {
        return Ok(Candidate::Ignored(ignored));
    }
    let transport = if tcp { "TCP" } else { "UDP" };
    let mut line = format!("candidate:{foundation} 1 {transport} {priority} {address} {port} typ {typ}");
    extra.write(&mut line, typ, tcp);
    Ok(Candidate::Line(line))
}

/// The address in a line that [`parse`] has written.
#[must_use]
pub fn address(line: &str) -> Option<IpAddr> {
    line.split(' ').nth(4)?.parse().ok()
}

/// What may follow the type: pairs of a name and a value, of which few mean something to us.
#[derive(Default)]
struct Extra<'a> {
    related: Option<(IpAddr, u16)>,
    tcp_type: Option<&'a str>,
}

impl<'a> Extra<'a> {
    fn read(mut words: impl Iterator<Item = &'a str>) -> Result<Self, CandidateError> {
        let (mut extra, mut address, mut port) = (Self::default(), None, None);
        while let Some(name) = words.next() {
            let value = words.next().ok_or(CandidateError::Malformed("pair of name and value after its type"))?;
            match name {
                "raddr" if is_mdns(value) => {}
                "raddr" => address = Some(value.parse().map_err(|_| CandidateError::Malformed("raddr"))?),
                "rport" => port = Some(number(value, "rport")?),
                "tcptype" => {
                    let known = |word: &str| matches!(word, "active" | "passive" | "so");
                    extra.tcp_type = Some(checked(value, "tcptype", known)?);
                }
                _ => {
                    let printable = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
                    checked(name, "extension", printable)?;
                    checked(value, "extension", printable)?;
                }
            }
        }
        extra.related = address.zip(port);
        Ok(extra)
    }

    fn write(&self, line: &mut String, typ: &str, tcp: bool) {
        if typ != "host" {
            // Always present, as RFC 8839 wants it. Its value is informative.
            let (address, port) = self.related.unwrap_or((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
            line.push_str(&format!(" raddr {address} rport {port}"));
        }
        if let (true, Some(tcp_type)) = (tcp, self.tcp_type) {
            line.push_str(&format!(" tcptype {tcp_type}"));
        }
    }
}

fn check(address: IpAddr, policy: CandidatePolicy) -> Result<(), CandidateError> {
    /// AWS's metadata service over IPv6.
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const METADATA_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
    let refused = match address {
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("unspecified"),
        IpAddr::V6(v6) if v6.is_unspecified() => Some("unspecified"),
        _ if address.is_multicast() => Some("multicast"),
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => Some("reserved"),
        _ if address.is_loopback() && !policy.loopback => Some("loopback"),
        IpAddr::V4(METADATA_V4) | IpAddr::V6(METADATA_V6) => Some("a metadata service"),
        _ => None,
    };
    refused.map_or(Ok(()), |what| Err(CandidateError::Address(what)))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_mdns(host: &str) -> bool {
    let name = host.len().checked_sub(6).and_then(|at| host.split_at_checked(at));
    name.is_some_and(|(name, suffix)| {
        suffix.eq_ignore_ascii_case(".local")
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    })
}

/// The `ice-char` of RFC 8839.
pub(super) fn is_ice(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn checked<'a>(word: &'a str, part: &'static str, valid: impl Fn(&str) -> bool) -> Result<&'a str, CandidateError> {
    if valid(word) { Ok(word) } else { Err(CandidateError::Malformed(part)) }
}

fn number<T: std::str::FromStr>(word: &str, part: &'static str) -> Result<T, CandidateError> {
    // FromStr alone would take "+1".
    let word = checked(word, part, |word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    word.parse().map_err(|_| CandidateError::Malformed(part))
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mdns => "mDNS name",
            Self::Tcp => "ICE-TCP",
            Self::Rtcp => "RTCP component",
            Self::LinkLocal => "link-local address",
        })
    }
}

#[cfg(test)]
mod tests;
