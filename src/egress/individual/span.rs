//! Which of the running time is recorded, and where it comes on the recording's own clock: pure. Times in nanoseconds.

/// A part of the running time that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Take {
    begin: u64,
    end: Option<u64>,
    /// Where it begins on the recording's clock.
    at: u64,
}

impl Take {
    fn place(&self, moment: u64) -> u64 {
        self.at + moment.min(self.end.unwrap_or(u64::MAX)).saturating_sub(self.begin)
    }
}

/// What is recorded of the running time.
#[derive(Debug, Default)]
pub(in crate::egress) struct Span {
    takes: Vec<Take>,
}

impl Span {
    /// Records from `moment` on, unless that is so already.
    pub(in crate::egress) fn begin(&mut self, moment: u64) {
        if self.takes.last().is_none_or(|take| take.end.is_some()) {
            let at = self.so_far(moment);
            self.takes.push(Take { begin: moment, end: None, at });
        }
    }

    /// Records nothing from `moment` on.
    pub(in crate::egress) fn pause(&mut self, moment: u64) {
        if let Some(take) = self.takes.last_mut().filter(|take| take.end.is_none()) {
            take.end = Some(moment.max(take.begin));
        }
    }

    /// Where `moment` is on the recording's clock, if it is recorded.
    pub(in crate::egress) fn place(&self, moment: u64) -> Option<u64> {
        let holds = |take: &&Take| take.begin <= moment && take.end.is_none_or(|end| moment < end);
        self.takes.iter().rev().find(holds).map(|take| take.place(moment))
    }

    /// How far the recording has come at `moment`.
    pub(in crate::egress) fn so_far(&self, moment: u64) -> u64 {
        self.takes.last().map_or(0, |take| take.place(moment))
    }

    /// Whether anything is recorded now.
    pub(in crate::egress) fn runs(&self) -> bool {
        self.takes.last().is_some_and(|take| take.end.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_are_cut_out() {
        let mut span = Span::default();
        assert_eq!((span.place(5), span.so_far(5), span.runs()), (None, 0, false));
        span.begin(100);
        span.begin(120);
        assert_eq!((span.place(99), span.place(100), span.place(150)), (None, Some(0), Some(50)));
        span.pause(200);
        span.pause(210);
        assert_eq!((span.place(199), span.place(200), span.so_far(500), span.runs()), (Some(99), None, 100, false));
        span.begin(1000);
        assert_eq!((span.place(150), span.place(1000), span.so_far(1010)), (Some(50), Some(100), 110));
    }

    proptest! {
        #[test]
        fn the_clock_never_goes_back(steps in proptest::collection::vec((1u64..1000, any::<bool>()), 1..50)) {
            let mut span = Span::default();
            let (mut now, mut last) = (0, 0);
            for (passes, begins) in steps {
                now += passes;
                if begins { span.begin(now) } else { span.pause(now) }
                prop_assert!(span.so_far(now) >= last);
                last = span.so_far(now);
                if let Some(at) = span.place(now) {
                    prop_assert_eq!(at, last);
                }
            }
        }
    }
}
