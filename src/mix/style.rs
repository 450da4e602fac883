//! How a mix looks, beyond where everybody is: gaps, corners, background, names, marks, a logo, a clock and text.
//!
//! It is data, and comes as JSON; `actor/dressing.rs` puts it into practice. All lengths are pixels of the canvas. Images are names of
//! files in the folder that the operator configured, never addresses.

mod assets;
mod colour;
mod wire;

use schemars::JsonSchema;
use serde::Serialize;

use super::layout::Size;
pub use assets::Assets;
pub(crate) use assets::{Bitmap, Look};
pub use colour::Colour;

/// The widest gap and the largest radius.
pub(super) const MOST_GAP: u32 = 200;
pub(super) const MOST_RADIUS: u32 = 400;
/// The largest distance from an edge of a canvas.
pub(super) const FARTHEST: u32 = 7680;
/// The sizes of letters.
pub(super) const LEAST_SIZE: u32 = 8;
pub(super) const MOST_SIZE: u32 = 400;
/// How many texts there may be, and how long each.
pub(super) const MOST_TEXTS: usize = 16;
pub(super) const LONGEST_TEXT: usize = 500;
/// How long what says how to write the time may be, and a name of a file or a time zone.
pub(super) const LONGEST_FORMAT: usize = 100;
pub(super) const LONGEST_NAME: usize = 100;

/// Why something is no style, or not for this mix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}: {remedy}")]
pub struct StyleError {
    field: String,
    problem: String,
    remedy: String,
}

impl StyleError {
    fn new(field: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// What is wrong, as a path such as `style.clock.format`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }
}

/// How a mix looks. The default is plain: nothing but pictures and the tiles of those who show none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Style {
    /// Pixels between tiles, and between them and the edges.
    #[schemars(range(max = MOST_GAP), default)]
    pub gap: u32,
    /// The radius of the tiles' corners.
    #[schemars(range(max = MOST_RADIUS), default)]
    pub radius: u32,
    /// What lies below the tiles; nearly black if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// Whether names lie over live pictures.
    #[schemars(default)]
    pub labels: bool,
    /// Whether those who are muted are marked.
    #[schemars(default)]
    pub mute_marks: bool,
    /// An image that lies over everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// The time of what is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<Clock>,
    /// Text that lies over everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_TEXTS), default)]
    pub text: Vec<Text>,
}

/// What lies below the tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Background {
    /// A colour.
    Colour(Colour),
    /// An image of the assets folder, which covers the canvas.
    Image(String),
}

/// An image over everything.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Logo {
    /// The name of a PNG or JPEG file in the assets folder.
    #[schemars(length(max = LONGEST_NAME))]
    pub image: String,
    /// From the left edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub x: u32,
    /// From the top edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub y: u32,
    /// Its width, in the image's own shape; that of the image if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = FARTHEST))]
    pub width: Option<u32>,
    /// From 0, not to be seen, to 1.
    #[schemars(range(min = 0, max = 1), default = "opaque")]
    pub opacity: f64,
}

fn opaque() -> f64 {
    1.0
}

/// The time of what is seen, where it is seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Clock {
    /// As `strftime` takes it.
    #[schemars(length(max = LONGEST_FORMAT), default = "usual_format")]
    pub format: String,
    /// A time zone such as `Europe/Berlin`; that of the server if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_NAME))]
    pub zone: Option<String>,
    /// From the left edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub x: u32,
    /// From the top edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub y: u32,
    /// The size of its letters.
    #[schemars(range(min = LEAST_SIZE, max = MOST_SIZE), default = "usual_size")]
    pub size: u32,
    /// The colour of its letters.
    #[schemars(default = "white")]
    pub color: Colour,
}

/// A line of text, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Text {
    /// What it says.
    #[schemars(length(max = LONGEST_TEXT))]
    pub text: String,
    /// From the left edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub x: u32,
    /// From the top edge of the canvas.
    #[schemars(range(max = FARTHEST), default)]
    pub y: u32,
    /// The size of its letters.
    #[schemars(range(min = LEAST_SIZE, max = MOST_SIZE), default = "usual_size")]
    pub size: u32,
    /// The colour of its letters.
    #[schemars(default = "white")]
    pub color: Colour,
}

pub(super) fn usual_format() -> String {
    "%H:%M:%S".to_owned()
}

pub(super) fn usual_size() -> u32 {
    24
}

pub(super) fn white() -> Colour {
    Colour::new(255, 255, 255)
}

impl Style {
    /// Refuses what would lie outside of the canvas.
    ///
    /// # Errors
    /// When something does; the error names the field.
    pub fn check(&self, canvas: Size) -> Result<(), StyleError> {
        let logo = self.logo.iter().map(|logo| ("style.logo".to_owned(), logo.x, logo.y));
        let clock = self.clock.iter().map(|clock| ("style.clock".to_owned(), clock.x, clock.y));
        let texts = self.text.iter().enumerate().map(|(index, text)| (format!("style.text[{index}]"), text.x, text.y));
        for (what, x, y) in logo.chain(clock).chain(texts) {
            for (side, at, whole) in [("x", x, canvas.width), ("y", y, canvas.height)] {
                if at >= whole {
                    return Err(StyleError::new(
                        format!("{what}.{side}"),
                        format!("is {at}, outside of the canvas of {}×{}", canvas.width, canvas.height),
                        format!("use at most {}", whole.saturating_sub(1)),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether anything lies over the pictures.
    pub(super) fn lies_over(&self) -> bool {
        let fixed = self.logo.is_some() || self.clock.is_some() || !self.text.is_empty();
        fixed || self.labels || self.mute_marks || self.radius > 0
    }

    /// Whether an image has to be read for it.
    pub(super) fn has_images(&self) -> bool {
        self.logo.is_some() || matches!(self.background, Some(Background::Image(_)))
    }
}

impl Clock {
    /// What it shows so long before now.
    pub(super) fn text(&self, before: std::time::Duration) -> Option<String> {
        let zone = match &self.zone {
            Some(zone) => glib::TimeZone::from_identifier(Some(zone))?,
            None => glib::TimeZone::local(),
        };
        let span = glib::TimeSpan::from_microseconds(-i64::try_from(before.as_micros()).ok()?);
        let time = glib::DateTime::now(&zone).and_then(|now| now.add(span)).ok()?;
        time.format(&self.format).ok().map(Into::into)
    }
}
