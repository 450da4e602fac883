//! Single pictures of a mix, for whoever looks at it only once.
//!
//! While somebody waits for one, the mix counts as looked at, and so decodes. Threads: the mix's own decides when; the compositor's
//! hands out a picture that passes. No encoder and no branch is made for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::oneshot;

use super::layout::Place;
use super::roster::Roster;
use super::slot::Slot;

/// How long after somebody began to look a picture waits for those who are still to come into it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a picture goes.
pub(super) type Reply = oneshot::Sender<gst::Sample>;

/// Whoever waits for a picture.
#[derive(Debug, Default)]
pub(super) struct Stills {
    waiting: Vec<Reply>,
    /// What one of the next pictures ends.
    taken: Vec<Weak<Mutex<Option<Reply>>>>,
    /// Since when the mix is looked at.
    since: Option<Instant>,
}

impl Stills {
    /// Somebody wants a picture.
    pub(super) fn want(&mut self, reply: Reply) {
        self.waiting.push(reply);
    }

    /// Whether the mix is looked at now, for a picture or because `others` do so.
    pub(super) fn is_looked_at(&mut self, others: bool, now: Instant) -> bool {
        self.waiting.retain(|reply| !reply.is_closed());
        self.taken.retain(|taken| taken.strong_count() > 0);
        let is_looked_at = others || !self.waiting.is_empty() || !self.taken.is_empty();
        self.since = if is_looked_at { self.since.or(Some(now)) } else { None };
        is_looked_at
    }

    /// Gives one of the next pictures to all who wait, if everybody is in it or has been waited for long enough.
    pub(super) fn take(&mut self, tee: &gst::Element, is_complete: bool, now: Instant) {
        let is_patient = self.since.is_some_and(|since| now < since + PATIENCE);
        if is_patient && !is_complete {
            return;
        }
        for reply in self.waiting.drain(..) {
            let reply = Arc::new(Mutex::new(Some(reply)));
            self.taken.push(Arc::downgrade(&reply));
            let Some(pad) = tee.static_pad("sink") else { return };
            // One may be under way that was mixed before the last change.
            let is_mixed_since = AtomicBool::new(false);
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                if !is_mixed_since.swap(true, Ordering::Relaxed) {
                    return gst::PadProbeReturn::Ok;
                }
                let reply = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let (Some(reply), Some(buffer), Some(caps)) = (reply, info.buffer(), pad.current_caps()) {
                    // Nobody, if it took too long.
                    let _ = reply.send(gst::Sample::builder().buffer(buffer).caps(&caps).build());
                }
                gst::PadProbeReturn::Remove
            });
        }
    }
}

/// Whether the video of everybody who has one and a place is seen there, and nobody is on the way.
pub(super) fn is_complete(roster: &Roster, places: &[Option<Place>], slots: &[Slot]) -> bool {
    let seen =
        roster.all.iter().zip(places).filter(|(_, place)| place.is_some()).filter_map(|(who, _)| who.video.as_ref());
    let mut seen = seen.filter(|track| !track.is_left_out);
    seen.all(|track| {
        let pad = track.input.as_ref().map(|input| input.pad());
        slots.iter().any(|slot| Some(slot.pad()) == pad && slot.is_seen() && !slot.is_moving())
    })
}
