//! Bus messages become events for the one owner of a pipeline.
//!
//! The bus is drained for as long as the pipeline lives: an undrained bus holds references to every element that ever
//! posted on it, and leaks whole webrtcbins.

use futures_util::StreamExt;
use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

/// How many events wait for their owner before the bus task waits with them.
const PENDING: usize = 64;

/// What a pipeline tells its owner.
#[derive(Debug)]
pub struct BusEvent {
    /// The names of the objects from just below the pipeline down to the one that spoke. Owners compare whole names
    /// with those of what they own; empty when the pipeline itself spoke.
    pub path: Vec<String>,
    /// What happened.
    pub kind: BusEventKind,
}

/// The kinds of [`BusEvent`].
#[derive(Debug)]
pub enum BusEventKind {
    /// An element failed and what hangs on it has ended.
    Error(String),
    /// Every sink has seen the end of its stream.
    Eos,
}

impl BusEvent {
    /// Whether the object called `name` or something inside of it spoke.
    #[must_use]
    pub fn is_from(&self, name: &str) -> bool {
        self.path.iter().any(|part| part == name)
    }
}

/// Drains the bus of `pipeline` until it is disposed, and hands on what its owner must know.
pub(super) fn watch(pipeline: &gst::Pipeline) -> Option<mpsc::Receiver<BusEvent>> {
    let mut messages = pipeline.bus()?.stream();
    let weak = pipeline.downgrade();
    let (events, receiver) = mpsc::channel(PENDING);
    tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            let Some(pipeline) = weak.upgrade() else { break };
            let Some(event) = translate(&pipeline, &message) else { continue };
            drop((message, pipeline));
            // The owner may have gone first; the bus is drained all the same.
            let _ = events.send(event).await;
        }
    });
    Some(receiver)
}

fn translate(pipeline: &gst::Pipeline, message: &gst::Message) -> Option<BusEvent> {
    let kind = match message.view() {
        gst::MessageView::Error(error) => {
            let detail = error.debug().unwrap_or_default();
            tracing::warn!(pipeline = %pipeline.name(), origin = ?error.src().map(|s| s.path_string()), error = %error.error(), %detail, "element failed");
            BusEventKind::Error(error.error().to_string())
        }
        gst::MessageView::Warning(warning) => {
            tracing::debug!(pipeline = %pipeline.name(), origin = ?warning.src().map(|s| s.path_string()), warning = %warning.error(), "element warned");
            return None;
        }
        gst::MessageView::Eos(_) => BusEventKind::Eos,
        gst::MessageView::Latency(_) => {
            pipeline.call_async(|pipeline| {
                let _ = pipeline.recalculate_latency();
            });
            return None;
        }
        _ => return None,
    };
    Some(BusEvent { path: path_below(pipeline, message.src()), kind })
}

fn path_below(pipeline: &gst::Pipeline, origin: Option<&gst::Object>) -> Vec<String> {
    let mut path = Vec::new();
    let mut object = origin.cloned();
    while let Some(current) = object {
        if current == *pipeline.upcast_ref::<gst::Object>() {
            break;
        }
        path.push(current.name().to_string());
        object = current.parent();
    }
    path.reverse();
    path
}
