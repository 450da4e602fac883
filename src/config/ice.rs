//! How media finds its way.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// How media finds its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ice {
    /// The local addresses to offer; empty for all of them.
    pub addresses: Vec<IpAddr>,
    /// The lowest UDP port for media; 0 lets the system choose.
    pub port_min: u16,
    /// The highest UDP port for media.
    pub port_max: u16,
    /// Whether to offer candidates over TCP too.
    pub tcp: bool,
    /// STUN servers as `stun:host:port`; the first serves the server itself, all go to the page.
    pub stun: Vec<String>,
    /// TURN servers, for the server and for the page.
    pub turn: Vec<Turn>,
    /// TURN servers for pages and players, each of which gets a name and a password of its own.
    pub turn_urls: Vec<String>,
    /// What those servers know too (coturn: `static-auth-secret`).
    pub turn_secret: Secret,
    /// How long such a password is good, in seconds.
    pub turn_ttl_seconds: u64,
}

/// One TURN server.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// `turn:host:port`, with `?transport=udp` or `tcp` if wanted; `turns:` for TLS.
    pub url: String,
    /// The name to log in with.
    pub username: String,
    /// The password to log in with.
    pub credential: Secret,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

impl Default for Ice {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            port_min: 0,
            port_max: 0,
            tcp: false,
            stun: Vec::new(),
            turn: Vec::new(),
            turn_urls: Vec::new(),
            turn_secret: Secret::default(),
            turn_ttl_seconds: 86_400,
        }
    }
}

impl Ice {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: String, remedy| Err(ConfigError::Value { key, value, remedy });
        if (self.port_min == 0) != (self.port_max == 0) || self.port_min > self.port_max {
            let range = format!("{}..{}", self.port_min, self.port_max);
            return wrong("ice.port_min and ice.port_max", range, "set both, the lower one first, or both to 0");
        }
        for url in &self.stun {
            if !url.starts_with("stun:") {
                return wrong("ice.stun", url.clone(), "write it as stun:host:port");
            }
        }
        for (key, url) in self
            .turn
            .iter()
            .map(|turn| ("ice.turn.url", &turn.url))
            .chain(self.turn_urls.iter().map(|url| ("ice.turn_urls", url)))
        {
            if !url.starts_with("turn:") && !url.starts_with("turns:") {
                return wrong(key, url.clone(), "write it as turn:host:port or turns:host:port");
            }
        }
        if self.turn_urls.is_empty() != self.turn_secret.is_empty() {
            let remedy = "set both: the secret is the static-auth-secret of those servers";
            return wrong(
                "ice.turn_urls without ice.turn_secret, or the other way round,",
                self.turn_urls.join(" "),
                remedy,
            );
        }
        if !(60..=30 * 86_400).contains(&self.turn_ttl_seconds) {
            return wrong("ice.turn_ttl_seconds", self.turn_ttl_seconds.to_string(), "use 60 to 2592000");
        }
        Ok(())
    }
}
