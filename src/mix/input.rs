//! One decoded track on its way into the mix: a link from its [decoder](super::decoder), and the mixer pad that it borrows.
//!
//! The pad stays when the input goes. So the input must never end the stream of the pad, and all of it is in a bin of its own,
//! whose errors end only this input.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::MixError;
use super::decoder::Decoder;
use crate::elements::fitter::Fitter;
use crate::media::Kind;
use crate::media::link::Link;
use crate::media::pipeline::Pipeline;

/// How long a video may stand still before its tile shows instead.
pub(super) const FROZEN: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// When nothing has come yet.
const NEVER: u64 = u64::MAX;

/// The mixer would throw away a picture that is this late. On a machine that decodes too slowly all are, and there would
/// be none: a late picture is better than a hole.
const TOO_LATE: gst::ClockTime = gst::ClockTime::from_mseconds(280);
/// How late a picture may be that the mixer still takes.
const JUST_IN_TIME: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// A running input; dropping it takes it out of the mix.
#[derive(Debug)]
pub(super) struct Input {
    bin: gst::Bin,
    // Kept for its drop, which detaches it.
    link: Option<Link>,
    out: gst::Pad,
    pad: gst::Pad,
    fitter: Option<Fitter>,
    seen: Arc<Seen>,
    decoder: Arc<Decoder>,
}

/// When media came.
#[derive(Debug)]
struct Seen {
    last: AtomicU64,
    /// The time of the first picture after there was none for a while.
    first: AtomicU64,
}

impl Input {
    /// Lets what `decoder` gives into the mixer pad `pad`. Pictures are shown `rounding` later.
    pub(super) fn start(
        pipeline: &gst::Pipeline,
        name: &str,
        decoder: Arc<Decoder>,
        pad: &gst::Pad,
        rounding: gst::ClockTime,
    ) -> Result<Self, MixError> {
        let fail = |step: &'static str| move |_| MixError::Graph { step };
        let kind = decoder.kind();
        let bin = gst::Bin::with_name(name);
        let mut link = Link::decoded("raw", kind);
        let mut last = link.element().clone();
        bin.add(&last).map_err(fail("filling an input"))?;
        let fitter = (kind == Kind::Video).then(Fitter::default);
        if let Some(fitter) = &fitter {
            bin.add(fitter).map_err(fail("filling an input"))?;
            last.link(fitter).map_err(fail("linking an input"))?;
            last = fitter.clone().upcast();
        }
        let inside = last.static_pad("src").ok_or(MixError::Graph { step: "looking for the end of an input" })?;
        let out = gst::GhostPad::with_target(&inside).map_err(fail("exposing an input"))?.upcast::<gst::Pad>();
        bin.add_pad(&out).map_err(fail("exposing an input"))?;

        let seen = Arc::new(Seen { last: AtomicU64::new(NEVER), first: AtomicU64::new(NEVER) });
        watch(&out, kind, rounding, Arc::clone(&seen));
        pipeline.add(&bin).map_err(fail("adding an input"))?;
        let outlet = decoder.outlet().clone();
        let input = |link| Self { bin: bin.clone(), link, out: out.clone(), pad: pad.clone(), fitter, seen, decoder };
        if out.link(pad).is_err() || bin.sync_state_with_parent().is_err() {
            drop(input(None));
            return Err(MixError::Graph { step: "starting an input" });
        }
        link.attach(&outlet);
        Ok(input(Some(link)))
    }

    /// The name by which its errors are known.
    pub(super) fn name(&self) -> String {
        self.bin.name().into()
    }

    /// Why nothing more comes, if its decoder failed.
    pub(super) fn failure(&self) -> Option<&str> {
        self.decoder.failure()
    }

    /// The mixer pad that it borrows.
    pub(super) fn pad(&self) -> &gst::Pad {
        &self.pad
    }

    /// What makes its pictures fit.
    pub(super) fn fitter(&self) -> Option<&Fitter> {
        self.fitter.as_ref()
    }

    /// The running time with which pictures began, after none came for [`FROZEN`].
    pub(super) fn began(&self) -> Option<gst::ClockTime> {
        let first = self.seen.first.load(Ordering::Relaxed);
        (first != NEVER).then_some(gst::ClockTime::from_nseconds(first))
    }

    /// Whether decoded media has come within `span`.
    pub(super) fn is_fresh(&self, span: gst::ClockTime) -> bool {
        match self.seen.last.load(Ordering::Relaxed) {
            NEVER => false,
            at => Pipeline::running_time().nseconds().saturating_sub(at) < span.nseconds(),
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        drop(self.link.take());
        leave(&self.bin, &self.out, &self.pad);
    }
}

/// Takes `bin`, which gives by `out`, off the mixer's `pad` and ends it.
pub(super) fn leave(bin: &gst::Bin, out: &gst::Pad, pad: &gst::Pad) {
    // What is still under way would find no pad, and fail.
    out.add_probe(gst::PadProbeType::BUFFER, |_, _| gst::PadProbeReturn::Drop);
    // The pad is free at once. A push that is still under way ends by itself: the mixer keeps consuming.
    let _ = out.unlink(pad);
    let bin = bin.clone();
    bin.set_locked_state(true);
    // Waits for the streaming thread, so not here.
    let ended = std::thread::Builder::new().name("input-end".into()).spawn(move || {
        let _ = bin.set_state(gst::State::Null);
        if let Some(parent) = bin.parent().and_downcast::<gst::Bin>() {
            let _ = parent.remove(&bin);
        }
    });
    if let Err(error) = ended {
        tracing::error!(%error, "no thread to end an input: its elements stay alive");
    }
}

fn watch(pad: &gst::Pad, kind: Kind, rounding: gst::ClockTime, seen: Arc<Seen>) {
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let now = Pipeline::running_time();
                let last = seen.last.swap(now.nseconds(), Ordering::Relaxed);
                if let (Kind::Video, Some(pts)) = (kind, buffer.pts()) {
                    let pts = if pts + TOO_LATE < now { now.saturating_sub(JUST_IN_TIME) } else { pts };
                    if last == NEVER || now.nseconds().saturating_sub(last) >= FROZEN.nseconds() {
                        seen.first.store(pts.nseconds(), Ordering::Relaxed);
                    }
                    buffer.make_mut().set_pts(pts + rounding);
                }
                gst::PadProbeReturn::Ok
            }
            // The pad has further inputs to come.
            Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Eos => {
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        }
    });
}
