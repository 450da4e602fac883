//! Words by which a region says whom it shows.

use serde::{Deserialize, Serialize};

use super::named::Source;

/// How long one may be, in bytes.
pub(super) const LONGEST: usize = 200;

/// A participant's name or identifier, with `*` for any letters, or one of the kinds `camera` and `screen`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(String);

/// It is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern is too long: use names, identifiers, camera or screen of at most {LONGEST} bytes, with * for any letters"
)]
pub struct PatternError;

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        if text.len() <= LONGEST { Ok(Self(text)) } else { Err(PatternError) }
    }
}

impl Pattern {
    /// Whatever there is.
    pub(super) fn any() -> Self {
        Self("*".to_owned())
    }

    /// How exactly it means `source`, the least number the most exactly; nothing if it does not mean it.
    pub(in crate::mix) fn means(&self, source: &Source<'_>) -> Option<u8> {
        let (exactly, of_its_kind) = if source.shared { (1, 0) } else { (0, 2) };
        let kind = if source.shared { "screen" } else { "camera" };
        let fits = |text: &str| matches(self.0.as_bytes(), text.as_bytes());
        match self.0.as_str() {
            "*" => Some(3),
            // Where screens are asked for, nobody's own region keeps theirs.
            word if word == kind => Some(of_its_kind),
            word if word == source.name || word == source.id => Some(exactly),
            _ => (fits(source.name) || fits(source.id)).then_some(2),
        }
    }
}

/// Whether `text` is as `pattern` says, whose `*` stand for anything: the last star that was met is the only one worth going
/// back to.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match back {
                Some((after, from)) => {
                    back = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("ann", "ann", true),
            ("ann", "anna", false),
            ("ann*", "anna", true),
            ("*ann", "joann", true),
            ("*n*n*", "ann", true),
            ("*n*n*", "an", false),
            ("teacher-*-*", "teacher-1-2", true),
            ("*ab", "aab", true),
            ("é*", "émile", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_most_exact_word_counts_least() {
        let camera = Source { id: "01", name: "Ann", ..Source::default() };
        let screen = Source { shared: true, ..camera };
        let means = |word: &str, source: &Source<'_>| Pattern(word.to_owned()).means(source);
        let all =
            |source: &Source<'_>| ["Ann", "01", "camera", "screen", "A*", "*", "Bob"].map(|word| means(word, source));
        assert_eq!(all(&camera), [Some(0), Some(0), Some(2), None, Some(2), Some(3), None]);
        assert_eq!(all(&screen), [Some(1), Some(1), None, Some(0), Some(2), Some(3), None]);
    }
}
