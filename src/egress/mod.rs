//! The mix goes somewhere: one small builder per output.
//!
//! Each output is a pipeline of its own with a task of its own, fed by links: its error, its end and its slow disk stay
//! its own.

use std::path::PathBuf;

use crate::media::description::DescriptionError;
use crate::media::pipeline::PipelineError;

pub mod catalogue;
pub mod format;
mod gate;
pub mod manifest;
mod mp4;
pub mod recording;
pub mod recovery;
pub mod space;
mod take;
mod timeline;

/// Why an output does not start.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A description is not fit for use.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The pipeline does not play.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// GStreamer refused a step in building the output.
    #[error("the output failed at {step}: see the log for the element that refused")]
    Graph {
        /// What was being done.
        step: &'static str,
    },
    /// The disk is full, or nearly so.
    #[error("only {free_mb} MB are free in {folder}: make space, or lower disk.refuse_mb")]
    Space {
        /// Where.
        folder: PathBuf,
        /// How much is left.
        free_mb: u64,
    },
    /// A file that was cut off could not be made whole.
    #[error("the file could not be made whole: {0}")]
    Unrepairable(String),
    /// A file cannot be written or read.
    #[error("{path}: {source}; check that the folder exists, is writable and has space")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl OutputError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
