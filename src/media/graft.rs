//! Grafting onto a live pipeline and off again: the order of steps that never stops what flows beside.
//!
//! Called by the owner of a pipeline, never from a streaming thread. Ending an element may have to wait for its
//! threads, so it happens on GStreamer's own pool.

use gstreamer as gst;
use gstreamer::prelude::*;

/// Why something could not be grafted.
#[derive(Debug, thiserror::Error)]
pub enum GraftError {
    /// An element could not be made: its plugin is missing.
    #[error("there is no element {0}: run `plenum check` to see which package has it")]
    Missing(&'static str),
    /// GStreamer refused to add or link.
    #[error("{what}: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// What GStreamer said.
        source: glib::BoolError,
    },
    /// Two pads did not fit.
    #[error("{what}: {source}")]
    Link {
        /// What was tried.
        what: &'static str,
        /// What GStreamer said.
        source: gst::PadLinkError,
    },
}

impl GraftError {
    pub(crate) fn refused(what: &'static str) -> impl FnOnce(glib::BoolError) -> Self {
        move |source| Self::Refused { what, source }
    }

    pub(crate) fn link(what: &'static str) -> impl FnOnce(gst::PadLinkError) -> Self {
        move |source| Self::Link { what, source }
    }
}

/// Makes an element called `name`.
///
/// # Errors
/// When its plugin is missing.
pub fn make(factory: &'static str, name: &str) -> Result<gst::Element, GraftError> {
    gst::ElementFactory::make(factory).name(name).build().map_err(|_| GraftError::Missing(factory))
}

/// Adds `element` to `bin` and brings it to the bin's state.
///
/// # Errors
/// When the bin refuses it or it cannot change state; it is then not in the bin.
pub fn add(bin: &gst::Bin, element: &impl IsA<gst::Element>) -> Result<(), GraftError> {
    let element = element.upcast_ref();
    bin.add(element).map_err(GraftError::refused("adding an element"))?;
    element.sync_state_with_parent().map_err(|source| {
        remove(element);
        GraftError::Refused { what: "starting an element", source }
    })
}

/// Ends `element` and takes it out of its bin, on a thread that may wait. Unlink what feeds it first.
pub fn remove(element: &impl IsA<gst::Element>) {
    let element = element.upcast_ref::<gst::Element>();
    // Locked, so that a state change of the bin cannot wake it again half-way.
    element.set_locked_state(true);
    element.call_async(|element| {
        let _ = element.set_state(gst::State::Null);
        if let Some(bin) = element.parent().and_downcast::<gst::Bin>() {
            let _ = bin.remove(element);
        }
    });
}

/// Makes `target`, a pad of an element in `bin`, reachable from outside of it.
///
/// # Errors
/// When the bin refuses the pad.
pub fn open(bin: &gst::Bin, target: &gst::Pad) -> Result<gst::GhostPad, GraftError> {
    let opening = || GraftError::refused("opening a bin");
    // Named after whose pad it is: several elements in one bin have a pad called `sink`.
    let owner = target.parent().map(|parent| parent.name()).unwrap_or_default();
    let ghost = gst::GhostPad::builder_with_target(target)
        .map_err(opening())?
        .name(format!("{owner}-{}", target.name()))
        .build();
    ghost.set_active(true).map_err(opening())?;
    bin.add_pad(&ghost).map_err(opening())?;
    Ok(ghost)
}

/// Closes what [`open`] opened. Unlink it first.
pub fn close(ghost: &gst::GhostPad) {
    let _ = ghost.set_active(false);
    if let Some(bin) = ghost.parent().and_downcast::<gst::Bin>() {
        let _ = bin.remove_pad(ghost);
    }
}

/// One way out of a tee to a pad in the same pipeline, detached when dropped.
#[derive(Debug)]
pub struct Branch {
    tee: gst::Element,
    tee_pad: gst::Pad,
    ghost: Option<gst::GhostPad>,
}

impl Branch {
    /// Links `tee` to `target`. If `target` is inside of `bin`, through a ghost pad on it.
    ///
    /// # Errors
    /// When the pads do not fit; nothing is then linked.
    pub fn new(tee: &gst::Element, bin: Option<&gst::Bin>, target: &gst::Pad) -> Result<Self, GraftError> {
        let ghost = match bin {
            None => None,
            Some(bin) => Some(open(bin, target)?),
        };
        let tee_pad = tee.request_pad_simple("src_%u").ok_or(GraftError::Missing("tee"))?;
        let branch = Self { tee: tee.clone(), tee_pad, ghost };
        let entry = branch.ghost.as_ref().map_or_else(|| target.clone(), |ghost| ghost.clone().upcast());
        branch.tee_pad.link(&entry).map_err(GraftError::link("branching from a tee"))?;
        Ok(branch)
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        if let Some(peer) = self.tee_pad.peer() {
            let _ = self.tee_pad.unlink(&peer);
        }
        self.tee.release_request_pad(&self.tee_pad);
        if let Some(ghost) = &self.ghost {
            close(ghost);
        }
    }
}
