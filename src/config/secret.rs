//! What an operator may set and nobody is to read in a log.

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A password. Whatever prints it prints something else.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The password, for whoever logs in with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What stands for it.
    fn veil(&self) -> &'static str {
        if self.is_empty() { "" } else { "(hidden)" }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.veil().fmt(f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.veil())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What is no text would be quoted in the error.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Other(IgnoredAny),
        }
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            Value::Other(_) => Err(D::Error::custom("it has to be text: put it in quotes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_it() {
        let secret = Secret::from("tellnobody");
        let printed = format!("{secret:?} {}", serde_json::to_string(&secret).expect("text"));
        assert!(!printed.contains("tellnobody"), "{printed}");
        assert_eq!(secret.reveal(), "tellnobody");
    }
}
