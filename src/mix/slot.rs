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
use super::video::{depth, set_scales};
use crate::elements::fitter::Fitter;
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

/// What is to be shown, and by what it is made to fit.
#[derive(Debug, Clone, PartialEq)]
struct Video {
    place: Place,
    fitter: Option<Fitter>,
}

#[derive(Debug)]
struct Shown {
    video: Video,
    at: Placement,
    motion: Option<Motion>,
}

/// What is seen in a slot now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Where, without bars.
    pub(super) at: Placement,
    pub(super) z: i32,
    /// A picture of a name, not of somebody.
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

    /// Shows what passes `fitter`, pictures of `owner` that began at `began`, at `place`: as soon as they are on the canvas
    /// if it was hidden, or else by moving it there.
    pub(super) fn show(
        &mut self,
        owner: &ParticipantId,
        place: Place,
        fitter: Option<&Fitter>,
        began: Instant,
        now: Instant,
    ) {
        let video = Video { place, fitter: fitter.cloned() };
        if self.owner.as_ref() != Some(owner) {
            // Whoever it showed last is not to be seen on the way.
            self.hide(true, now);
            self.owner = Some(owner.clone());
        }
        let is_change = self.cue.show(video.clone(), began, now);
        if self.shown.is_none() {
            // So that its first pictures have their size when they come to the canvas.
            self.fit(&video, place);
        } else if is_change {
            self.apply(video, now);
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
        let place = shown.video.place;
        let at = fit::seen(shown.at, place.fit, &picture);
        Some(Seen { at, z: place.z, is_card: shown.video.fitter.is_none() })
    }

    /// Ends a move: it is there at once.
    pub(super) fn arrive(&mut self) {
        let Some(shown) = &mut self.shown else { return };
        if shown.motion.take().is_some() {
            shown.at = shown.video.place.placement;
            let (at, video) = (shown.at, shown.video.clone());
            self.put(at);
            self.settle(&video);
        }
    }

    /// Does what is due, and goes on with a move.
    pub(super) fn step(&mut self, now: Instant) {
        match self.cue.take(now) {
            Some(Some(video)) => self.apply(video, now),
            Some(None) => self.disappear(),
            None => {}
        }
        let Some(shown) = &mut self.shown else { return };
        let Some(motion) = shown.motion else { return };
        let to = motion.at(now);
        if shown.at != to {
            shown.at = to;
            self.put(to);
        }
        if motion.is_over(now)
            && let Some(shown) = &mut self.shown
        {
            shown.motion = None;
            let video = shown.video.clone();
            self.settle(&video);
        }
    }

    /// It is where it is to be.
    fn settle(&self, video: &Video) {
        self.fit(video, video.place);
        set_scales(&self.inside, video.fitter.is_none());
    }

    fn fit(&self, video: &Video, place: Place) {
        if let Some(fitter) = &video.fitter {
            fit::fill(fitter, &self.inside, place);
        }
    }

    fn apply(&mut self, video: Video, now: Instant) {
        let place = video.place;
        let to = place.placement;
        let (at, motion) = match &self.shown {
            Some(shown) if shown.at != to => (shown.at, Some(Motion::new(shown.at, to, now))),
            _ => (to, None),
        };
        self.fit(&video, fit::on_the_way(place, at));
        set_scales(&self.inside, motion.is_some() || video.fitter.is_none());
        let zorder = depth(place.z);
        if self.inside.property::<u32>("zorder") != zorder {
            self.inside.set_property("zorder", zorder);
        }
        let was_hidden = self.shown.replace(Shown { video, at, motion }).is_none();
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
