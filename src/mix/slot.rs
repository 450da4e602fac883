//! A pad of the compositor: lent to an input, seen at a place or not at all, and moved from one place to the next.

use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::fit;
use super::layout::{Place, Placement};
use super::motion::Motion;
use super::video::depth;

/// A place for a video. Only the mix's thread has it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Where an input is linked.
    pad: gst::Pad,
    /// The compositor's own.
    inside: gst::Pad,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    place: Place,
    at: Placement,
    motion: Option<Motion>,
}

impl Slot {
    pub(super) fn new(pad: gst::Pad, inside: gst::Pad) -> Self {
        Self { pad, inside, shown: None }
    }

    /// Where an input is linked.
    pub(super) fn pad(&self) -> &gst::Pad {
        &self.pad
    }

    pub(super) fn is_free(&self) -> bool {
        !self.pad.is_linked()
    }

    /// Shows what passes `cropper` at `place`: at once if it was hidden, or else by moving it there.
    pub(super) fn show(&mut self, place: Place, cropper: Option<&gst::Element>, now: Instant) {
        if self.shown.as_ref().is_some_and(|shown| shown.place == place) {
            return;
        }
        let to = place.placement;
        let (at, motion) = match &self.shown {
            Some(shown) if shown.at != to => (shown.at, Some(Motion::new(shown.at, to, now))),
            _ => (to, None),
        };
        if let Some(cropper) = cropper {
            fit::fill(cropper, &self.inside, place);
        }
        let zorder = depth(place.z);
        if self.inside.property::<u32>("zorder") != zorder {
            self.inside.set_property("zorder", zorder);
        }
        let was_hidden = self.shown.replace(Shown { place, at, motion }).is_none();
        if was_hidden {
            self.put(at);
            self.inside.set_property("alpha", 1.0);
        }
    }

    pub(super) fn hide(&mut self) {
        if self.shown.take().is_some() {
            self.inside.set_property("alpha", 0.0);
        }
    }

    /// Whether it is on its way.
    pub(super) fn is_moving(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.motion.is_some())
    }

    /// Goes on with a move.
    pub(super) fn step(&mut self, now: Instant) {
        let Some(shown) = &mut self.shown else { return };
        let Some(motion) = shown.motion else { return };
        if motion.is_over(now) {
            shown.motion = None;
        }
        let to = motion.at(now);
        if shown.at != to {
            shown.at = to;
            self.put(to);
        }
    }

    fn put(&self, Placement { x, y, width, height }: Placement) {
        for (name, value) in [("xpos", x), ("ypos", y), ("width", width), ("height", height)] {
            let value = i32::try_from(value).unwrap_or(i32::MAX);
            // Each setting has the compositor build a new scaler.
            if self.inside.property::<i32>(name) != value {
                self.inside.set_property(name, value);
            }
        }
    }
}
