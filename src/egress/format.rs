//! What a recording holds, and in which file: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Picture and sound of the room's mix.
    #[default]
    Mixed,
    /// The sound of the mix alone.
    Audio,
}

/// The file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// ISO base media (MP4, M4A), of fragments until it is finalised.
    #[default]
    Mp4,
    /// Matroska (MKV, MKA).
    Mkv,
}

/// What a recording holds, and in which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Format {
    /// What is recorded.
    #[serde(rename = "kind", default)]
    pub content: Content,
    /// The file's format.
    #[serde(default)]
    pub container: Container,
}

impl Format {
    /// The end of the file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match (self.content, self.container) {
            (Content::Mixed, Container::Mp4) => "mp4",
            (Content::Mixed, Container::Mkv) => "mkv",
            (Content::Audio, Container::Mp4) => "m4a",
            (Content::Audio, Container::Mkv) => "mka",
        }
    }

    /// The description that writes it.
    pub(super) fn description(self) -> &'static str {
        match (self.content, self.container) {
            (Content::Mixed, Container::Mp4) => "output/mixed-mp4.launch",
            (Content::Mixed, Container::Mkv) => "output/mixed-mkv.launch",
            (Content::Audio, Container::Mp4) => "output/audio-mp4.launch",
            (Content::Audio, Container::Mkv) => "output/audio-mkv.launch",
        }
    }

    /// The inlets of the description.
    pub(super) fn inlets(self) -> &'static [&'static str] {
        match self.content {
            Content::Mixed => &["video", "audio"],
            Content::Audio => &["audio"],
        }
    }

    /// What writes an ordinary file of the container.
    pub(super) fn muxer(self) -> &'static str {
        match self.container {
            Container::Mp4 => "mp4mux",
            Container::Mkv => "matroskamux",
        }
    }
}
