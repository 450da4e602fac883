//! Picture and sound of an output begin together, at the first keyframe, and at time zero.
//!
//! ```text
//! video ──────────────── begins: sets the origin ── times from zero
//! audio ── queue ── held until the origin is known ── times from zero, earlier sound dropped
//! ```
//!
//! Threads: the probes run in the streaming threads and share atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::OutputError;

const UNKNOWN: u64 = u64::MAX;
/// The time from one request for the first keyframe to the next: an encoder needs a frame or two to follow it.
const ASK_INTERVAL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// The common origin of an output's streams.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    from: AtomicU64,
    origin: AtomicU64,
    asked: AtomicU64,
    picture_end: AtomicU64,
    end: AtomicU64,
    held: Mutex<Option<(gst::Pad, gst::PadProbeId)>>,
}

impl Gate {
    /// Puts a gate, closed, behind the inlets `video` and `audio` of an output's description.
    pub(super) fn install(bin: &gst::Bin) -> Result<Self, OutputError> {
        let behind = |name: &str| {
            let pad = bin.by_name(name).and_then(|inlet| inlet.static_pad("src"));
            pad.ok_or(OutputError::Graph { step: "looking for the inlets" })
        };
        let (video, audio) = (behind("video")?, behind("audio")?);
        let shared = Arc::new(Shared {
            from: AtomicU64::new(UNKNOWN),
            origin: AtomicU64::new(UNKNOWN),
            asked: AtomicU64::new(0),
            picture_end: AtomicU64::new(0),
            end: AtomicU64::new(0),
            held: Mutex::new(None),
        });
        let gate = Self { shared };
        let hold =
            audio.add_probe(gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER, |_, _| gst::PadProbeReturn::Ok);
        if let Some(hold) = hold {
            *gate.held() = Some((audio.clone(), hold));
        }
        gate.retime(&video, true);
        gate.retime(&audio, false);
        Ok(gate)
    }

    /// Lets the streams begin at `from` or later: a mix runs late, and what it shows at first happened before.
    pub(super) fn begin_at(&self, from: gst::ClockTime) {
        self.shared.from.store(from.nseconds(), Ordering::Release);
    }

    /// How much has passed.
    pub(super) fn duration(&self) -> Duration {
        let origin = self.shared.origin.load(Ordering::Acquire);
        Duration::from_nanos(self.shared.end.load(Ordering::Relaxed).saturating_sub(origin))
    }

    /// Whether the picture of the running time `moment` has passed.
    pub(super) fn has_passed(&self, moment: gst::ClockTime) -> bool {
        self.shared.picture_end.load(Ordering::Relaxed) >= moment.nseconds()
    }

    /// Holds no sound any longer, so that the end can pass.
    pub(super) fn open(&self) {
        let held = self.held().take();
        if let Some((pad, hold)) = held {
            pad.remove_probe(hold);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<(gst::Pad, gst::PadProbeId)>> {
        self.shared.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Buffers get times from the origin on, in a segment that begins at zero: encoders shift theirs by 1000 hours.
    fn retime(&self, pad: &gst::Pad, is_video: bool) {
        let gate = self.clone();
        // Probes are shared between threads by type only: this pad has one streaming thread.
        let segment = Mutex::new(gst::FormattedSegment::<gst::ClockTime>::new());
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
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
                Some(gst::PadProbeData::Buffer(buffer)) => gate.pass(pad, buffer, &segment, is_video),
                _ => gst::PadProbeReturn::Ok,
            }
        });
    }

    /// The keyframe for the first picture did not come: the next one of its own accord may be a second away.
    fn ask_again(&self, pad: &gst::Pad, now: gst::ClockTime) {
        let asked = gst::ClockTime::from_nseconds(self.shared.asked.load(Ordering::Relaxed));
        if now >= asked + ASK_INTERVAL {
            self.shared.asked.store(now.nseconds(), Ordering::Relaxed);
            pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
    }

    fn pass(
        &self,
        pad: &gst::Pad,
        buffer: &mut gst::Buffer,
        segment: &gst::FormattedSegment<gst::ClockTime>,
        is_video: bool,
    ) -> gst::PadProbeReturn {
        let running = |time: Option<gst::ClockTime>| time.and_then(|time| segment.to_running_time(time));
        let Some(pts) = running(buffer.pts()) else { return gst::PadProbeReturn::Drop };
        let dts = running(buffer.dts());
        let end = (pts + buffer.duration().unwrap_or_default()).nseconds();
        let mut origin = self.shared.origin.load(Ordering::Acquire);
        if origin == UNKNOWN {
            if !is_video || pts.nseconds() < self.shared.from.load(Ordering::Acquire) {
                return gst::PadProbeReturn::Drop;
            }
            if buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                self.ask_again(pad, pts);
                return gst::PadProbeReturn::Drop;
            }
            origin = dts.unwrap_or(pts).min(pts).nseconds();
            self.shared.origin.store(origin, Ordering::Release);
            self.open();
        }
        let middle = pts.nseconds().midpoint(end);
        if middle < origin {
            return gst::PadProbeReturn::Drop;
        }
        let origin = gst::ClockTime::from_nseconds(origin);
        let buffer = buffer.make_mut();
        buffer.set_pts(pts.saturating_sub(origin));
        buffer.set_dts(dts.map(|dts| dts.saturating_sub(origin)));
        self.shared.end.fetch_max(end, Ordering::Relaxed);
        if is_video {
            self.shared.picture_end.fetch_max(end, Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    }
}
