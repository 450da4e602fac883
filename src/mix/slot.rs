//! A pad of the compositor: lent to an input, seen at a place or not at all, and moved from one place to the next.
//!
//! The compositor runs late. So a video that comes is seen only when the compositor has come to its first pictures, and one
//! that goes only when its tile is there: what is decided waits in the [cue](super::cue). A video that is seen moves at once.

use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::cue::Cue;
use super::fit;
use super::layout::{Place, Placement};
use super::motion::Motion;
use super::video::depth;
use crate::id::ParticipantId;

/// A place for a video. Only the mix's thread has it.
#[derive(Debug)]
pub(super) struct Slot {
    /// Where an input is linked.
    pad: gst::Pad,
    /// The compositor's own.
    inside: gst::Pad,
    /// Whose video it shows, or showed last.
    owner: Option<ParticipantId>,
    cue: Cue<Video>,
    shown: Option<Shown>,
}

/// What is to be shown, and by what its edges are cut off.
#[derive(Debug, Clone, PartialEq)]
struct Video {
    place: Place,
    cropper: Option<gst::Element>,
}

#[derive(Debug)]
struct Shown {
    at: Placement,
    motion: Option<Motion>,
    place: Place,
    /// A picture of a name, not of somebody.
    is_card: bool,
}

/// What is seen in a slot now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Where, without bars.
    pub(super) at: Placement,
    pub(super) z: i32,
    pub(super) is_card: bool,
}

impl Slot {
    /// `late` is how far the compositor is behind.
    pub(super) fn new(pad: gst::Pad, inside: gst::Pad, late: Duration) -> Self {
        Self { pad, inside, owner: None, cue: Cue::new(late), shown: None }
    }

    /// Where an input is linked.
    pub(super) fn pad(&self) -> &gst::Pad {
        &self.pad
    }

    pub(super) fn is_free(&self) -> bool {
        !self.pad.is_linked()
    }

    /// Whether something is seen in it.
    pub(super) fn is_seen(&self) -> bool {
        self.shown.is_some()
    }

    /// Whose video it shows, or showed last.
    pub(super) fn owner(&self) -> Option<&ParticipantId> {
        self.owner.as_ref()
    }

    /// Shows what passes `cropper`, pictures of `owner` that began at `began`, at `place`: as soon as they are on the canvas
    /// if it was hidden, or else by moving it there.
    pub(super) fn show(
        &mut self,
        owner: &ParticipantId,
        place: Place,
        cropper: Option<&gst::Element>,
        began: Instant,
        now: Instant,
    ) {
        let video = Video { place, cropper: cropper.cloned() };
        if self.owner.as_ref() != Some(owner) {
            // Whoever it showed last is not to be seen on the way.
            self.hide(true, now);
            self.owner = Some(owner.clone());
        }
        if self.cue.show(video.clone(), began, now) && self.shown.is_some() {
            self.apply(&video, now);
        }
    }

    /// Lets it be seen no longer: at once, or when the tile that takes its place is there.
    pub(super) fn hide(&mut self, at_once: bool, now: Instant) {
        if at_once {
            self.cue.forget();
            self.disappear();
        } else {
            self.cue.hide(now);
        }
    }

    /// Whether it will be seen when the tile below it goes, if that goes now.
    pub(super) fn covers(&self, now: Instant) -> bool {
        self.cue.covers(now)
    }

    /// When there is something to do next, if not now.
    pub(super) fn next(&self) -> Option<Instant> {
        self.cue.next()
    }

    /// Whether it is on its way.
    pub(super) fn is_moving(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.motion.is_some())
    }

    /// What is seen in it now.
    pub(super) fn seen(&self) -> Option<Seen> {
        let shown = self.shown.as_ref()?;
        let picture = self.inside.current_caps().and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok())?;
        let at = fit::seen(shown.at, shown.place.fit, &picture);
        Some(Seen { at, z: shown.place.z, is_card: shown.is_card })
    }

    /// Ends a move: it is there at once.
    pub(super) fn arrive(&mut self) {
        let Some(shown) = &mut self.shown else { return };
        if shown.motion.take().is_some() {
            shown.at = shown.place.placement;
            let at = shown.at;
            self.put(at);
        }
    }

    /// Does what is due, and goes on with a move.
    pub(super) fn step(&mut self, now: Instant) {
        match self.cue.take(now) {
            Some(Some(video)) => self.apply(&video, now),
            Some(None) => self.disappear(),
            None => {}
        }
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

    fn apply(&mut self, Video { place, cropper }: &Video, now: Instant) {
        let place = *place;
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
        let shown = Shown { at, motion, place, is_card: cropper.is_none() };
        let was_hidden = self.shown.replace(shown).is_none();
        if was_hidden {
            self.put(at);
            self.inside.set_property("alpha", 1.0);
        }
    }

    fn disappear(&mut self) {
        if self.shown.take().is_some() {
            self.inside.set_property("alpha", 0.0);
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
