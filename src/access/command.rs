//! `plenum token`: makes a token on the command line, for trying things out and for scripts.

use std::time::{Duration, SystemTime};

use clap::Args;

use super::grants::{Grants, TrackSource};
use super::mint::{self, Order};
use crate::config::Config;

/// Make a token with a key of the configuration.
#[derive(Debug, Args)]
pub struct Token {
    /// The room that it is for.
    #[arg(long)]
    room: Option<String>,
    /// Whose it is: as your users are known to your program. Needed to join a room.
    #[arg(long)]
    identity: Option<String>,
    /// The name that others see. [default: the identity]
    #[arg(long)]
    name: Option<String>,
    /// What programs of others in the room are told.
    #[arg(long)]
    metadata: Option<String>,
    /// What it allows: roomJoin, roomAdmin, roomRecord, roomList, canPublish, canSubscribe, canPublishData or hidden, with
    /// `=false` to take it away; canPublishSources=camera+microphone. May be given several times.
    #[arg(long = "grant", value_name = "GRANT", default_value = "roomJoin")]
    grants: Vec<String>,
    /// How long it is good: 90s, 15m, 6h, 30d.
    #[arg(long, default_value = "6h", value_parser = duration)]
    ttl: Duration,
    /// By which key, if there are several. [default: the first by name]
    #[arg(long)]
    key: Option<String>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum NoToken {
    /// There are no keys.
    #[error("there are no keys in the configuration: set one under [keys], or as PLENUM_KEYS__NAME")]
    NoKeys,
    /// There is no such key.
    #[error("there is no key {0:?} in the configuration: use one of {1}")]
    NoSuchKey(String, String),
    /// There is no such grant.
    #[error("{0:?} is no grant: use {GRANTS}")]
    Grant(String),
    /// Who joins is somebody, and somewhere.
    #[error("a token to join a room says which, and who: give --room and --identity")]
    Nobody,
    /// It cannot be written.
    #[error("the token cannot be written: {0}")]
    Mint(#[from] jsonwebtoken::errors::Error),
}

const GRANTS: &str = "roomJoin, roomAdmin, roomRecord, roomList, canPublish, canSubscribe, canPublishData, hidden, each with \
    =false if wanted, or canPublishSources= with camera, microphone, screen_share, screen_share_audio joined by +";

impl Token {
    /// Makes it.
    ///
    /// # Errors
    /// When there is no such key, or no such grant.
    pub fn make(self, config: &Config) -> Result<String, NoToken> {
        let (name, secret) = match &self.key {
            Some(name) => config.keys.get_key_value(name).ok_or_else(|| {
                let known = config.keys.keys().cloned().collect::<Vec<_>>().join(", ");
                NoToken::NoSuchKey(name.clone(), known)
            })?,
            None => config.keys.first_key_value().ok_or(NoToken::NoKeys)?,
        };
        let mut grants = Grants { room: self.room, ..Grants::default() };
        for grant in &self.grants {
            add(&mut grants, grant).ok_or_else(|| NoToken::Grant(grant.clone()))?;
        }
        if grants.room_join == Some(true) && (grants.room.is_none() || self.identity.is_none()) {
            return Err(NoToken::Nobody);
        }
        let order =
            Order { identity: self.identity, name: self.name, metadata: self.metadata, grants, lasts: self.ttl };
        Ok(mint::mint(name, secret, &order, SystemTime::now())?)
    }
}

/// Adds what one `--grant` says; nothing if that is none.
fn add(grants: &mut Grants, said: &str) -> Option<()> {
    let (name, value) = said.split_once('=').unwrap_or((said, "true"));
    if name == "canPublishSources" {
        let words: Vec<_> = value.split('+').map(str::to_owned).collect();
        let known = words.iter().all(|word| TrackSource::parse(word).is_some());
        return known.then(|| grants.can_publish_sources = Some(words));
    }
    let grant = match name {
        "roomJoin" => &mut grants.room_join,
        "roomAdmin" => &mut grants.room_admin,
        "roomRecord" => &mut grants.room_record,
        "roomList" => &mut grants.room_list,
        "canPublish" => &mut grants.can_publish,
        "canSubscribe" => &mut grants.can_subscribe,
        "canPublishData" => &mut grants.can_publish_data,
        "hidden" => &mut grants.hidden,
        _ => return None,
    };
    *grant = Some(value.parse().ok()?);
    Some(())
}

/// Reads `6h`.
fn duration(text: &str) -> Result<Duration, String> {
    let no = || format!("{text:?} is no time: use a whole number with s, m, h or d, as in 6h");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(no)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(no()),
    };
    let number: u64 = digits.parse().map_err(|_| no())?;
    number.checked_mul(seconds).map(Duration::from_secs).filter(|time| !time.is_zero()).ok_or_else(no)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::token::Keys;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        token: Token,
    }

    fn config() -> Config {
        let keys = [("app", "a secret of 32 characters or more"), ("next", "another secret of 32 characters!!")];
        let keys = keys.map(|(name, secret)| (name.to_owned(), secret.into())).into_iter().collect();
        Config { keys, ..Config::default() }
    }

    fn made(line: &str) -> Result<crate::access::Token, String> {
        let words = std::iter::once("token").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let token = line.token.make(&config()).map_err(|error| error.to_string())?;
        Ok(Keys::new(&config().keys).verify(&token, SystemTime::now()).expect("a good token"))
    }

    #[test]
    fn a_line_makes_a_token() {
        let token = made("--room tea --identity ann --name Ann").expect("a token");
        assert_eq!(
            (token.key.as_str(), token.identity.as_deref(), token.name.as_deref()),
            ("app", Some("ann"), Some("Ann"))
        );
        assert_eq!(token.grants, Grants { room: Some("tea".into()), room_join: Some(true), ..Grants::default() });
        let token = made(
            "--grant roomRecord --grant canPublish=false --grant canPublishSources=camera+microphone --key next --ttl 1d",
        );
        let token = token.expect("a token");
        assert_eq!(
            (token.key.as_str(), token.grants.room_record, token.grants.can_publish),
            ("next", Some(true), Some(false))
        );
        assert_eq!(token.grants.can_publish_sources, Some(vec!["camera".to_owned(), "microphone".to_owned()]));
        assert_eq!(token.grants.room_join, None);
    }

    #[test]
    fn a_line_that_is_wrong_is_told_so() {
        for (line, said) in [
            ("--room tea", "--identity"),
            ("--identity ann", "--room"),
            ("--grant roomjoin --room tea --identity ann", "roomJoin"),
            ("--grant canPublish=no --room tea", "is no grant"),
            ("--grant canPublishSources=fax --room tea", "is no grant"),
            ("--key other --room tea --identity ann", "app, next"),
            ("--ttl 6 --room tea --identity ann", "as in 6h"),
            ("--ttl 0h --room tea --identity ann", "as in 6h"),
        ] {
            let error = made(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
