//! What left an outlet lately, still encoded: for whoever wants what was before they asked.
//!
//! Threads: it grows in the outlet's streaming thread; whoever takes from it does so while nothing passes there.
//! Invariant: bounded in time and in size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

/// More than this is kept of no outlet: a minute of 8 Mbit/s.
const MOST_BYTES: usize = 60 << 20;

/// A buffer that passed.
#[derive(Debug, Clone)]
struct Passed<T> {
    /// Its running time.
    at: gst::ClockTime,
    /// Whether one can begin with it.
    opens: bool,
    bytes: usize,
    what: T,
}

/// The last of what passed, in its order. Pure.
#[derive(Debug)]
struct Ring<T> {
    length: gst::ClockTime,
    passed: VecDeque<Passed<T>>,
    bytes: usize,
}

impl<T> Ring<T> {
    fn new(length: gst::ClockTime) -> Self {
        Self { length, passed: VecDeque::new(), bytes: 0 }
    }

    fn push(&mut self, new: Passed<T>) {
        let oldest = new.at.saturating_sub(self.length);
        self.bytes += new.bytes;
        self.passed.push_back(new);
        while let Some(first) = self.passed.front()
            && (first.at < oldest || self.bytes > MOST_BYTES)
        {
            self.bytes -= first.bytes;
            self.passed.pop_front();
        }
    }

    fn since(&self, moment: gst::ClockTime) -> impl Iterator<Item = &T> {
        self.passed.iter().filter(move |passed| passed.at >= moment).map(|passed| &passed.what)
    }

    /// When what one can begin with came, at `moment` or before it, or else as soon as possible after it.
    fn opening(&self, moment: gst::ClockTime) -> Option<gst::ClockTime> {
        let mut opening = self.passed.iter().filter(|passed| passed.opens).map(|passed| passed.at);
        let first = opening.next()?;
        Some(opening.take_while(|at| *at <= moment).last().unwrap_or(first))
    }
}

/// What passed an outlet lately.
#[derive(Debug, Clone)]
pub(super) struct Past {
    ring: Arc<Mutex<Ring<gst::Sample>>>,
}

impl Past {
    /// Keeps the last `length` of what passes `pad`, and lets `every` act from time to time, if that is wanted.
    pub(super) fn keep(
        pad: &gst::Pad,
        length: Duration,
        every: Option<(Duration, impl Fn() + Send + 'static)>,
    ) -> Self {
        let past = Self { ring: Arc::new(Mutex::new(Ring::new(clock_time(length)))) };
        let kept = past.clone();
        // Probes are shared between threads by type only: this pad has one streaming thread.
        let acted = Mutex::new(gst::ClockTime::ZERO);
        let every = every.map(|(interval, act)| (clock_time(interval), Mutex::new(act)));
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(kinds, move |pad, info| {
            let mut last = None;
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => last = kept.pass(pad, buffer),
                Some(gst::PadProbeData::BufferList(list)) => {
                    list.iter_owned().for_each(|buffer| last = kept.pass(pad, &buffer).or(last));
                }
                _ => {}
            }
            if let (Some(now), Some((interval, act))) = (last, &every) {
                let mut acted = lock(&acted);
                if now >= *acted + *interval {
                    *acted = now;
                    lock(act)();
                }
            }
            gst::PadProbeReturn::Ok
        });
        past
    }

    /// Takes in a buffer; gives its running time.
    fn pass(&self, pad: &gst::Pad, buffer: &gst::Buffer) -> Option<gst::ClockTime> {
        let segment = pad.sticky_event::<gst::event::Segment>(0)?;
        let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
        let at = segment.to_running_time(buffer.pts()?)?;
        let what = gst::Sample::builder().buffer(buffer).segment(segment);
        let caps = pad.current_caps();
        let what = caps.iter().fold(what, |what, caps| what.caps(caps)).build();
        let opens = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        lock(&self.ring).push(Passed { at, opens, bytes: buffer.size(), what });
        Some(at)
    }

    /// What passed at the running time `moment` or later.
    pub(super) fn since(&self, moment: gst::ClockTime) -> Vec<gst::Sample> {
        lock(&self.ring).since(moment).cloned().collect()
    }

    /// When what one can begin with passed: at `moment` or before it, or else as soon as possible after it.
    pub(super) fn opening(&self, moment: gst::ClockTime) -> Option<gst::ClockTime> {
        lock(&self.ring).opening(moment)
    }
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    gst::ClockTime::try_from(duration).unwrap_or(gst::ClockTime::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is held is changed by single steps: a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(milliseconds: u64) -> gst::ClockTime {
        gst::ClockTime::from_mseconds(milliseconds)
    }

    fn passed(at: u64, opens: bool, bytes: usize) -> Passed<u64> {
        Passed { at: ms(at), opens, bytes, what: at }
    }

    #[test]
    fn one_begins_with_a_keyframe_before_the_moment_if_there_is_one() {
        let mut ring = Ring::new(ms(1000));
        assert_eq!(ring.opening(ms(5)), None);
        (0..=20).for_each(|frame| ring.push(passed(frame * 100, frame % 3 == 0, 1)));
        assert_eq!(ring.since(ms(1850)).copied().collect::<Vec<_>>(), [1900, 2000]);
        assert_eq!(ring.opening(ms(1700)), Some(ms(1500)));
        assert_eq!(ring.opening(ms(1800)), Some(ms(1800)));
        assert_eq!(ring.opening(ms(0)), Some(ms(1200)));
    }

    proptest! {
        #[test]
        fn it_is_bounded_in_time_and_size(steps in proptest::collection::vec((0u64..500, 0usize..MOST_BYTES / 4), 1..80)) {
            let mut ring = Ring::new(ms(2000));
            let mut now = 0;
            for (passes, bytes) in steps {
                now += passes;
                ring.push(passed(now, true, bytes));
                prop_assert!(ring.bytes <= MOST_BYTES);
                prop_assert_eq!(ring.bytes, ring.passed.iter().map(|passed| passed.bytes).sum::<usize>());
                prop_assert!(ring.passed.iter().all(|passed| passed.at + ms(2000) >= ms(now)));
                prop_assert_eq!(ring.passed.back().map(|passed| passed.what), Some(now));
            }
        }
    }
}
