//! When videos come, move and go. The compositor runs late: what is decided now waits until it has come to the pictures of
//! now. Otherwise a video would go before its tile comes, and show what it showed last before it shows anything new.
//!
//! Pure but for what it puts into practice; the mix's thread owns it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gstreamer as gst;

use super::layout::Placement;
use super::video;

/// A tile comes so long before its video goes, and goes so long after it came: it takes a picture or two to be drawn.
const OVERLAP: Duration = Duration::from_millis(100);
/// What was shown last is seen no longer when the first new picture has been on the canvas for so long.
const PICTURE: Duration = Duration::from_millis(35);

/// What is decided for the pads of the compositor, and not put into practice yet.
#[derive(Debug)]
pub(super) struct Cues {
    late: Duration,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    pad: gst::Pad,
    wanted: Option<Placement>,
    since: Instant,
    due: VecDeque<(Instant, Option<Placement>)>,
}

impl Slot {
    fn new(pad: gst::Pad) -> Self {
        Self { pad, wanted: None, since: Instant::now(), due: VecDeque::new() }
    }

    fn show(&mut self, placement: Placement, began: Instant, now: Instant, late: Duration) {
        let at = match self.wanted {
            Some(wanted) if wanted == placement => return,
            // It moves.
            Some(_) => now + late,
            None => {
                self.since = now;
                began + late + PICTURE
            }
        };
        self.plan(at, Some(placement));
    }

    fn hide(&mut self, now: Instant, late: Duration) {
        if self.wanted.is_some() {
            self.plan(now + late + OVERLAP, None);
        }
    }

    fn plan(&mut self, at: Instant, placement: Option<Placement>) {
        self.wanted = placement;
        self.due.retain(|(due, _)| *due < at);
        self.due.push_back((at, placement));
    }

    /// What it shall be by now, if that has changed.
    fn take(&mut self, now: Instant) -> Option<Option<Placement>> {
        let passed = self.due.iter().take_while(|(at, _)| *at <= now).count();
        self.due.drain(..passed).next_back().map(|(_, placement)| placement)
    }
}

impl Cues {
    /// For a compositor that runs so late.
    pub(super) fn new(pads: &[gst::Pad], late: Duration) -> Self {
        Self { late, slots: pads.iter().cloned().map(Slot::new).collect() }
    }

    /// Puts the video of a pad there, whose pictures began then.
    pub(super) fn show(&mut self, pad: &gst::Pad, placement: Placement, began: Instant, now: Instant) {
        let late = self.late;
        self.slots.iter_mut().filter(|slot| slot.pad == *pad).for_each(|slot| slot.show(placement, began, now, late));
    }

    /// Lets no video of a pad be seen.
    pub(super) fn hide(&mut self, pad: &gst::Pad, now: Instant) {
        let late = self.late;
        self.slots.iter_mut().filter(|slot| slot.pad == *pad).for_each(|slot| slot.hide(now, late));
    }

    /// Whether the video of a pad will be there when the tile below it goes, if that goes now.
    pub(super) fn covers(&self, pad: &gst::Pad, now: Instant) -> bool {
        let covers = |slot: &Slot| slot.wanted.is_some() && now >= slot.since + OVERLAP;
        self.slots.iter().any(|slot| slot.pad == *pad && covers(slot))
    }

    /// Puts into practice what is due.
    pub(super) fn play(&mut self, now: Instant) {
        for slot in &mut self.slots {
            if let Some(placement) = slot.take(now) {
                video::place(&slot.pad, placement);
            }
        }
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.due.front()).map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(300);

    fn slot() -> (Slot, Instant) {
        gst::init().unwrap();
        (Slot::new(gst::Pad::new(gst::PadDirection::Sink)), Instant::now())
    }

    fn place(x: u32) -> Placement {
        Placement { x, y: 0, width: 10, height: 10 }
    }

    #[test]
    fn what_is_decided_waits_for_the_compositor_and_a_video_for_its_tile() {
        let (mut slot, begin) = slot();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        slot.show(place(0), after(1000), after(1100), LATE);
        slot.show(place(0), after(1000), after(1200), LATE);
        assert_eq!((slot.take(after(1300)), slot.take(after(1340))), (None, Some(Some(place(0)))));
        slot.show(place(5), after(1000), after(1400), LATE);
        slot.hide(after(1500), LATE);
        slot.hide(after(1600), LATE);
        assert_eq!((slot.take(after(1700)), slot.take(after(1899))), (Some(Some(place(5))), None));
        assert_eq!(slot.take(after(1900)), Some(None));
        slot.hide(after(2000), LATE);
        assert_eq!(slot.take(after(9000)), None);
    }

    #[test]
    fn whose_video_comes_back_at_once_is_not_hidden() {
        let (mut slot, begin) = slot();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        slot.show(place(0), begin, begin, LATE);
        assert_eq!(slot.take(after(400)), Some(Some(place(0))));
        slot.hide(after(1000), LATE);
        slot.show(place(7), after(1020), after(1050), LATE);
        assert_eq!((slot.take(after(1349)), slot.take(after(2000))), (None, Some(Some(place(7)))));
        assert!(slot.due.is_empty());
    }
}
