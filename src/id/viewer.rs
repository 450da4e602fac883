//! Secrets that name somebody. They are compared by their digests: the time that looking one up takes says nothing of it.

use std::cmp::Ordering;
use std::fmt;

use sha2::{Digest, Sha256};

/// Somebody who watches a mix, or an encoder. It is a secret, unlike other identifiers: who knows it may end the viewer.
#[derive(Clone)]
pub struct ViewerId {
    secret: String,
    digest: [u8; 32],
}

impl ViewerId {
    /// A new one, which nobody can guess.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a default that differs each time would surprise")]
    pub fn new() -> Self {
        Self::from_remote(&format!("{:032x}", rand::random::<u128>()))
    }

    /// One that somebody else sent; it is only good for looking up.
    #[must_use]
    pub fn from_remote(text: &str) -> Self {
        Self { secret: text.to_owned(), digest: Sha256::digest(text.as_bytes()).into() }
    }

    /// The secret.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.secret
    }
}

impl PartialEq for ViewerId {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for ViewerId {}

impl PartialOrd for ViewerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ViewerId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.digest.cmp(&other.digest)
    }
}

impl fmt::Debug for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewerId(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_by_its_secret_and_not_printed() {
        let known = ViewerId::new();
        assert_eq!(known, ViewerId::from_remote(known.as_str()));
        assert_ne!(known, ViewerId::new());
        assert!(!format!("{known:?}").contains(known.as_str()));
    }
}
