//! Who speaks, from how loud everybody is: pure.
//!
//! Two smoothed scores each: a quick one decides who the active speaker is, a slow one orders everybody. Both orders have
//! hysteresis, so that people of one loudness do not change places all the time.

use std::collections::BTreeMap;
use std::time::Duration;

/// How often [`Speakers::update`] wants to be called.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// Loudness (127 - level in -dBov) up to which everything counts as silence: -62 dBov.
const FLOOR: f32 = 65.0;
/// The quick score from which somebody speaks.
const SPEECH: f32 = 8.0;
/// By how many dB one has to be louder to take over from somebody who speaks, or to move up in the order.
const MARGIN: f32 = 6.0;
/// How many updates in a row one has to be the loudest: a cough is shorter.
const SUSTAINED: u32 = 2;
/// For so many updates after a change there is no other: two who talk at once would flicker.
const DWELL: u32 = 20;
/// After so many updates without speech nobody speaks.
const QUIET: u32 = 40;

/// Rise and fall of the scores per update. The quick one outlasts the pauses between words.
const QUICK: (f32, f32) = (0.6, 0.15);
const SLOW: (f32, f32) = (0.2, 0.015);

#[derive(Debug, Clone, Copy, Default)]
struct Score {
    quick: f32,
    slow: f32,
}

/// Everybody's loudness over time.
#[derive(Debug)]
pub(super) struct Speakers<T> {
    scores: BTreeMap<T, Score>,
    /// Everybody, the loudest of late first.
    order: Vec<T>,
    active: Option<T>,
    challenger: Option<(T, u32)>,
    quiet: u32,
    /// Updates since the last change.
    steady: u32,
}

impl<T: Clone + Ord> Speakers<T> {
    pub(super) fn new() -> Self {
        Self { scores: BTreeMap::new(), order: Vec::new(), active: None, challenger: None, quiet: 0, steady: DWELL }
    }

    /// Who speaks, if anybody.
    pub(super) fn active(&self) -> Option<&T> {
        self.active.as_ref()
    }

    /// Everybody, the loudest of late first.
    pub(super) fn order(&self) -> &[T] {
        &self.order
    }

    /// Takes the loudness (0 to 127) of everybody there is since the last update. Whoever is not named is gone. Only who
    /// is a `person` can be the active speaker.
    pub(super) fn update(&mut self, loudness: &BTreeMap<T, u8>, person: impl Fn(&T) -> bool) {
        self.scores.retain(|who, _| loudness.contains_key(who));
        for (who, loudness) in loudness {
            let input = (f32::from(*loudness) - FLOOR).max(0.0);
            let score = self.scores.entry(who.clone()).or_default();
            score.quick = smooth(score.quick, input, QUICK);
            score.slow = smooth(score.slow, input, SLOW);
        }
        self.reorder();
        self.elect(person);
    }

    /// One pass from the back: a loud newcomer passes everybody at once, equals stay as they are.
    fn reorder(&mut self) {
        self.order.retain(|who| self.scores.contains_key(who));
        let new: Vec<_> = self.scores.keys().filter(|who| !self.order.contains(who)).cloned().collect();
        self.order.extend(new);
        let slow = |who: &T| self.scores.get(who).map_or(0.0, |score| score.slow);
        for at in (1..self.order.len()).rev() {
            if slow(&self.order[at]) > slow(&self.order[at - 1]) + MARGIN {
                self.order.swap(at, at - 1);
            }
        }
    }

    fn elect(&mut self, person: impl Fn(&T) -> bool) {
        self.steady = self.steady.saturating_add(1);
        let quick = |who: &T| self.scores.get(who).map_or(0.0, |score| score.quick);
        self.active = self.active.take().filter(|who| self.scores.contains_key(who));
        let mut loudest = self.scores.iter().filter(|(who, score)| score.quick >= SPEECH && person(who));
        let loudest = loudest.next().map(|first| loudest.fold(first, |a, b| if b.1.quick > a.1.quick { b } else { a }));
        let Some((loudest, score)) = loudest else {
            self.challenger = None;
            self.quiet += 1;
            if self.quiet >= QUIET {
                self.active = None;
            }
            return;
        };
        self.quiet = 0;
        let needed = match &self.active {
            Some(active) if active == loudest => {
                self.challenger = None;
                return;
            }
            Some(active) if quick(active) >= SPEECH => quick(active) + MARGIN,
            _ => SPEECH,
        };
        if score.quick < needed {
            self.challenger = None;
            return;
        }
        let times = match self.challenger.take() {
            Some((who, times)) if who == *loudest => times + 1,
            _ => 1,
        };
        if times >= SUSTAINED && self.steady >= DWELL {
            self.steady = 0;
            self.active = Some(loudest.clone());
        } else {
            self.challenger = Some((loudest.clone(), times));
        }
    }
}

fn smooth(before: f32, input: f32, (rise, fall): (f32, f32)) -> f32 {
    before + (input - before) * if input > before { rise } else { fall }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn levels(levels: &[u8]) -> BTreeMap<usize, u8> {
        levels.iter().copied().enumerate().collect()
    }

    fn feed(speakers: &mut Speakers<usize>, values: &[u8], times: u32) {
        for _ in 0..times {
            speakers.update(&levels(values), |_| true);
        }
    }

    #[test]
    fn who_speaks_is_known_within_200_milliseconds() {
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[0, 0], 20);
        assert_eq!(speakers.active(), None);
        feed(&mut speakers, &[0, 95], 4);
        assert_eq!(speakers.active(), Some(&1), "four updates of 50 ms");
        feed(&mut speakers, &[30, 95], DWELL);
        feed(&mut speakers, &[95, 30], 6);
        assert_eq!(speakers.active(), Some(&0), "and when another takes over");
    }

    #[test]
    fn two_who_talk_at_once_do_not_flicker() {
        let mut speakers = Speakers::new();
        let mut changes = 0;
        for step in 0..400 {
            let before = speakers.active().copied();
            feed(&mut speakers, if step % 8 < 4 { &[95, 0] } else { &[0, 95] }, 1);
            changes += u32::from(speakers.active().copied() != before);
        }
        assert!(changes <= 400 / DWELL + 1, "{changes} changes in 20 s");
    }

    #[test]
    fn a_cough_and_noise_are_no_speech() {
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[90, 0], 10);
        feed(&mut speakers, &[90, 110], 2);
        feed(&mut speakers, &[90, 40], 10);
        assert_eq!(speakers.active(), Some(&0));
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[60, 50], 100);
        assert_eq!(speakers.active(), None);
    }

    #[test]
    fn a_pause_changes_nothing_and_silence_does() {
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[90, 0], 10);
        feed(&mut speakers, &[0, 0], 20);
        assert_eq!(speakers.active(), Some(&0));
        feed(&mut speakers, &[0, 0], 60);
        assert_eq!(speakers.active(), None);
    }

    #[test]
    fn whoever_is_gone_speaks_no_more() {
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[0, 90], 10);
        feed(&mut speakers, &[0], 1);
        assert_eq!((speakers.active(), speakers.order()), (None, &[0][..]));
    }

    #[test]
    fn the_loudest_of_late_come_first() {
        let mut speakers = Speakers::new();
        feed(&mut speakers, &[0, 0, 0, 0], 1);
        feed(&mut speakers, &[0, 0, 0, 95], 10);
        assert_eq!(speakers.order()[0], 3);
        feed(&mut speakers, &[0, 0, 95, 0], 40);
        assert_eq!(speakers.order()[..2], [2, 3]);
    }

    proptest! {
        #[test]
        fn equals_keep_their_places(level in 0u8..=127, jitter in proptest::collection::vec(0u8..4, 400)) {
            let mut speakers = Speakers::new();
            feed(&mut speakers, &[level; 4], 100);
            let (order, active) = (speakers.order().to_vec(), speakers.active().copied());
            for four in jitter.chunks(4) {
                let values: Vec<_> = four.iter().map(|jitter| level.saturating_sub(*jitter)).collect();
                feed(&mut speakers, &values, 1);
                prop_assert_eq!(speakers.order(), &order[..]);
                if active.is_some() && level > 90 {
                    prop_assert_eq!(speakers.active().copied(), active);
                }
            }
        }

        #[test]
        fn the_order_holds_everybody_once(steps in proptest::collection::vec(proptest::collection::btree_map(0usize..8, 0u8..=127, 0..8), 1..50)) {
            let mut speakers = Speakers::new();
            for step in &steps {
                speakers.update(step, |_| true);
                let mut order = speakers.order().to_vec();
                order.sort_unstable();
                prop_assert_eq!(order, step.keys().copied().collect::<Vec<_>>());
                prop_assert!(speakers.active().is_none_or(|active| step.contains_key(active)));
            }
        }
    }
}
