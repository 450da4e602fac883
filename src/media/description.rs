//! Descriptions: the texts under `pipelines/`, built in and replaceable, become bins with named sockets.
//!
//! Only numbers are ever formatted into a text; strings are set as properties afterwards, so nothing that a person typed
//! can become part of a pipeline.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;

mod contract;

use contract::{CHOSEN, CONTRACT, Entry, Socket, VARIANTS};

/// Why a description cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    /// The folder of replacements, or a file in it, cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that replaces nothing.
    #[error("{path} replaces none of the built-in descriptions: its name must be one of {known}")]
    Unknown {
        /// The surplus file.
        path: PathBuf,
        /// The names there are.
        known: String,
    },
    /// A name in braces that is not on the list.
    #[error("{file}: {{{placeholder}}} is not a placeholder: use one of {known}")]
    Placeholder {
        /// The description.
        file: String,
        /// What stands in the braces.
        placeholder: String,
        /// The names there are.
        known: String,
    },
    /// GStreamer does not understand it, or lacks an element.
    #[error("{file}: {message}")]
    Parse {
        /// The description.
        file: String,
        /// What GStreamer said; it names the element.
        message: String,
    },
    /// A socket is missing, or is of no use.
    #[error("{file}: the element named \"{socket}\" {problem}")]
    Socket {
        /// The description.
        file: String,
        /// The socket's name.
        socket: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The numbers that a description may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values {
    /// The canvas, in pixels.
    pub width: u32,
    /// The canvas, in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Frames from one keyframe to the next.
    pub gop: u32,
    /// The video bitrate, in kbit/s.
    pub video_kbps: u32,
    /// The audio bitrate, in bit/s.
    pub audio_bps: u32,
}

impl Default for Values {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30, gop: 30, video_kbps: 2_500, audio_bps: 128_000 }
    }
}

impl Values {
    fn table(&self) -> [(&'static str, u32); 7] {
        [
            ("width", self.width),
            ("height", self.height),
            ("fps", self.fps),
            ("gop", self.gop),
            ("video_kbps", self.video_kbps),
            ("video_bps", self.video_kbps.saturating_mul(1000)),
            ("audio_bps", self.audio_bps),
        ]
    }
}

/// All descriptions, with the operator's replacements in place.
#[derive(Debug, Clone)]
pub struct Descriptions {
    texts: HashMap<&'static str, String>,
    replaced: Vec<&'static str>,
    /// Which of the encoders of H.264 is used.
    chosen: &'static str,
}

impl Descriptions {
    /// What is built in, except where `folder`, if one is given, has a file of the same relative name.
    ///
    /// # Errors
    /// When a file cannot be read, or replaces nothing.
    pub fn load(folder: Option<&Path>) -> Result<Self, DescriptionError> {
        folder.map_or_else(|| Ok(Self::built_in()), Self::with_replacements)
    }

    /// What is built in.
    #[must_use]
    pub fn built_in() -> Self {
        let texts = CONTRACT.iter().map(|entry| (entry.file, entry.text.to_owned())).collect();
        Self { texts, replaced: Vec::new(), chosen: VARIANTS[0] }
    }

    /// What is built in, except where `folder` has a file of the same relative name.
    ///
    /// # Errors
    /// When a file cannot be read, or replaces nothing.
    pub fn with_replacements(folder: &Path) -> Result<Self, DescriptionError> {
        let mut all = Self::built_in();
        for path in launch_files(folder)? {
            let relative = path.strip_prefix(folder).unwrap_or(&path);
            let Some(entry) = CONTRACT.iter().find(|entry| Path::new(entry.file) == relative) else {
                return Err(DescriptionError::Unknown { path, known: Self::names().collect::<Vec<_>>().join(", ") });
            };
            let text = std::fs::read_to_string(&path).map_err(|source| DescriptionError::Read { path, source })?;
            all.texts.insert(entry.file, text);
            all.replaced.push(entry.file);
        }
        Ok(all)
    }

    /// The relative names of all descriptions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CONTRACT.iter().map(|entry| entry.file)
    }

    /// Those that the operator replaced.
    #[must_use]
    pub fn replaced(&self) -> &[&'static str] {
        &self.replaced
    }

    /// Uses `file`, one of `encode/h264-….launch`, as `encode/h264.launch`.
    pub fn choose(&mut self, file: &str) {
        if let Some(variant) = VARIANTS.into_iter().find(|variant| *variant == file) {
            self.chosen = variant;
        }
    }

    /// What is used as `encode/h264.launch`.
    #[must_use]
    pub fn chosen(&self) -> &'static str {
        self.chosen
    }

    /// Parses every description and checks its sockets, without running any. What is not [chosen](Self::chosen) may lack what
    /// it needs.
    #[must_use]
    pub fn check(&self) -> Vec<DescriptionError> {
        let used = |file: &&str| *file == self.chosen || !VARIANTS.contains(file);
        Self::names().filter(used).filter_map(|file| self.build(file, &Values::default()).err()).collect()
    }

    /// A bin of `file`, its sockets made into pads of the same names.
    ///
    /// # Errors
    /// When the text is not what the contract in `pipelines/README.md` asks for.
    pub fn build(&self, file: &str, values: &Values) -> Result<gst::Bin, DescriptionError> {
        let file = if file == CHOSEN { self.chosen } else { file };
        let parse_error = |message: String| DescriptionError::Parse { file: file.to_owned(), message };
        let entry = CONTRACT
            .iter()
            .find(|entry| entry.file == file)
            .ok_or_else(|| parse_error("no such description".into()))?;
        let text = self.texts.get(entry.file).map_or(entry.text, String::as_str);
        let text = fill(file, &strip_comments(text), values)?;
        let bin = gst::parse::bin_from_description_full(
            &text,
            false,
            None,
            gst::ParseFlags::FATAL_ERRORS | gst::ParseFlags::PLACE_IN_BIN,
        )
        .map_err(|error| parse_error(error.message().to_owned()))?
        .downcast::<gst::Bin>()
        .map_err(|_| parse_error("this is one element only: a description is a chain of them".into()))?;
        for socket in entry.sockets {
            expose(entry, &bin, socket)?;
        }
        Ok(bin)
    }
}

fn expose(entry: &Entry, bin: &gst::Bin, socket: &Socket) -> Result<(), DescriptionError> {
    let fail = |problem| DescriptionError::Socket { file: entry.file.to_owned(), socket: socket.name(), problem };
    let element = bin.by_name(socket.name()).ok_or_else(|| fail("is missing"))?;
    let pad = match socket {
        Socket::Element { factory, .. } => {
            let made_by = element.factory().map(|found| found.name().to_string());
            let fits = factory.is_none_or(|wanted| made_by.as_deref() == Some(wanted));
            return if fits { Ok(()) } else { Err(fail("is of another kind than the code can handle")) };
        }
        Socket::Inlet(_) => "sink",
        Socket::Outlet(_) => "src",
    };
    let target = element.static_pad(pad).ok_or_else(|| fail("has no single pad on its free side"))?;
    if target.is_linked() {
        return Err(fail("is not at the end of the chain"));
    }
    let ghost = gst::GhostPad::builder_with_target(&target).map_err(|_| fail("has a pad that cannot be exposed"))?;
    bin.add_pad(&ghost.name(socket.name()).build()).map_err(|_| fail("has a pad that cannot be exposed"))
}

fn strip_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn fill(file: &str, text: &str, values: &Values) -> Result<String, DescriptionError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        // Caps have braces too, around lists: those contain blanks or commas.
        let name = rest[1..].split_once('}').map(|(inside, _)| inside).filter(|inside| is_word(inside));
        let Some(name) = name else {
            filled.push('{');
            rest = &rest[1..];
            continue;
        };
        let table = values.table();
        let Some((_, number)) = table.iter().find(|(known, _)| *known == name) else {
            let known = table.map(|(name, _)| name).join(", ");
            return Err(DescriptionError::Placeholder { file: file.to_owned(), placeholder: name.to_owned(), known });
        };
        filled.push_str(&number.to_string());
        rest = &rest[name.len() + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn launch_files(folder: &Path) -> Result<Vec<PathBuf>, DescriptionError> {
    let read_error = |source| DescriptionError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        let path = entry.path();
        if entry.file_type().map_err(read_error)?.is_dir() {
            files.extend(launch_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "launch") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(file: &str, text: &str) -> Descriptions {
        gst::init().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        Descriptions::with_replacements(folder.path()).unwrap()
    }

    fn problem(file: &str, text: &str) -> String {
        replaced(file, text).build(file, &Values::default()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_built_in_fulfils_the_contract() {
        gst::init().unwrap();
        let problems = Descriptions::built_in().check();
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn a_replacement_wins_and_is_known() {
        let all = replaced("encode/aac.launch", "# other\naudioconvert name=in ! opusenc bitrate={audio_bps} name=out");
        assert_eq!(all.replaced(), ["encode/aac.launch"]);
        let bin = all.build("encode/aac.launch", &Values::default()).unwrap();
        assert_eq!(bin.by_name("out").unwrap().property::<i32>("bitrate"), 128_000);
    }

    #[test]
    fn problems_name_the_file_and_the_element() {
        let file = "encode/aac.launch";
        assert_eq!(
            problem(file, "audioconvert name=in ! nothere name=out"),
            "encode/aac.launch: no element \"nothere\""
        );
        assert!(problem(file, "queue name=in ! queue").contains("\"out\" is missing"));
        assert!(problem(file, "queue name=in ! queue name=out ! fakesink").contains("\"out\" is not at the end"));
        assert!(
            problem(file, "queue name=in max-size-time={secret} ! queue name=out")
                .contains("{secret} is not a placeholder")
        );
        assert!(problem(file, "queue name=in location=x ! queue name=out").contains("location"));
    }

    #[test]
    fn only_the_encoder_that_is_chosen_must_be_there() {
        let file = "encode/h264-nvenc.launch";
        let mut all = replaced(file, "queue name=in ! nothere name=out");
        assert!(all.check().is_empty(), "{:?}", all.check());
        all.choose(file);
        let problems: Vec<_> = all.check().iter().map(ToString::to_string).collect();
        assert_eq!(problems, ["encode/h264-nvenc.launch: no element \"nothere\""]);
        assert_eq!(all.build("encode/h264.launch", &Values::default()).unwrap_err().to_string(), problems[0]);
        all.choose("encode/h264-openh264.launch");
        let bin = all.build("encode/h264.launch", &Values::default()).unwrap();
        let encodes = |element: gst::Element| element.factory().is_some_and(|factory| factory.name() == "openh264enc");
        assert!(bin.children().into_iter().any(encodes));
    }

    #[test]
    fn all_encoders_of_h264_have_their_sockets() {
        for file in VARIANTS {
            // Where a driver is missing its element is, too: any other stands for it.
            let text = CONTRACT.iter().find(|entry| entry.file == file).unwrap().text;
            let words = strip_comments(text);
            let encoder = words.split_whitespace().find(|word| word.ends_with("enc")).unwrap();
            let settings: String = words.split(encoder).nth(1).unwrap().split('!').next().unwrap().to_owned();
            let text = words.replace(&format!("{encoder}{settings}"), "x264enc ");
            let built = replaced(file, &text).build(file, &Values::default());
            assert!(built.is_ok(), "{file}: {built:?}");
            assert!(settings.contains("{gop}"), "{file}");
            assert!(settings.contains("{video_kbps}") || settings.contains("{video_bps}"), "{file}");
        }
    }

    #[test]
    fn a_file_that_replaces_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("acc.launch"), "queue").unwrap();
        assert!(matches!(Descriptions::with_replacements(folder.path()), Err(DescriptionError::Unknown { .. })));
    }

    #[test]
    fn braces_of_caps_stay() {
        let text = "x caps=video/x-raw,format={ I420, NV12 },width={width}";
        let filled = fill("f", text, &Values::default()).unwrap();
        assert_eq!(filled, "x caps=video/x-raw,format={ I420, NV12 },width=1280");
    }
}
