//! What is counted, by name: everything that `/metrics` shows, described in one place, and counted where it happens.
//!
//! One set for the process, as a scrape is of a process. No metric has a label whose values people or programs choose: the
//! number of series is the same with one room and with a thousand, and all of them are there from the start, at zero.
//!
//! Nothing here runs by itself. Streaming threads add to atomics of their own; a room reads those once a second and adds
//! what is new. What is seldom, such as a picture of a mix, is counted at once.

pub mod label;
mod process;
mod register;
pub mod share;
mod subject;

use std::sync::LazyLock;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

use register::Register;
pub use subject::{Calls, Mixes, Network, Packets, Server, Stores};

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    /// Rooms and who is in them.
    pub calls: Calls,
    /// What passes from publishers to receivers.
    pub packets: Packets,
    /// What RTCP says of the way there.
    pub network: Network,
    /// Mixes and their encoders.
    pub mixes: Mixes,
    /// Recordings and outputs.
    pub stores: Stores,
    /// The server itself.
    pub server: Server,
    registry: Registry,
}

/// How a scrape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The Prometheus text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Form {
    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The metrics of this process.
#[must_use]
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let mut register = Register::default();
        Self {
            calls: Calls::new(&mut register),
            packets: Packets::new(&mut register),
            network: Network::new(&mut register),
            mixes: Mixes::new(&mut register),
            stores: Stores::new(&mut register),
            server: Server::new(&mut register),
            registry: register.into_registry(),
        }
    }

    /// Everything as text. Blocks for a moment, since it asks the system about the process.
    ///
    /// # Errors
    /// Never in practice: when a value cannot be written.
    pub fn render(&self, form: Form) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        match form {
            Form::Prometheus => prometheus_text::encode(&mut text, &self.registry)?,
            Form::OpenMetrics => text::encode(&mut text, &self.registry)?,
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_described() {
        let text = Metrics::new().render(Form::Prometheus).unwrap();
        let lines = text.lines().map(str::to_owned).map(Ok);
        let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
        assert!(scrape.samples.len() > 100, "{text}");
        for sample in &scrape.samples {
            let name = sample.metric.as_str();
            // Of a histogram the parser keeps two parts for themselves.
            let whole = ["_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            assert!([name, whole].iter().any(|name| scrape.docs.contains_key(*name)), "{name} has no HELP");
            assert!(name.starts_with("plenum_") || name.starts_with("process_"), "{name} is whose?");
        }
        assert!(text.contains("plenum_endpoints{role=\"viewer\",state=\"connecting\"} 0\n"), "{text}");
    }

    #[test]
    fn both_forms_say_the_same() {
        let metrics = Metrics::new();
        metrics.calls.rooms.set(3);
        for form in [Form::Prometheus, Form::OpenMetrics] {
            let text = metrics.render(form).unwrap();
            assert!(text.contains("\nplenum_rooms 3\n"), "{text}");
            assert_eq!(text.ends_with("# EOF\n"), form == Form::OpenMetrics);
        }
    }
}
