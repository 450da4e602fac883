//! What one logs in with at a TURN server: names and passwords that are good for a while, by a secret that this server shares
//! with the TURN server (draft-uberti-behave-turn-rest; coturn's `use-auth-secret`). Pure: the time is given.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::config::{Ice, Secret};

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// When it ends, in seconds since 1970, and whose it is.
    pub username: String,
    /// What is made of it with the secret.
    pub password: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Credential {
    /// For `whom`, until `end`.
    #[must_use]
    pub fn new(secret: &Secret, whom: &str, end: SystemTime) -> Self {
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let username = format!("{end}:{whom}");
        let password = match Hmac::<Sha1>::new_from_slice(secret.reveal().as_bytes()) {
            Ok(mut mac) => {
                mac.update(username.as_bytes());
                STANDARD.encode(mac.finalize().into_bytes())
            }
            // A key of any length will do.
            Err(_) => String::new(),
        };
        Self { username, password }
    }

    /// The servers that want one, and the one for `whom`, from `now` on.
    #[must_use]
    pub fn of<'a>(ice: &'a Ice, whom: &str, now: SystemTime) -> Option<(&'a [String], Self)> {
        if ice.turn_urls.is_empty() {
            return None;
        }
        let end = now + Duration::from_secs(ice.turn_ttl_seconds);
        Some((&ice.turn_urls, Self::new(&ice.turn_secret, whom, end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// As coturn's README.turnserver has it: `echo -n $usercombo | openssl dgst -binary -sha1 -hmac $secret | openssl base64`.
    fn by_openssl(secret: &str, username: &str) -> String {
        let arguments = ["dgst", "-binary", "-sha1", "-hmac", secret];
        let command = Command::new("openssl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut command = command.expect("openssl runs");
        command.stdin.take().expect("piped").write_all(username.as_bytes()).expect("it reads");
        STANDARD.encode(command.wait_with_output().expect("it ends").stdout)
    }

    #[test]
    fn coturn_would_take_it() {
        let credential = Credential::new(&Secret::from("north"), "01h8ann", at(1_700_000_000));
        assert_eq!(credential.username, "1700000000:01h8ann");
        assert_eq!(credential.password, by_openssl("north", "1700000000:01h8ann"));
        assert_ne!(credential.password, by_openssl("south", "1700000000:01h8ann"));
        assert!(!format!("{credential:?}").contains(&credential.password));
    }

    #[test]
    fn it_ends_when_the_operator_says() {
        let ice = Ice { turn_secret: "north".into(), turn_ttl_seconds: 60, ..crate::config::Config::default().ice };
        assert!(Credential::of(&ice, "ann", at(1000)).is_none());
        let ice = Ice { turn_urls: vec!["turn:t.example.org".into()], ..ice };
        let (urls, credential) = Credential::of(&ice, "ann", at(1000)).expect("one");
        assert_eq!((urls.len(), credential.username.as_str()), (1, "1060:ann"));
    }
}
