//! Where outputs may go: what the operator says, applied to names, to what names mean, and to where outputs listen. Pure but
//! for looking names up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config;

/// How long a name may take to be looked up.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Where outputs may go. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach(Arc<config::Outputs>);

/// Why an address is not gone to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The operator forbids it.
    #[error("url names {0}, where outputs may not go: see outputs.allow and outputs.deny in the configuration")]
    Forbidden(String),
    /// Its name means nothing now.
    #[error("the host {host} cannot be found: {reason}")]
    Unknown {
        /// The name.
        host: String,
        /// What the system says.
        reason: String,
    },
}

impl From<config::Outputs> for Reach {
    fn from(outputs: config::Outputs) -> Self {
        Self(Arc::new(outputs))
    }
}

impl Reach {
    /// Whether a host of this name may be gone to at this address.
    #[must_use]
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = plain(address);
        let config::Outputs { allow, deny, .. } = &*self.0;
        let is_allowed = allow.is_empty() || allow.iter().any(|place| place.has(host, address));
        is_allowed && !deny.iter().any(|place| place.has(host, address))
    }

    /// Whether a host may be gone to, as far as that can be said before its name is looked up.
    pub(super) fn may_allow(&self, host: &str) -> bool {
        if let Ok(address) = host.parse() {
            return self.allows(host, address);
        }
        let config::Outputs { allow, deny, .. } = &*self.0;
        let by_address = |place: &config::Place| matches!(place, config::Place::Network(_));
        let is_allowed = allow.is_empty() || allow.iter().any(|place| by_address(place) || place.has_host(host));
        is_allowed && !deny.iter().any(|place| place.has_host(host))
    }

    /// The file of certificates that are trusted beside those of the system.
    pub(super) fn authorities(&self) -> Option<&Path> {
        self.0.ca_file.as_deref()
    }

    /// Whether outputs may wait there for receivers.
    pub(super) fn allows_listener(&self, at: SocketAddr) -> bool {
        let config::Outputs { listen_addresses, listen_port_min, listen_port_max, .. } = &*self.0;
        let is_ours = listen_addresses.is_empty() || listen_addresses.contains(&at.ip());
        is_ours && *listen_port_min > 0 && (*listen_port_min..=*listen_port_max).contains(&at.port())
    }

    /// Looks a name up, and gives an address that may be gone to. Where one may not, none may: somebody may try which is taken.
    pub(super) async fn look_up(&self, host: &str, port: u16) -> Result<SocketAddr, Unreachable> {
        let unknown = |reason: String| Unreachable::Unknown { host: host.to_owned(), reason };
        let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, port))).await;
        let found = found.map_err(|_| unknown(format!("no answer within {LOOK_UP:?}")))?;
        let found: Vec<_> = found.map_err(|error| unknown(error.to_string()))?.collect();
        if found.iter().any(|address| !self.allows(host, address.ip())) {
            return Err(Unreachable::Forbidden(host.to_owned()));
        }
        found.first().copied().ok_or_else(|| unknown("it has no address".to_owned()))
    }
}

/// What an address comes down to: of those of the one kind within the other, and of the one that means this machine.
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(allow: &[&str], deny: &[&str]) -> Reach {
        let places = |all: &[&str]| all.iter().map(|place| place.parse().unwrap()).collect();
        config::Outputs { allow: places(allow), deny: places(deny), ..config::Outputs::default() }.into()
    }

    #[test]
    fn what_is_denied_is_denied_however_it_is_written() {
        let denied = reach(&[], &["127.0.0.0/8", "169.254.0.0/16", "::1", "*.internal"]);
        for (host, address) in [
            ("a", "127.0.0.1"),
            ("a", "0.0.0.0"),
            ("a", "::"),
            ("a", "::ffff:127.0.0.1"),
            ("a", "::ffff:169.254.169.254"),
            ("metadata.internal", "192.0.2.1"),
        ] {
            assert!(!denied.allows(host, address.parse().unwrap()), "{host} {address}");
        }
        assert!(denied.allows("a", "192.0.2.1".parse().unwrap()));
        assert!(!denied.may_allow("127.0.0.1") && !denied.may_allow("x.internal") && denied.may_allow("x.example.org"));
    }

    #[test]
    fn what_is_allowed_is_all_there_is_unless_it_is_denied() {
        let some = reach(&["*.example.org", "10.0.0.0/8"], &["10.0.0.1"]);
        for (host, address, allowed) in [
            ("live.example.org", "192.0.2.1", true),
            ("live.example.org", "10.0.0.1", false),
            ("other.org", "10.0.0.2", true),
            ("other.org", "192.0.2.1", false),
        ] {
            assert_eq!(some.allows(host, address.parse().unwrap()), allowed, "{host} {address}");
        }
        assert!(some.may_allow("other.org"), "its address may be allowed");
        let named = reach(&["live.example.org"], &[]);
        assert!(named.may_allow("live.example.org") && !named.may_allow("other.org") && !named.may_allow("192.0.2.1"));
    }

    #[test]
    fn nobody_may_go_where_clouds_tell_machines_their_passwords_unless_told() {
        let usual = Reach::default();
        for host in ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "metadata.google.internal"] {
            assert!(!usual.may_allow(host), "{host}");
        }
        assert!(usual.may_allow("127.0.0.1") && usual.may_allow("live.example.org"));
    }

    #[test]
    fn outputs_listen_where_they_may() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let usual = Reach::default();
        assert!(usual.allows_listener(at("0.0.0.0:7001")) && !usual.allows_listener(at("0.0.0.0:443")));
        let (listen_addresses, listen_port_min) = (vec!["127.0.0.1".parse().unwrap()], 7000);
        let narrow: Reach =
            config::Outputs { listen_addresses, listen_port_min, listen_port_max: 7009, ..Default::default() }.into();
        assert!(narrow.allows_listener(at("127.0.0.1:7009")) && !narrow.allows_listener(at("127.0.0.1:7010")));
        assert!(!narrow.allows_listener(at("0.0.0.0:7001")));
        let none: Reach = config::Outputs { listen_port_min: 0, listen_port_max: 0, ..Default::default() }.into();
        assert!(!none.allows_listener(at("127.0.0.1:0")));
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_mean() {
        let denied = reach(&[], &["127.0.0.0/8", "::1"]);
        assert!(matches!(denied.look_up("localhost", 1).await, Err(Unreachable::Forbidden(_))));
        // As old resolvers read numbers.
        for host in ["2130706433", "0x7f000001", "127.1"] {
            assert!(denied.look_up(host, 1).await.is_err(), "{host}");
        }
        assert!(Reach::default().look_up("localhost", 1).await.unwrap().ip().is_loopback());
        assert!(matches!(Reach::default().look_up("nowhere.invalid", 1).await, Err(Unreachable::Unknown { .. })));
    }
}
