//! Who may do what: keys of the operator, tokens that are signed by them, and what these grant. No threads; no state but
//! the keys. Invariant: with keys nothing is open, and only what is granted is allowed.
//!
//! Tokens are those of LiveKit: JWTs (RFC 7519) in HS256, whose `iss` names the key and whose `video` holds the grants, so
//! that LiveKit's own server SDKs mint them. `docs/access.md` tells it to operators.
//!
//! [`token`] verifies, [`grants`] says what may be done, [`mint`] and [`command`] make tokens, [`turn`] makes what one logs in
//! with at a TURN server.

pub mod command;
pub mod grants;
pub mod mint;
pub mod token;
pub mod turn;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::id::{NameError, ParticipantName, RoomName};

pub use grants::{Grants, Need, Rights, Sources, TrackSource};
pub use token::{Keys, Token, TokenError};

/// Who is let in at all.
#[derive(Debug)]
pub enum Access {
    /// Everybody, for everything.
    Open,
    /// Who has a token.
    Keys(Box<Keys>),
}

/// Why there is no access at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unguarded {
    /// There are no keys, and others than this machine can come.
    #[error(
        "{0} can be reached from elsewhere, and there are no keys: everybody could do everything. Set a key in the configuration \
         ([keys] name = \"a secret of 32 characters or more\", or PLENUM_KEYS__NAME), or say --open (open = true) if that is meant"
    )]
    Listening(SocketAddr),
}

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub enum Pass {
    /// Without a token: there are no keys.
    Open,
    /// With a token.
    Token(Arc<Token>),
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token.
    #[error("this server asks for a token: use the link or the token that whoever invites you gives out")]
    Missing,
    /// It is of no use.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Denied {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_required",
            Self::Token(TokenError::Expired(_)) => "token_expired",
            Self::Token(_) => "bad_token",
        }
    }
}

/// As whom somebody comes into a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name to go by: the token's, else the one that was said.
    pub name: ParticipantName,
    /// Who the token says it is.
    pub identity: Option<String>,
    /// What the token's maker wants others to know.
    pub metadata: Option<String>,
    /// What they may do there.
    pub rights: Rights,
}

/// Why somebody does not come into a room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The token is for something else.
    #[error("the token does not let you into the room {0}: it needs roomJoin, and that room")]
    Room(RoomName),
    /// The token says nobody.
    #[error("the token says nobody: it needs an identity (sub) to join a room")]
    Nobody,
}

impl EntryError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "bad_name",
            Self::Room(_) | Self::Nobody => "forbidden",
        }
    }
}

impl Access {
    /// What the configuration says of it.
    ///
    /// # Errors
    /// When everybody could come from elsewhere, and nobody said that this is meant.
    pub fn new(config: &Config) -> Result<Self, Unguarded> {
        match config.keys.is_empty() {
            false => Ok(Self::Keys(Box::new(Keys::new(&config.keys)))),
            true if config.open || config.listen.ip().is_loopback() => Ok(Self::Open),
            true => Err(Unguarded::Listening(config.listen)),
        }
    }

    /// Whether everybody may do everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Lets in who has a token, if that is wanted.
    ///
    /// # Errors
    /// When there is none, or it is of no use.
    pub fn admit(&self, token: Option<&str>) -> Result<Pass, Denied> {
        match (self, token) {
            (Self::Open, _) => Ok(Pass::Open),
            (Self::Keys(_), None) => Err(Denied::Missing),
            (Self::Keys(keys), Some(token)) => Ok(Pass::Token(Arc::new(keys.verify(token, SystemTime::now())?))),
        }
    }
}

impl Pass {
    /// Whether that may be done in `room`, or on the whole server.
    #[must_use]
    pub fn may(&self, need: Need, room: Option<&RoomName>) -> bool {
        match self {
            Self::Open => true,
            Self::Token(token) => token.grants.may(need, room),
        }
    }

    /// As whom they come into `room`, if they say the name `said`.
    ///
    /// # Errors
    /// When they may not, or have no name.
    pub fn enter(&self, room: &RoomName, said: &str) -> Result<Entry, EntryError> {
        let token = match self {
            Self::Open => {
                let name = ParticipantName::parse(said)?;
                return Ok(Entry { name, identity: None, metadata: None, rights: Rights::open() });
            }
            Self::Token(token) => token,
        };
        if !token.grants.joins(room) {
            return Err(EntryError::Room(room.clone()));
        }
        let identity = token.identity.clone().ok_or(EntryError::Nobody)?;
        let name = ParticipantName::parse(token.name.as_deref().unwrap_or(&identity))?;
        let rights = token.grants.rights();
        Ok(Entry { name, identity: Some(identity), metadata: token.metadata.clone(), rights })
    }
}

/// Whether two secrets are the same, without the time that it takes saying how much of them is.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str, open: bool, keys: &[(&str, &str)]) -> Config {
        let keys = keys.iter().map(|(name, secret)| ((*name).to_owned(), (*secret).into())).collect();
        Config { listen: listen.parse().expect("an address"), open, keys, ..Config::default() }
    }

    #[test]
    fn only_this_machine_finds_an_open_door_unless_that_is_meant() {
        let key = [("app", "a secret of 32 characters or more")];
        for (listen, open, keys, is_open) in [
            ("127.0.0.1:3000", false, &[][..], Some(true)),
            ("[::1]:3000", false, &[], Some(true)),
            ("0.0.0.0:3000", false, &[], None),
            ("192.0.2.1:3000", false, &[], None),
            ("[::]:3000", false, &[], None),
            ("0.0.0.0:3000", true, &[], Some(true)),
            ("0.0.0.0:3000", false, &key, Some(false)),
            ("127.0.0.1:3000", false, &key, Some(false)),
        ] {
            let access = Access::new(&config(listen, open, keys));
            assert_eq!(access.as_ref().ok().map(Access::is_open), is_open, "{listen}");
            if let Err(error) = access {
                assert!(error.to_string().contains("--open") && error.to_string().contains("[keys]"), "{error}");
            }
        }
    }

    #[test]
    fn a_token_says_who_comes() {
        let room = RoomName::parse("tea").expect("a name");
        let said = Pass::Open.enter(&room, " Ann ").expect("let in");
        assert_eq!((said.name.as_str(), said.identity), ("Ann", None));
        let grants = |room: &str| Grants { room: Some(room.into()), room_join: Some(true), ..Grants::default() };
        let pass = |identity: Option<&str>, name: Option<&str>, grants| {
            let (identity, name) = (identity.map(str::to_owned), name.map(str::to_owned));
            Pass::Token(Arc::new(Token { key: "app".into(), identity, name, metadata: None, grants }))
        };
        let named = pass(Some("u7"), Some("Bob"), grants("tea")).enter(&room, "Mallory").expect("let in");
        assert_eq!((named.name.as_str(), named.identity.as_deref()), ("Bob", Some("u7")));
        let unnamed = pass(Some("u7"), None, grants("tea")).enter(&room, "Mallory").expect("let in");
        assert_eq!(unnamed.name.as_str(), "u7");
        for (pass, error) in [
            (pass(Some("u7"), None, grants("other")), "room tea"),
            (pass(Some("u7"), None, grants("")), "room tea"),
            (pass(Some("u7"), None, Grants { room_join: None, ..grants("tea") }), "roomJoin"),
            (pass(None, Some("Bob"), grants("tea")), "says nobody"),
            (pass(Some("u7"), Some(&"x".repeat(65)), grants("tea")), "65 characters"),
        ] {
            let refused = pass.enter(&room, "Mallory").expect_err(error);
            assert!(refused.to_string().contains(error), "{refused}");
        }
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(is_same("secret", "secret"));
        assert!(!is_same("secret", "secre") && !is_same("secret", "Secret") && !is_same("", "s"));
    }
}
