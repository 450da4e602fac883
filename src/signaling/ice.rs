//! What a browser wants to know about ICE, in every dialect.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::access::turn::Credential;
use crate::config::Ice;

/// One entry of a browser's `iceServers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` or `turn:`.
    pub urls: String,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What the operator configured, for `new RTCPeerConnection({iceServers})` of `whom`.
#[must_use]
pub fn servers(ice: &Ice, whom: &str) -> Vec<IceServer> {
    let stun = ice.stun.iter().map(|url| IceServer { urls: url.clone(), username: None, credential: None });
    let turn = ice.turn.iter().map(|turn| IceServer {
        urls: turn.url.clone(),
        username: Some(turn.username.clone()),
        credential: Some(turn.credential.reveal().to_owned()),
    });
    let own = Credential::of(ice, whom, SystemTime::now());
    let own = own.into_iter().flat_map(|(urls, Credential { username, password })| {
        urls.iter().map(move |url| IceServer {
            urls: url.clone(),
            username: Some(username.clone()),
            credential: Some(password.clone()),
        })
    });
    stun.chain(turn).chain(own).collect()
}
