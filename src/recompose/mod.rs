//! A layout rendered afterwards, from an individual recording: one picture and one sound, in one file.
//!
//! ```text
//! manifest ─ score: who is where, from which picture to which (pure)
//! file ─ demuxer ─ decoder ─┐                        (moved by the score)
//! file ─ demuxer ─ decoder ─┤ compositor ─ encoder ─┐
//!            name tiles ────┘                       ├ muxer ─ half-made file, renamed when it is whole
//! file ─ demuxer ─ decoder ─┬ audiomixer ─ encoder ─┘
//!            silence ───────┘
//! ```
//!
//! Nothing in it is live: every element waits for what it needs, so no picture is left out, and it is as fast as the machine.
//! Each stream has a demuxer of its own, so that no stream of a file can wait for another one of the same file.
//!
//! Invariant: nothing is at the place of the output but what was there before, or the whole result.

use std::path::PathBuf;

use crate::egress::manifest::State;
use crate::media::description::DescriptionError;
use crate::media::pipeline::PipelineError;

pub mod command;
mod film;
mod half_made;
mod input;
mod look;
mod movement;
mod order;
mod progress;
pub mod score;
mod stage;

/// Why a recording is not recomposed.
#[derive(Debug, thiserror::Error)]
pub enum RecomposeError {
    /// The manifest cannot be read.
    #[error("{path} is no manifest that can be read: {reason}; give the .json file of a recording")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is of another kind.
    #[error(
        "{path} is a recording of the kind {kind}: only individual ones can be recomposed, record with \"kind\": \"individual\""
    )]
    Kind {
        /// The manifest.
        path: PathBuf,
        /// The kind it is of.
        kind: String,
    },
    /// It is not whole.
    #[error("{path} is a recording that is {}", unfinished(*state))]
    Unfinished {
        /// The manifest.
        path: PathBuf,
        /// How it fares.
        state: State,
    },
    /// Nobody is in it.
    #[error("{path} is a recording without any file: nobody sent anything")]
    Empty {
        /// The manifest.
        path: PathBuf,
    },
    /// A file is not there.
    #[error("{path} is not there: if it was uploaded, download it and put it beside the manifest")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what the manifest says.
    #[error("{path} cannot be read: {reason}; compare its SHA-256 with that in the manifest")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What GStreamer said.
        reason: String,
    },
    /// The output's name does not say what it is to be.
    #[error("{path} does not end in .mp4, .mkv or .webm: its end says what is written")]
    Extension {
        /// The output.
        path: PathBuf,
    },
    /// The layout does not fit on the canvas.
    #[error("{reason}")]
    Layout {
        /// What of it.
        reason: String,
    },
    /// There is something already.
    #[error("{path} exists: choose another name, or add --force to replace it")]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The output would replace what it is made of.
    #[error("{path} belongs to the recording itself: choose another name for the output")]
    OwnSource {
        /// The output.
        path: PathBuf,
    },
    /// Somebody else writes it.
    #[error("{path} is being written by another recomposition: wait for it, or choose another name")]
    Busy {
        /// The output.
        path: PathBuf,
    },
    /// The output cannot be written.
    #[error("{path} cannot be written: {reason}; check that its folder exists, is writable and has space")]
    Output {
        /// The output.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A description is not fit for use.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The pipeline does not play.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// GStreamer refused a step.
    #[error("recomposing failed at {step}: `plenum check` says what is missing, GST_DEBUG=3 why")]
    Graph {
        /// What was being done.
        step: &'static str,
    },
    /// It failed underway.
    #[error("recomposing failed in {part}: {reason}")]
    Failed {
        /// Where.
        part: String,
        /// What GStreamer said.
        reason: String,
    },
    /// It did not get on.
    #[error("recomposing stood still at {at} for {seconds} s: is a disk gone? GST_DEBUG=4 says more")]
    Stalled {
        /// How far it had come.
        at: String,
        /// How long nothing happened.
        seconds: u64,
    },
    /// Somebody ended it.
    #[error("ended by a signal: nothing was written")]
    Stopped {
        /// The number of the signal.
        signal: i32,
    },
}

fn unfinished(state: State) -> &'static str {
    match state {
        State::Recording | State::Paused => "still running: stop it first",
        _ => "not whole: start a server on its folder, which makes it whole",
    }
}

impl RecomposeError {
    /// Whether what was asked for cannot be done, as opposed to something that failed.
    #[must_use]
    pub fn is_of_the_order(&self) -> bool {
        !matches!(
            self,
            Self::Description(_)
                | Self::Pipeline(_)
                | Self::Graph { .. }
                | Self::Failed { .. }
                | Self::Stalled { .. }
                | Self::Stopped { .. }
        )
    }
}
