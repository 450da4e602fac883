//! What one part of the server contributes to a gauge that all such parts share. It takes its contribution along when it
//! ends, whatever ends it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// One thing that is counted for as long as this lives.
#[derive(Debug)]
pub struct One(Gauge);

impl One {
    /// Counts one more in `gauge`.
    #[must_use]
    pub fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A number of things in a gauge without labels.
#[derive(Debug)]
pub struct Many {
    gauge: Gauge,
    counted: i64,
}

impl Many {
    /// None yet.
    #[must_use]
    pub fn of(gauge: &Gauge) -> Self {
        Self { gauge: gauge.clone(), counted: 0 }
    }

    /// There are so many now.
    pub fn set(&mut self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.gauge.inc_by(count - self.counted);
        self.counted = count;
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        self.gauge.dec_by(self.counted);
    }
}

/// A number of things in a gauge with labels `L`.
#[derive(Debug)]
pub struct Sorted<L: Clone + Hash + Eq + Debug> {
    gauges: Family<L, Gauge>,
    counted: HashMap<L, i64>,
}

impl<L: Clone + Hash + Eq + Debug> Sorted<L> {
    /// None yet.
    #[must_use]
    pub fn of(gauges: &Family<L, Gauge>) -> Self {
        Self { gauges: gauges.clone(), counted: HashMap::new() }
    }

    /// These are all there are now.
    pub fn set(&mut self, things: impl IntoIterator<Item = L>) {
        let mut now: HashMap<L, i64> = HashMap::new();
        for thing in things {
            *now.entry(thing).or_default() += 1;
        }
        for (label, before) in &self.counted {
            let count = now.get(label).copied().unwrap_or_default();
            self.gauges.get_or_create(label).inc_by(count - before);
        }
        for (label, count) in now.iter().filter(|(label, _)| !self.counted.contains_key(*label)) {
            self.gauges.get_or_create(label).inc_by(*count);
        }
        self.counted = now;
    }
}

impl<L: Clone + Hash + Eq + Debug> Drop for Sorted<L> {
    fn drop(&mut self) {
        self.set([]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_takes_its_share_along() {
        let gauge = Gauge::default();
        let (one, mut many) = (One::of(&gauge), Many::of(&gauge));
        many.set(5);
        many.set(3);
        assert_eq!(gauge.get(), 4);
        drop(one);
        assert_eq!(gauge.get(), 3);
        drop(many);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn two_rooms_share_what_is_sorted() {
        let gauges = Family::<u8, Gauge>::default();
        let (mut tea, mut coffee) = (Sorted::of(&gauges), Sorted::of(&gauges));
        let seen = || [0, 1, 2].map(|label| gauges.get_or_create(&label).get());
        tea.set([1, 1, 2]);
        coffee.set([1]);
        assert_eq!(seen(), [0, 3, 1]);
        tea.set([0]);
        assert_eq!(seen(), [1, 1, 0]);
        drop(tea);
        assert_eq!(seen(), [0, 1, 0]);
        drop(coffee);
        assert_eq!(seen(), [0, 0, 0]);
    }
}
