//! What is to be made of what, checked before anything begins.

use std::path::{Path, PathBuf};

use super::RecomposeError;
use super::half_made::HalfMade;
use crate::egress::format::{Choice, Container, Content, Format};
use crate::egress::happening::word;
use crate::egress::manifest::{Manifest, State};
use crate::media::Codec;
use crate::media::description::Values;
use crate::mix::layout::{Layout, LayoutError, Size};

/// What is to be made of what.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// The manifest; its files are beside it.
    pub manifest: PathBuf,
    /// Who is where.
    pub layout: Layout,
    /// The file to write; the end of its name says of which kind.
    pub output: PathBuf,
    /// Whether a file that is there already is replaced.
    pub force: bool,
    /// Canvas, frame rate and bitrates.
    pub values: Values,
}

/// An order that can be carried out.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) manifest: Manifest,
    /// Where its files are.
    pub(super) folder: PathBuf,
    pub(super) format: Format,
    pub(super) output: HalfMade,
}

impl Order {
    /// The canvas.
    pub(super) fn canvas(&self) -> Size {
        Size { width: self.values.width, height: self.values.height }
    }

    /// Looks whether everything is there, and claims the output. Blocks.
    pub(super) fn check(&self) -> Result<Checked, RecomposeError> {
        let manifest = self.read()?;
        let path = || self.manifest.clone();
        if manifest.format.content != Content::Individual {
            return Err(RecomposeError::Kind { path: path(), kind: word(&manifest.format.content) });
        }
        // One that could not be made whole has an error, and plays as far as it was written.
        if manifest.state.is_running() || manifest.state == State::Interrupted && manifest.error.is_none() {
            return Err(RecomposeError::Unfinished { path: path(), state: manifest.state });
        }
        if manifest.files.is_empty() {
            return Err(RecomposeError::Empty { path: path() });
        }
        let folder = self.manifest.parent().map_or_else(PathBuf::new, Path::to_owned);
        let sources: Vec<PathBuf> = manifest.files.iter().map(|file| file.name.within(&folder)).collect();
        if let Some(path) = sources.iter().find(|path| !path.is_file()) {
            return Err(RecomposeError::Missing { path: path.clone() });
        }
        let wrong = |error: LayoutError| RecomposeError::Layout { reason: error.to_string() };
        self.layout.check(self.canvas()).map_err(wrong)?;
        let format = self.format()?;
        let same =
            |path: &PathBuf| matches!((path.canonicalize(), self.output.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if sources.iter().any(same) || same(&self.manifest) {
            return Err(RecomposeError::OwnSource { path: self.output.clone() });
        }
        let output = HalfMade::claim(&self.output, self.force)?;
        Ok(Checked { manifest, folder, format, output })
    }

    fn read(&self) -> Result<Manifest, RecomposeError> {
        let wrong = |reason: String| RecomposeError::Manifest { path: self.manifest.clone(), reason };
        let text = std::fs::read(&self.manifest).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
    }

    fn format(&self) -> Result<Format, RecomposeError> {
        let container = match self.output.extension().and_then(|end| end.to_str()) {
            Some("mp4") => Container::Mp4,
            Some("mkv") => Container::Mkv,
            Some("webm") => Container::Webm,
            _ => return Err(RecomposeError::Extension { path: self.output.clone() }),
        };
        let choice = Choice { container: Some(container), ..Choice::default() };
        choice.resolve(Codec::Vp8).map_err(|_| RecomposeError::Graph { step: "choosing codecs" })
    }
}
