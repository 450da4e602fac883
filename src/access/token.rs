//! Tokens: verifying them. Pure: the time is given.
//!
//! HS256 and nothing else: what the token's header says is never believed (RFC 8725, section 3.1). A token without an end is
//! none. Clocks may differ by [`LEEWAY`].

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::grants::Grants;
use crate::config::Secret;

/// The longest token, in bytes: those of LiveKit's SDKs have some hundreds.
pub const LONGEST: usize = 8 * 1024;
/// The longest identity, in characters.
const LONGEST_IDENTITY: usize = 256;
/// The longest metadata, in bytes: everybody in the room is told them.
const LONGEST_METADATA: usize = 2 * 1024;
/// By how much the clocks of whoever mints and of this server may differ.
pub const LEEWAY: Duration = Duration::from_secs(10);

/// The operator's keys. Several are good at a time, so that one can follow another.
pub struct Keys {
    keys: Vec<(String, DecodingKey)>,
    validation: Validation,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.iter().map(|(name, _)| name)).finish()
    }
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The name of the key that signed it.
    pub key: String,
    /// Whose it is.
    pub identity: Option<String>,
    /// The name to go by.
    pub name: Option<String>,
    /// For the applications of those in the room.
    pub metadata: Option<String>,
    /// What it allows.
    pub grants: Grants,
}

/// Why a token is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none.
    #[error("the token is none that is understood here ({0}): make a new one, see docs/access.md")]
    Malformed(String),
    /// It is of another kind.
    #[error("the token is not signed with HS256: no other algorithm is taken here")]
    Algorithm,
    /// Nobody known signed it.
    #[error(
        "the token is signed by no key of this server: its iss has to name a key, and the secret has to be that key's"
    )]
    Signature,
    /// It has no end.
    #[error("the token has no end: it needs exp")]
    Endless,
    /// It is over.
    #[error("the token has expired, {0} seconds ago: ask for a new one")]
    Expired(u64),
    /// It has not begun.
    #[error("the token is not valid before {0} seconds from now: look at the clocks of this server and of who made it")]
    TooEarly(u64),
}

/// The claims, as far as they matter. Times are seconds since 1970, perhaps with a fraction (RFC 7519, section 2).
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    exp: Option<f64>,
    nbf: Option<f64>,
    sub: Option<String>,
    name: Option<String>,
    metadata: Option<String>,
    video: Option<Grants>,
}

impl Keys {
    /// Those of the configuration.
    #[must_use]
    pub fn new(keys: &BTreeMap<String, Secret>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // By the time that is given, below.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let key =
            |(name, secret): (&String, &Secret)| (name.clone(), DecodingKey::from_secret(secret.reveal().as_bytes()));
        Self { keys: keys.iter().map(key).collect(), validation }
    }

    /// Verifies a token, as it is at `now`.
    ///
    /// # Errors
    /// When it is none, nobody known signed it, or it is over.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Token, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed(format!("it has {} bytes, {LONGEST} at most are read", token.len())));
        }
        let (key, claims) = self.signed(token)?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = LEEWAY.as_secs_f64();
        // What is no number in JSON is none here either: both comparisons are of finite numbers.
        let exp = claims.exp.ok_or(TokenError::Endless)?;
        if now >= exp + leeway {
            return Err(TokenError::Expired((now - exp) as u64));
        }
        if let Some(nbf) = claims.nbf.filter(|nbf| now < nbf - leeway) {
            return Err(TokenError::TooEarly((nbf - now).ceil() as u64));
        }
        let identity = claims.sub.filter(|sub| !sub.is_empty());
        let long = |text: &String| text.chars().count() > LONGEST_IDENTITY || text.chars().any(char::is_control);
        if identity.as_ref().is_some_and(long) {
            let why = format!("its sub is longer than {LONGEST_IDENTITY} characters, or not printable");
            return Err(TokenError::Malformed(why));
        }
        if claims.metadata.as_ref().is_some_and(|metadata| metadata.len() > LONGEST_METADATA) {
            return Err(TokenError::Malformed(format!("its metadata have more than {LONGEST_METADATA} bytes")));
        }
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (name, metadata) = (filled(claims.name), filled(claims.metadata));
        Ok(Token { key, identity, name, metadata, grants: claims.video.unwrap_or_default() })
    }

    /// The key that signed a token, and what it says.
    fn signed(&self, token: &str) -> Result<(String, Claims), TokenError> {
        for (name, key) in &self.keys {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(signed) if signed.claims.iss == *name => return Ok((name.clone(), signed.claims)),
                // Two keys may have one secret; or whoever has the secret takes another's name.
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => return Err(TokenError::Algorithm),
                    // Words of the library about the form, never of the content.
                    ErrorKind::Json(error) => return Err(TokenError::Malformed(shape(error))),
                    ErrorKind::InvalidAudience => {
                        return Err(TokenError::Malformed("it is for another audience".into()));
                    }
                    _ => return Err(TokenError::Malformed("it is no signed JWT".into())),
                },
            }
        }
        Err(TokenError::Signature)
    }
}

/// Where JSON is wrong, without what stands there.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once('`').and_then(|(_, rest)| rest.split_once('`')) {
        Some((field, _)) if text.starts_with("missing field") => format!("{field} is missing"),
        _ => format!("a claim is of the wrong type, at column {}", error.column()),
    }
}

#[cfg(test)]
mod tests;
