//! Making tokens, as LiveKit's SDKs do. Pure: the time is given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::grants::Grants;
use crate::config::Secret;

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whose it is.
    pub identity: Option<String>,
    /// The name to go by.
    pub name: Option<String>,
    /// For the applications of those in the room.
    pub metadata: Option<String>,
    /// What it allows.
    pub grants: Grants,
    /// How long it is good.
    pub lasts: Duration,
}

#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    nbf: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
    video: &'a Grants,
}

/// A token by the key `name`, good from `now` on.
///
/// # Errors
/// When it cannot be written; with keys of the configuration that does not happen.
pub fn mint(
    name: &str,
    secret: &Secret,
    order: &Order,
    now: SystemTime,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = Claims {
        iss: name,
        nbf: now,
        exp: now.saturating_add(order.lasts.as_secs()),
        sub: order.identity.as_deref(),
        name: order.name.as_deref(),
        metadata: order.metadata.as_deref(),
        video: &order.grants,
    };
    let key = EncodingKey::from_secret(secret.reveal().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}
