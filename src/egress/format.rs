//! What a recording holds, and in which files: pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::happening::word;
use crate::id::MixName;
use crate::media::Codec;
use crate::mix::Encoding;
use crate::mix::layout::Layout;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Picture and sound of the room's mix.
    #[default]
    Mixed,
    /// The sound of the mix alone.
    Audio,
    /// What everybody sends, as it comes: a file for each, and one for each shared screen.
    Individual,
    /// The mix, and the sound of everybody in a track of its own.
    Multitrack,
}

/// The files' format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// ISO base media (MP4, M4A), of fragments until it is finalised.
    #[default]
    Mp4,
    /// Matroska (MKV, MKA).
    Mkv,
    /// WebM.
    Webm,
}

/// What somebody wants of a recording; what is not said depends on the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Choice {
    /// What is recorded.
    pub kind: Content,
    /// The files' format.
    pub container: Option<Container>,
    /// The codec of the pictures.
    pub video_codec: Option<Encoding>,
    /// The codec of the sound.
    pub audio_codec: Option<Encoding>,
    /// The mix that is recorded.
    pub mix: Option<MixName>,
    /// How the picture of the mix is arranged, instead.
    pub layout: Option<Layout>,
}

/// What a recording holds, and in which files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Format {
    /// What is recorded.
    #[serde(rename = "kind")]
    pub content: Content,
    /// The files' format.
    pub container: Container,
    /// The codec of the pictures, if there are any.
    pub video_codec: Option<Encoding>,
    /// The codec of the sound.
    pub audio_codec: Encoding,
}

/// Why something cannot be recorded as it was wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct FormatError {
    what: String,
    remedy: &'static str,
}

impl Choice {
    /// What will be recorded in a room that speaks `spoken`.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn resolve(self, spoken: Codec) -> Result<Format, FormatError> {
        let spoken = if spoken == Codec::H264 { Encoding::H264 } else { Encoding::Vp8 };
        let content = self.kind;
        let container = self.container.unwrap_or(match content {
            Content::Mixed | Content::Audio => Container::Mp4,
            Content::Individual if spoken == Encoding::Vp8 => Container::Webm,
            Content::Individual | Content::Multitrack => Container::Mkv,
        });
        let (picture, sound) = match (content, container) {
            (Content::Individual, _) => (spoken, Encoding::Opus),
            (_, Container::Webm) => (Encoding::Vp8, Encoding::Opus),
            (_, Container::Mp4 | Container::Mkv) => (Encoding::H264, Encoding::Aac),
        };
        let format = Format {
            content,
            container,
            video_codec: (content != Content::Audio).then(|| self.video_codec.unwrap_or(picture)),
            audio_codec: self.audio_codec.unwrap_or(sound),
        };
        let no = |what: String, remedy| Err(FormatError { what, remedy });
        match (content, container) {
            (Content::Individual, Container::Mp4) => {
                return no("individual recordings are not written as mp4".into(), "use webm or mkv");
            }
            (Content::Multitrack, Container::Mp4 | Container::Webm) => {
                return no(format!("several tracks of sound are not written as {container:?}"), "use mkv");
            }
            (Content::Audio | Content::Individual, _) if self.layout.is_some() => {
                let remedy = "leave it out, or use the kind mixed or multitrack";
                return no(format!("a recording of the kind {} has no layout", word(&content)), remedy);
            }
            (Content::Individual, _) if self.mix.is_some() => {
                return no("a recording of the kind individual is of no mix".into(), "leave mix out");
            }
            (Content::Audio, _) if self.video_codec.is_some() => {
                return no("a recording of sound has no videoCodec".into(), "leave it out, or use the kind mixed");
            }
            (Content::Individual, _) if format.video_codec != Some(spoken) || format.audio_codec != sound => {
                return no("what people send is not encoded anew".into(), "leave the codecs out");
            }
            _ => {}
        }
        let is_picture = |codec| matches!(codec, Encoding::H264 | Encoding::Vp8);
        if format.video_codec.is_some_and(|codec| !is_picture(codec)) {
            return no(format!("videoCodec is {:?}", format.video_codec), "use h264 or vp8");
        }
        if is_picture(format.audio_codec) {
            return no(format!("audioCodec is {:?}", format.audio_codec), "use aac or opus");
        }
        let (video, audio) = (format.video_codec, format.audio_codec);
        match container {
            Container::Webm if video == Some(Encoding::H264) || audio == Encoding::Aac => {
                no("webm holds vp8 and opus only".into(), "leave the codecs out, or use mkv")
            }
            Container::Mp4 if video == Some(Encoding::Vp8) => no("vp8 is not written as mp4".into(), "use webm or mkv"),
            _ => Ok(format),
        }
    }
}

impl Format {
    /// The end of the name of a file with pictures, or without.
    #[must_use]
    pub fn extension(self, pictures: bool) -> &'static str {
        match (self.container, pictures) {
            (Container::Mp4, true) => "mp4",
            (Container::Mp4, false) => "m4a",
            (Container::Mkv, true) => "mkv",
            (Container::Mkv, false) => "mka",
            (Container::Webm, _) => "webm",
        }
    }

    /// Whether it has files of what everybody sends.
    #[must_use]
    pub fn is_individual(self) -> bool {
        matches!(self.content, Content::Individual | Content::Multitrack)
    }

    /// The codecs of the mix that it needs, the leading one first.
    #[must_use]
    pub fn encodings(self) -> Vec<Encoding> {
        match self.content {
            Content::Individual => Vec::new(),
            _ => self.video_codec.into_iter().chain([self.audio_codec]).collect(),
        }
    }
}

impl Container {
    /// The description of a file.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Mp4 => "output/mp4.launch",
            Self::Mkv => "output/mkv.launch",
            Self::Webm => "output/webm.launch",
        }
    }

    /// What writes an ordinary file.
    pub(crate) fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4mux",
            Self::Mkv => "matroskamux",
            Self::Webm => "webmmux",
        }
    }
}

/// The description that makes an encoded stream fit for a file.
pub(super) fn stream(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::H264 => "stream/h264.launch",
        Encoding::Vp8 => "stream/vp8.launch",
        Encoding::Aac => "stream/aac.launch",
        Encoding::Opus => "stream/opus.launch",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, spoken: Codec) -> Result<(Container, Option<Encoding>, Encoding), String> {
        let wanted: Choice = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let format = wanted.resolve(spoken).map_err(|error| error.to_string())?;
        Ok((format.container, format.video_codec, format.audio_codec))
    }

    #[test]
    fn what_is_not_said_follows_from_the_rest() {
        use Container::{Mkv, Mp4, Webm};
        use Encoding::{Aac, H264, Opus, Vp8};
        for (text, spoken, wanted) in [
            ("{}", Codec::Vp8, (Mp4, Some(H264), Aac)),
            (r#"{"container": "webm"}"#, Codec::Vp8, (Webm, Some(Vp8), Opus)),
            (r#"{"container": "mkv", "videoCodec": "vp8"}"#, Codec::Vp8, (Mkv, Some(Vp8), Aac)),
            (r#"{"audioCodec": "opus"}"#, Codec::Vp8, (Mp4, Some(H264), Opus)),
            (r#"{"kind": "audio", "container": "webm"}"#, Codec::Vp8, (Webm, None, Opus)),
            (r#"{"kind": "individual"}"#, Codec::Vp8, (Webm, Some(Vp8), Opus)),
            (r#"{"kind": "individual"}"#, Codec::H264, (Mkv, Some(H264), Opus)),
            (r#"{"kind": "individual", "container": "mkv"}"#, Codec::Vp8, (Mkv, Some(Vp8), Opus)),
            (r#"{"kind": "multitrack"}"#, Codec::Vp8, (Mkv, Some(H264), Aac)),
            (r#"{"kind": "multitrack", "layout": "pip"}"#, Codec::Vp8, (Mkv, Some(H264), Aac)),
            (r#"{"layout": {"regions": {"all": {}}}}"#, Codec::Vp8, (Mp4, Some(H264), Aac)),
        ] {
            assert_eq!(resolved(text, spoken), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_no_file_holds_is_refused_with_a_remedy() {
        for (text, spoken, remedy) in [
            (r#"{"container": "webm", "audioCodec": "aac"}"#, Codec::Vp8, "mkv"),
            (r#"{"videoCodec": "vp8"}"#, Codec::Vp8, "webm"),
            (r#"{"videoCodec": "opus", "container": "mkv"}"#, Codec::Vp8, "h264"),
            (r#"{"audioCodec": "h264"}"#, Codec::Vp8, "aac"),
            (r#"{"kind": "audio", "videoCodec": "h264"}"#, Codec::Vp8, "leave it out"),
            (r#"{"kind": "individual", "container": "mp4"}"#, Codec::Vp8, "mkv"),
            (r#"{"kind": "individual", "container": "webm"}"#, Codec::H264, "mkv"),
            (r#"{"kind": "individual", "videoCodec": "h264"}"#, Codec::Vp8, "leave the codecs out"),
            (r#"{"kind": "multitrack", "container": "webm"}"#, Codec::Vp8, "mkv"),
            (r#"{"kind": "audio", "layout": "grid"}"#, Codec::Vp8, "the kind audio has no layout"),
            (r#"{"kind": "individual", "layout": "grid"}"#, Codec::Vp8, "the kind individual has no layout"),
            (r#"{"layout": "mosaic"}"#, Codec::Vp8, "layout \"mosaic\""),
            (r#"{"layout": {"regions": {"a": {"x": -1}}}}"#, Codec::Vp8, "layout.regions.a.x is -1"),
            (r#"{"kind": "hologram"}"#, Codec::Vp8, "individual"),
            (r#"{"videoCodec": "av1"}"#, Codec::Vp8, "vp8"),
        ] {
            let error = resolved(text, spoken).expect_err(text);
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }
}
