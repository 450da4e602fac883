//! When a publisher is told how large its track is shown: pure.
//!
//! More is told at once, since somebody waits for it; less only when it has been less for a while, since people look
//! away and back.

use std::time::{Duration, Instant};

use super::model::Height;
use super::view;

/// How long less has to last.
const CALM: Duration = Duration::from_secs(2);

/// What a publisher was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    told: Height,
    less_since: Option<Instant>,
}

impl Demand {
    /// Publishers begin with all they have.
    pub(super) fn new() -> Self {
        Self { told: view::FULL, less_since: None }
    }

    /// What it was told last.
    pub(super) fn told(self) -> Height {
        self.told
    }

    /// Takes the largest height at which somebody shows the track. Returns what the publisher is to be told, if anything.
    pub(super) fn update(&mut self, height: Height, now: Instant) -> Option<Height> {
        let wanted = view::step(height);
        if wanted < self.told {
            let since = *self.less_since.get_or_insert(now);
            if now.saturating_duration_since(since) < CALM {
                return None;
            }
        }
        self.less_since = None;
        let changed = wanted != self.told;
        self.told = wanted;
        changed.then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_at_once_and_less_after_a_while() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut demand = Demand::new();
        assert_eq!(demand.update(0, at(0)), None);
        assert_eq!(demand.update(0, at(1)), None);
        assert_eq!(demand.update(0, at(2)), Some(0));
        assert_eq!(demand.update(0, at(9)), None, "told once");
        assert_eq!(demand.update(300, at(10)), Some(360), "more at once");
        assert_eq!(demand.update(100, at(11)), None);
        assert_eq!(demand.update(360, at(12)), None, "looked back");
        assert_eq!(demand.update(100, at(13)), None, "and the time runs anew");
        assert_eq!(demand.update(100, at(15)), Some(180));
    }
}
