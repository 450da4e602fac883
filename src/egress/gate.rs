//! Puts an output's [`Timeline`] into practice: picture and sound begin together, at time zero, the picture with a keyframe; a
//! pause leaves no gap.
//!
//! ```text
//! video ──────────────── begins a take with a keyframe ── times from zero
//! audio ── queue ── held while that keyframe is awaited ── times from zero, what is in no take dropped
//! ```
//!
//! Threads: the probes run in the streaming threads, whoever begins and pauses in another; the timeline's lock is held for
//! a decision only.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::OutputError;
use super::timeline::{Sample, Timeline, Verdict};
use crate::media::link::Outlet;

/// The time from one request for the first keyframe to the next: an encoder needs a frame or two to follow it.
const ASK_INTERVAL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// The common time line of an output's streams.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    timeline: Mutex<Timeline>,
    /// Where the leading stream comes from.
    source: Outlet,
    asked: Mutex<gst::ClockTime>,
    /// Of the streams that follow.
    followers: Vec<gst::Pad>,
    held: Mutex<Vec<(gst::Pad, gst::PadProbeId)>>,
}

impl Gate {
    /// Puts a gate, closed, at the `pads` behind the queues of an output's streams, the leading one first, which comes from `source`.
    pub(super) fn install(pads: Vec<gst::Pad>, source: &Outlet) -> Result<Self, OutputError> {
        let mut followers = pads.into_iter();
        let leader = followers.next().ok_or(OutputError::Graph { step: "looking for something to record" })?;
        let followers: Vec<_> = followers.collect();
        let shared = Shared {
            // Sound leads only where it is alone.
            timeline: Mutex::new(Timeline::new(!followers.is_empty())),
            source: source.clone(),
            asked: Mutex::default(),
            followers: followers.clone(),
            held: Mutex::default(),
        };
        let gate = Self { shared: Arc::new(shared) };
        gate.hold();
        gate.retime(&leader, true);
        followers.iter().for_each(|pad| gate.retime(pad, false));
        Ok(gate)
    }

    /// Lets the streams begin, or go on, at `from` or later: a mix runs late, and what it shows at first happened before.
    pub(super) fn begin_at(&self, from: gst::ClockTime) {
        self.hold();
        self.timeline().begin(from.nseconds());
        if !self.timeline().awaits_keyframe() {
            self.open();
        }
    }

    /// Lets nothing pass that happens at `moment` or later.
    pub(super) fn pause_at(&self, moment: gst::ClockTime) {
        self.timeline().pause(moment.nseconds());
        self.open();
    }

    /// How much has passed.
    pub(super) fn duration(&self) -> Duration {
        Duration::from_nanos(self.timeline().length())
    }

    /// Whether the picture of the running time `moment`, or the sound where that is all, has passed, or is not to.
    pub(super) fn has_passed(&self, moment: gst::ClockTime) -> bool {
        self.timeline().has_passed(moment.nseconds())
    }

    /// Holds nothing any longer, so that the end can pass.
    pub(super) fn open(&self) {
        // Not under the lock: removing a probe may have to wait for what it holds.
        let held = std::mem::take(&mut *lock(&self.shared.held));
        for (pad, hold) in held {
            pad.remove_probe(hold);
        }
    }

    /// Holds what follows until it is known where it belongs.
    fn hold(&self) {
        let mut held = lock(&self.shared.held);
        if !held.is_empty() {
            return;
        }
        for pad in &self.shared.followers {
            let kinds = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
            if let Some(hold) = pad.add_probe(kinds, |_, _| gst::PadProbeReturn::Ok) {
                held.push((pad.clone(), hold));
            }
        }
    }

    fn timeline(&self) -> MutexGuard<'_, Timeline> {
        lock(&self.shared.timeline)
    }

    /// Buffers get times from the origin on, in a segment that begins at zero: encoders shift theirs by 1000 hours.
    fn retime(&self, pad: &gst::Pad, leads: bool) {
        let gate = self.clone();
        // Probes are shared between threads by type only: this pad has one streaming thread.
        let segment = Mutex::new(gst::FormattedSegment::<gst::ClockTime>::new());
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let mut segment = segment.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut info.data {
                Some(gst::PadProbeData::Event(event)) => {
                    if let gst::EventView::Segment(new) = event.view() {
                        if let Some(new) = new.segment().downcast_ref::<gst::ClockTime>() {
                            *segment = new.clone();
                        }
                        *event = gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new());
                    }
                    gst::PadProbeReturn::Ok
                }
                Some(gst::PadProbeData::Buffer(buffer)) => gate.pass(buffer, &segment, leads),
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }

    /// The keyframe for the first picture did not come: the next one of its own accord may be a second away.
    fn ask_again(&self, now: gst::ClockTime) {
        {
            let mut asked = lock(&self.shared.asked);
            if now < *asked + ASK_INTERVAL {
                return;
            }
            *asked = now;
        }
        self.shared.source.request_keyframe();
    }

    fn pass(
        &self,
        buffer: &mut gst::Buffer,
        segment: &gst::FormattedSegment<gst::ClockTime>,
        leads: bool,
    ) -> gst::PadProbeReturn {
        let running = |time: Option<gst::ClockTime>| time.and_then(|time| segment.to_running_time(time));
        let Some(pts) = running(buffer.pts()) else { return gst::PadProbeReturn::Drop };
        let sample = Sample {
            leads,
            keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            pts: pts.nseconds(),
            dts: running(buffer.dts()).map(gst::ClockTime::nseconds),
            duration: buffer.duration().unwrap_or_default().nseconds(),
        };
        let (verdict, is_known) = {
            let mut timeline = self.timeline();
            (timeline.admit(sample), !timeline.awaits_keyframe())
        };
        if leads && is_known {
            self.open();
        }
        match verdict {
            Verdict::Write { pts, dts } => {
                let buffer = buffer.make_mut();
                buffer.set_pts(gst::ClockTime::from_nseconds(pts));
                buffer.set_dts(dts.map(gst::ClockTime::from_nseconds));
                gst::PadProbeReturn::Ok
            }
            Verdict::Drop => gst::PadProbeReturn::Drop,
            Verdict::WantKeyframe => {
                self.ask_again(pts);
                gst::PadProbeReturn::Drop
            }
            // Not before pictures come: an encoder takes its first one for a late one, and forgets what it was asked for.
            Verdict::WantKeyframeAt(moment) => {
                self.shared.source.request_keyframe_at(gst::ClockTime::from_nseconds(moment));
                gst::PadProbeReturn::Drop
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is held is changed by single steps: a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
