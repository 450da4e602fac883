//! Makes metrics and notes them for scrapes.

use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::process::Process;

/// Histograms with labels `L`.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics, while they are being made. Names are given without their beginning, and those of counters without `_total`.
#[derive(Default)]
pub(super) struct Register {
    registry: Registry,
}

/// How the names begin of all that is this server's.
fn full(name: &str) -> String {
    format!("plenum_{name}")
}

impl Register {
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.registry.register(full(name), help, counter.clone());
        counter
    }

    pub(super) fn counters<L: Labels>(&mut self, name: &str, help: &str, all: &[L]) -> Family<L, Counter> {
        let family = Family::<L, Counter>::default();
        all.iter().for_each(|label| drop(family.get_or_create(label)));
        self.registry.register(full(name), help, family.clone());
        family
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.registry.register(full(name), help, gauge.clone());
        gauge
    }

    pub(super) fn gauges<L: Labels>(&mut self, name: &str, help: &str, all: &[L]) -> Family<L, Gauge> {
        let family = Family::<L, Gauge>::default();
        all.iter().for_each(|label| drop(family.get_or_create(label)));
        self.registry.register(full(name), help, family.clone());
        family
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, make: fn() -> Histogram) -> Histogram {
        let histogram = make();
        self.registry.register(full(name), help, histogram.clone());
        histogram
    }

    pub(super) fn histograms<L: Labels>(
        &mut self,
        name: &str,
        help: &str,
        all: &[L],
        make: fn() -> Histogram,
    ) -> Histograms<L> {
        let family = Family::new_with_constructor(make);
        all.iter().for_each(|label| drop(family.get_or_create(label)));
        self.registry.register(full(name), help, family.clone());
        family
    }

    /// Done, with what the system knows of the process.
    pub(super) fn into_registry(mut self) -> Registry {
        self.registry.register_collector(Box::new(Process));
        self.registry
    }
}

/// What a set of labels has to be.
pub(super) trait Labels: EncodeLabelSet + std::fmt::Debug + Clone + Hash + Eq + Send + Sync + 'static {}

impl<L: EncodeLabelSet + std::fmt::Debug + Clone + Hash + Eq + Send + Sync + 'static> Labels for L {}

/// All pairs of two labels.
pub(super) fn pairs<A: Copy, B: Copy>(first: &[A], second: &[B]) -> Vec<(A, B)> {
    first.iter().flat_map(|a| second.iter().map(|b| (*a, *b))).collect()
}
