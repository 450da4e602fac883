//! Where outputs may go: whoever may ask for one lets the server connect to an address of their choice.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Where outputs may go, and whom they trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outputs {
    /// Only there; empty for everywhere that is not denied.
    pub allow: Vec<Place>,
    /// Not there, whatever else says so.
    pub deny: Vec<Place>,
    /// The local addresses at which outputs may wait for receivers; empty for all of them.
    pub listen_addresses: Vec<IpAddr>,
    /// The lowest port at which they may; 0 for none at all.
    pub listen_port_min: u16,
    /// The highest one.
    pub listen_port_max: u16,
    /// A file of certificates, as PEM, that are trusted beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// What link-local addresses and the like give away is meant for the machine itself: clouds keep its passwords there.
const OF_THE_MACHINE: [&str; 5] =
    ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254", "100.100.100.200", "metadata.google.internal"];

impl Default for Outputs {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: OF_THE_MACHINE.iter().filter_map(|place| place.parse().ok()).collect(),
            listen_addresses: Vec::new(),
            listen_port_min: 1024,
            listen_port_max: 65535,
            ca_file: None,
        }
    }
}

impl Outputs {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { listen_port_min: min, listen_port_max: max, .. } = *self;
        if (min == 0) != (max == 0) || min > max {
            return Err(ConfigError::Value {
                key: "outputs.listen_port_min and outputs.listen_port_max",
                value: format!("{min}..{max}"),
                remedy: "set both, the lower one first, or both to 0",
            });
        }
        Ok(())
    }
}

/// Some addresses, or some hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// All addresses of a network.
    Network(IpNet),
    /// A host by its name, or, where that begins with `*.`, all below it.
    Host(String),
}

/// What is no [`Place`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place: write an address, a network as 10.0.0.0/8, a host name, or *.example.org")]
pub struct BadPlace(String);

impl Place {
    /// Whether something that is called `host`, at `address`, is there.
    #[must_use]
    pub fn has(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(&address),
            Self::Host(_) => self.has_host(host),
        }
    }

    /// Whether that can be said by the name alone.
    #[must_use]
    pub fn has_host(&self, host: &str) -> bool {
        let Self::Host(pattern) = self else { return false };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == *pattern,
        }
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // Of digits alone it would be a mistyped address.
        let is_name = labels.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_name && labels.split('.').all(is_label) {
            return Ok(Self::Host(name));
        }
        Err(BadPlace(text.to_owned()))
    }
}

impl TryFrom<String> for Place {
    type Error = BadPlace;

    fn try_from(text: String) -> Result<Self, BadPlace> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        match place {
            Place::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().to_string(),
            Place::Network(network) => network.to_string(),
            Place::Host(host) => host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_networks_addresses_and_names() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (place, host, at, has) in [
            ("10.0.0.0/8", "a", "10.1.2.3", true),
            ("10.9.9.9/8", "a", "10.1.2.3", true),
            ("10.0.0.0/8", "a", "11.1.2.3", false),
            ("192.0.2.7", "a", "192.0.2.7", true),
            ("fe80::/10", "a", "fe80::1", true),
            ("example.org", "Example.ORG.", "192.0.2.7", true),
            ("example.org", "live.example.org", "192.0.2.7", false),
            ("*.example.org", "live.example.org", "192.0.2.7", true),
            ("*.example.org", "example.org", "192.0.2.7", false),
            ("*.example.org", "evilexample.org", "192.0.2.7", false),
        ] {
            let place: Place = place.parse().unwrap();
            assert_eq!(place.has(host, address(at)), has, "{place:?} {host} {at}");
        }
        for bad in ["", "*", "*.", "10.0.0", "10.0.0.0/33", "rtmp://example.org", "a b", "a..b", "*.*.org", "host:1935"]
        {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in ["10.0.0.0/8", "192.0.2.7", "fe80::/10", "*.example.org"] {
            assert_eq!(String::from(text.parse::<Place>().unwrap()), text);
        }
        assert_eq!(Outputs::default().deny.len(), OF_THE_MACHINE.len());
    }
}
