//! Colours as people write them: `#rrggbb`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Background;

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// Of its parts.
    #[must_use]
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// What is written as a colour.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(is_digit))?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// Its parts from 0 to 1, as cairo takes them.
    pub(in crate::mix) fn parts(self) -> (f64, f64, f64) {
        let part = |byte| f64::from(byte) / 255.0;
        (part(self.red), part(self.green), part(self.blue))
    }

    /// Whether dark letters are readable on it better than light ones.
    pub(in crate::mix) fn is_light(self) -> bool {
        let (red, green, blue) = self.parts();
        0.299 * red + 0.587 * green + 0.114 * blue > 0.5
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Background {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Colour(colour) => colour.serialize(serializer),
            Self::Image(name) => serializer.serialize_str(name),
        }
    }
}

impl JsonSchema for Colour {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"})
    }
}

impl JsonSchema for Background {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Background".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A colour such as \"#203040\", or the name of a PNG or JPEG file in the assets folder.",
            "type": "string",
            "maxLength": super::LONGEST_NAME,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_digits_after_a_hash() {
        assert_eq!(Colour::parse("#0aB1ff"), Some(Colour::new(10, 177, 255)));
        assert_eq!(Colour::new(10, 177, 255).to_string(), "#0ab1ff");
        for wrong in ["", "#", "0ab1ff", "#0ab1f", "#0ab1fff", "#0ab1fg", "#+1+1+1", "#ééé", "red"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
        assert!(Colour::new(255, 255, 0).is_light() && !Colour::new(0, 0, 255).is_light());
    }
}
