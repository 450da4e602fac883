//! The keys that sign tokens.

use std::collections::BTreeMap;

use super::{ConfigError, Secret};

/// Whoever guesses a shorter secret from a token is everybody: RFC 7518, section 3.2, wants so many bytes for HS256.
const SHORTEST: usize = 32;
/// So begins the name of each variable of ours, in whatever case.
const PREFIX: &str = "PLENUM_";
/// So goes that of one with a key on.
const TABLE: &str = "KEYS__";

/// Whether a variable, without its `PLENUM_`, has a key.
pub(super) fn is_one(variable: &str) -> bool {
    variable.get(..TABLE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TABLE))
}

/// The keys of the environment: their names as they are written there, since tokens name them so.
pub(super) fn of_environment() -> impl Iterator<Item = (String, String)> {
    // What is no text is a wrong key, and not none: without any the server would be open.
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().filter_map(move |(name, value)| Some((named(&text(name))?.to_owned(), text(value))))
}

/// The name of the key that a variable has.
fn named(variable: &str) -> Option<&str> {
    let ours = variable.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let rest = variable.get(PREFIX.len()..).filter(|rest| ours && is_one(rest))?;
    rest.get(TABLE.len()..)
}

pub(super) fn check(keys: &BTreeMap<String, Secret>, open: bool) -> Result<(), ConfigError> {
    let wrong = |key, value: String, remedy| Err(ConfigError::Value { key, value, remedy });
    for (name, secret) in keys {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return wrong("the name of a key", format!("{name:?}"), "use 1 to 64 letters, digits, -, _ and .");
        }
        if secret.reveal().len() < SHORTEST {
            let length = format!("a secret of {} characters", secret.reveal().len());
            let remedy = "use 32 characters or more that nobody guesses, as of `openssl rand -base64 32`";
            return Err(ConfigError::Key { name: name.clone(), value: length, remedy });
        }
    }
    if open && !keys.is_empty() {
        return wrong("open", "true".into(), "there are keys, and with keys nothing is open: take one of the two out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_keys_are_known() {
        assert!(is_one("KEYS__app") && is_one("keys__APIx7"));
        assert!(!is_one("KEYS") && !is_one("LISTEN") && !is_one("ICE__TURN_SECRET") && !is_one("kéys__"));
    }
}
