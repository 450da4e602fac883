//! Names and identifiers: newtypes, so that a room can never be mistaken for a participant.
//!
//! Identifiers are made by the server and safe in file names, GStreamer names and URLs. Room and participant *names*
//! come from people: they are bounded and cleaned here, once, and after that only ever shown, never used as a path.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use ulid::{Generator, Ulid};

mod viewer;

pub use viewer::ViewerId;

/// One that follows all others: those of one millisecond would else be in any order, and who came first is asked of them.
fn next() -> Ulid {
    static ALL: Mutex<Generator> = Mutex::new(Generator::new());
    // It is whole after each step.
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.generate().unwrap_or_else(|overflow| overflow.commit_overflow_increment())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new identifier, unique, and sorted after all that this process made before.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "a default that differs each time would surprise")]
            pub fn new() -> Self {
                Self(next().to_string().to_ascii_lowercase())
            }

            /// An identifier that somebody else sent; it is only good for looking up.
            #[must_use]
            pub fn from_remote(text: &str) -> Self {
                Self(text.to_owned())
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id!(
    /// A person in a room.
    ParticipantId
);
id!(
    /// One peer connection.
    EndpointId
);
id!(
    /// One recording.
    RecordingId
);
id!(
    /// One output of a mix.
    OutputId
);

/// What is wrong with a name that a person chose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after trimming.
    #[error("the {what} is empty: send 1 to {max} characters")]
    Empty {
        /// `room name` or `user name`.
        what: &'static str,
        /// The longest allowed, in characters.
        max: usize,
    },
    /// More characters than allowed.
    #[error("the {what} has {length} characters: at most {max} are allowed")]
    TooLong {
        /// `room name` or `user name`.
        what: &'static str,
        /// Its length in characters.
        length: usize,
        /// The longest allowed, in characters.
        max: usize,
    },
    /// A control character, which could forge log lines or confuse terminals.
    #[error("the {what} contains a control character: send printable text only")]
    Control {
        /// `room name` or `user name`.
        what: &'static str,
    },
    /// Not a name for an endpoint.
    #[error("the name of an endpoint is 1 to {max} letters, digits, - and _", max = EndpointName::MAX)]
    Endpoint,
    /// Not a name for a mix.
    #[error("the name of a mix is 1 to {max} letters, digits, - and _", max = MixName::MAX)]
    Mix,
}

fn clean(what: &'static str, text: &str, max: usize) -> Result<String, NameError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty { what, max });
    }
    let length = text.chars().count();
    if length > max {
        return Err(NameError::TooLong { what, length, max });
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(NameError::Control { what });
    }
    Ok(text.to_owned())
}

/// The name of a room: 1 to 64 printable characters, case-sensitive. It identifies the room.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct RoomName(String);

impl RoomName {
    /// The longest room name, in characters.
    pub const MAX: usize = 64;

    /// Accepts what a person typed.
    ///
    /// # Errors
    /// When it is empty, too long, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        clean("room name", text, Self::MAX).map(Self)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(text: &str, max: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=max).contains(&text.len()) && text.bytes().all(plain)
}

/// The name of one of a room's mixes; it is part of addresses.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct MixName(String);

impl MixName {
    /// The longest, in characters.
    pub const MAX: usize = 32;
    /// The mix that every room has.
    pub const DEFAULT: &'static str = "default";

    /// Accepts somebody's choice: 1 to 32 letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_plain(text, Self::MAX) { Ok(Self(text.to_owned())) } else { Err(NameError::Mix) }
    }

    /// Whether it is the one that every room has.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for MixName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl TryFrom<String> for MixName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl fmt::Display for MixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name that a client gives one of its endpoints: it finds it again by that. In the tutorial's dialect, where a client
/// names its connections after senders, it is the sender's identifier.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EndpointName(String);

impl EndpointName {
    /// The longest, in characters.
    pub const MAX: usize = 32;

    /// Accepts a client's choice: 1 to 32 letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_plain(text, Self::MAX) { Ok(Self(text.to_owned())) } else { Err(NameError::Endpoint) }
    }

    /// The endpoint by which a client of the tutorial's dialect receives `sender`, or publishes if that is itself.
    #[must_use]
    pub fn of(sender: &ParticipantId) -> Self {
        Self(sender.as_str().to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a participant: 1 to 64 printable characters. Two participants may have the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParticipantName(String);

impl TryFrom<String> for ParticipantName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<ParticipantName> for String {
    fn from(name: ParticipantName) -> Self {
        name.0
    }
}

impl ParticipantName {
    /// The longest participant name, in characters.
    pub const MAX: usize = 64;

    /// Accepts what a person typed.
    ///
    /// # Errors
    /// When it is empty, too long, or holds control characters.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        clean("user name", text, Self::MAX).map(Self)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ParticipantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_comes_first_sorts_first_also_within_a_millisecond() {
        let ids: Vec<_> = (0..1000).map(|_| ParticipantId::new()).collect();
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn names_are_bounded_and_printable() {
        assert!(RoomName::parse("  ").is_err());
        assert!(RoomName::parse(&"x".repeat(10_000)).is_err());
        assert!(RoomName::parse("a\nb").is_err());
        assert!(RoomName::parse("a\u{202e}b").is_err());
        assert_eq!(RoomName::parse(" tea room ").map(|n| n.to_string()), Ok("tea room".into()));
        assert!(
            ParticipantName::parse("<img src=x onerror=alert(1)>").is_ok(),
            "markup is text: whoever shows it escapes it"
        );
    }

    #[test]
    fn ids_are_unique_and_plain() {
        let (a, b) = (ParticipantId::new(), ParticipantId::new());
        assert_ne!(a, b);
        assert!(a.as_str().chars().all(|c| c.is_ascii_alphanumeric()));
    }

    proptest! {
        #[test]
        fn a_parsed_name_keeps_its_promise(text in ".{0,100}") {
            if let Ok(name) = RoomName::parse(&text) {
                prop_assert!((1..=RoomName::MAX).contains(&name.as_str().chars().count()));
                prop_assert!(!name.as_str().chars().any(char::is_control));
            }
        }
    }
}
