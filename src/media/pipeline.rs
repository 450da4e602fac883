//! A pipeline with the house's clock: all pipelines share one clock and one base time, so that a buffer's running time
//! means the same in each of them and samples may cross from one to another unchanged.
//!
//! Dropping a [`Pipeline`] ends it; the state change runs on a thread of its own, since it may have to wait for
//! streaming threads.

use std::sync::OnceLock;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

use super::bus::{self, BusEvent};

/// How long a pipeline may take to begin to play.
const START_DEADLINE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// Why a pipeline does not play.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// It refused to change state, or did not within the deadline.
    #[error("pipeline {name} did not start within {deadline:?}: see the log for the element that failed")]
    Start {
        /// The pipeline's name.
        name: String,
        /// The deadline that passed.
        deadline: Duration,
    },
}

/// One GStreamer pipeline, ended when dropped.
#[derive(Debug)]
pub struct Pipeline {
    inner: gst::Pipeline,
}

impl Pipeline {
    /// An empty pipeline, and what its bus says. Must be called within a Tokio runtime.
    #[must_use]
    pub fn new(name: &str) -> (Self, mpsc::Receiver<BusEvent>) {
        let inner = gst::Pipeline::with_name(name);
        let (clock, base_time) = epoch();
        inner.use_clock(Some(clock));
        inner.set_start_time(gst::ClockTime::NONE);
        inner.set_base_time(*base_time);
        let events = bus::watch(&inner).unwrap_or_else(|| mpsc::channel(1).1);
        (Self { inner }, events)
    }

    /// The GStreamer pipeline.
    #[must_use]
    pub fn gst(&self) -> &gst::Pipeline {
        &self.inner
    }

    /// Makes it ready to play, without anything passing yet, where its sources are live.
    ///
    /// # Errors
    /// When an element refuses.
    pub fn pause(&self) -> Result<(), PipelineError> {
        let failed = |_| PipelineError::Start { name: self.inner.name().to_string(), deadline: START_DEADLINE.into() };
        self.inner.set_state(gst::State::Paused).map(drop).map_err(failed)
    }

    /// Plays. Blocks until the state is reached for pipelines that are not live, so call it off the async threads when
    /// the pipeline prerolls.
    ///
    /// # Errors
    /// When an element refuses or the deadline passes; the pipeline's graph is then in the log directory, if
    /// `GST_DEBUG_DUMP_DOT_DIR` names one.
    pub fn play(&self) -> Result<(), PipelineError> {
        let failed = || {
            self.inner
                .debug_to_dot_file_with_ts(gst::DebugGraphDetails::all(), format!("{}-failed", self.inner.name()));
            PipelineError::Start { name: self.inner.name().to_string(), deadline: START_DEADLINE.into() }
        };
        self.inner.set_state(gst::State::Playing).map_err(|_| failed())?;
        self.inner.state(START_DEADLINE).0.map(|_| ()).map_err(|_| failed())
    }

    /// Ends it now, so that its files are let go. Blocks.
    pub fn end(self) {
        let _ = self.inner.set_state(gst::State::Null);
    }

    /// The running time that every pipeline of the house shows now.
    #[must_use]
    pub fn running_time() -> gst::ClockTime {
        let (clock, base_time) = epoch();
        clock.time().saturating_sub(*base_time)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let pipeline = self.inner.clone();
        // Not call_async: its pool may be busy with state changes that wait for this one.
        std::thread::Builder::new()
            .name("pipeline-end".into())
            .spawn(move || {
                let _ = pipeline.set_state(gst::State::Null);
            })
            .map(drop)
            .unwrap_or_else(|error| tracing::error!(%error, "no thread to end a pipeline: its elements stay alive"));
    }
}

/// A pipeline that is no part of the house, for a short work of its own: ended with this, by the thread that drops it.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) gst::Pipeline);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

fn epoch() -> &'static (gst::Clock, gst::ClockTime) {
    static EPOCH: OnceLock<(gst::Clock, gst::ClockTime)> = OnceLock::new();
    EPOCH.get_or_init(|| {
        let clock = gst::SystemClock::obtain();
        let now = clock.time();
        (clock, now)
    })
}
