//! The mix goes somewhere: one small builder per output.
//!
//! Each output is a pipeline of its own with a task of its own, fed by links: its error, its end and its slow disk stay
//! its own.

use std::path::PathBuf;

use crate::id::RecordingId;
use crate::media::description::DescriptionError;
use crate::media::pipeline::PipelineError;
use crate::webrtc::EndpointError;

mod backoff;
pub mod catalogue;
mod checksum;
mod durable;
pub mod file;
pub mod format;
mod gate;
pub mod happening;
pub mod hls;
pub mod individual;
pub mod manifest;
mod merge;
mod mixdown;
mod mp4;
pub mod outputs;
pub mod recording;
pub mod recovery;
mod remux;
mod repair;
pub mod retention;
#[cfg(test)]
mod samples;
pub mod snapshot;
pub mod space;
mod take;
mod thumbnail;
mod timeline;
pub mod upload;

/// Why an output, or what is known of recordings, is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A description is not fit for use.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The pipeline does not play.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// There is no connection by WebRTC.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
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
    /// A file cannot be written anew beside itself.
    #[error(
        "{needed_mb} MB more are needed in {folder}, where {free_mb} MB are free and {kept_mb} MB have to stay so: make space, or lower disk.stop_mb"
    )]
    Room {
        /// Where.
        folder: PathBuf,
        /// How much it takes.
        needed_mb: u64,
        /// How much is left.
        free_mb: u64,
        /// How much is not to be used for that.
        kept_mb: u64,
    },
    /// A recording shows nothing, or nothing yet.
    #[error("there is no picture of this recording: {step} failed")]
    Picture {
        /// What was being done.
        step: &'static str,
    },
    /// What still runs is not deleted.
    #[error("the recording {0} is still running: stop it first")]
    Running(RecordingId),
    /// The files of a recording are no longer here.
    #[error("the files of the recording {id} were uploaded to {location} and deleted here: fetch them there")]
    Elsewhere {
        /// Which recording.
        id: RecordingId,
        /// Where they are.
        location: String,
    },
    /// Nothing is uploaded.
    #[error("recordings are not uploaded anywhere: set upload.url, and start the server again")]
    NoTarget,
    /// An upload failed.
    #[error("{name} could not be uploaded: {reason}")]
    Upload {
        /// The file, or where it should go.
        name: String,
        /// What happened and what to do.
        reason: String,
    },
    /// The index of recordings cannot be read or written.
    #[error("the catalogue of recordings failed: {0}; it can be deleted while the server is down, and is made anew")]
    Catalogue(#[from] sqlx::Error),
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
