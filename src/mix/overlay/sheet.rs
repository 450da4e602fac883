//! Between the mix's thread, which says what lies over the picture, and the compositor's, which lays it there.
//!
//! What the compositor has chosen its pictures for is what is laid over them, so that plates move with their tiles.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

use super::patch::{Patch, Plane};
use crate::mix::MixError;
use crate::mix::layout::Placement;

/// A patch at its place.
#[derive(Debug, Clone)]
pub(in crate::mix) struct Stamp {
    pub(super) patch: Arc<Patch>,
    pub(super) at: (u32, u32),
    /// What of it is not covered by others.
    pub(super) parts: Vec<Placement>,
    pub(super) paint: Paint,
}

/// What a patch is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mix) enum Paint {
    /// Its own colours.
    Own,
    /// In each row, what is seen just left of it, or right.
    FromLeft,
    FromRight,
}

impl Stamp {
    /// Lays it over a picture.
    pub(in crate::mix) fn lay(&self, planes: &mut [Plane<'_>; 3]) {
        for part in &self.parts {
            match self.paint {
                Paint::Own => self.patch.blend(planes, self.at, *part),
                Paint::FromLeft => self.patch.smear(planes, self.at, *part, false),
                Paint::FromRight => self.patch.smear(planes, self.at, *part, true),
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// For the next picture that the compositor begins.
    next: Arc<Vec<Stamp>>,
    /// For the one that it is at.
    now: Arc<Vec<Stamp>>,
}

/// What lies over the pictures of a compositor.
#[derive(Debug)]
pub(in crate::mix) struct Sheet {
    mixer: gst::Element,
    state: Arc<Mutex<State>>,
    is_laid: bool,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // It is whole after each step.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The compositor says when it begins a picture, if it is told to.
const BEGINS: &str = "samples-selected";
const TELL: &str = "emit-signals";

impl Sheet {
    /// An empty one over what `mixer` gives.
    pub(in crate::mix) fn over(mixer: &gst::Element) -> Result<Self, MixError> {
        let state = Arc::new(Mutex::new(State::default()));
        let pad = mixer.static_pad("src").ok_or(MixError::Graph { step: "looking for the mixer's pad" })?;
        let shared = Arc::clone(&state);
        let is_odd = AtomicBool::new(false);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let stamps = Arc::clone(&locked(&shared).now);
            if !stamps.is_empty()
                && let Some(buffer) = info.buffer_mut()
                && !lay(pad, buffer.make_mut(), &stamps)
                && !is_odd.swap(true, Ordering::Relaxed)
            {
                tracing::warn!("nothing lies over the picture: mix/video.launch has to compose in I420");
            }
            gst::PadProbeReturn::Ok
        });
        if mixer.find_property(TELL).is_some() {
            let shared = Arc::clone(&state);
            mixer.connect(BEGINS, false, move |_| {
                let mut state = locked(&shared);
                state.now = Arc::clone(&state.next);
                None
            });
        }
        Ok(Self { mixer: mixer.clone(), state, is_laid: false })
    }

    /// Lays these over all that follows.
    pub(in crate::mix) fn lay(&mut self, stamps: Vec<Stamp>) {
        let is_laid = !stamps.is_empty();
        let can_tell = self.mixer.find_property(TELL).is_some();
        {
            let mut state = locked(&self.state);
            state.next = Arc::new(stamps);
            // Nothing says when it begins.
            if !is_laid || !can_tell {
                state.now = Arc::clone(&state.next);
            }
        }
        if is_laid != self.is_laid && can_tell {
            self.mixer.set_property(TELL, is_laid);
        }
        self.is_laid = is_laid;
    }
}

/// Says whether it could.
fn lay(pad: &gst::Pad, buffer: &mut gst::BufferRef, stamps: &[Stamp]) -> bool {
    let info = pad.current_caps().and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok());
    let Some(info) = info.filter(|info| info.format() == gst_video::VideoFormat::I420) else { return false };
    let Ok(mut frame) = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &info) else { return false };
    let strides: Vec<usize> = frame.plane_stride().iter().map(|stride| usize::try_from(*stride).unwrap_or(0)).collect();
    let &[first, second, third] = strides.as_slice() else { return false };
    let [luma, blue, red, _] = frame.planes_data_mut();
    let plane = |data, stride| Plane { data, stride };
    let mut planes = [plane(luma, first), plane(blue, second), plane(red, third)];
    stamps.iter().for_each(|stamp| stamp.lay(&mut planes));
    true
}
