//! Scrapes, as Prometheus would read them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use prometheus_parse::{Sample, Value};

use crate::common::lab::Lab;
use crate::common::server::Server;

/// What is counted shows within a second, and what RTCP says within five; a busy machine takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that serves metrics.
pub(crate) struct Watched {
    pub(crate) server: Server,
    metrics: String,
}

/// One scrape.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
}

impl Watched {
    pub(crate) async fn start(lab: &Lab) -> Self {
        Self::start_with(lab, "").await
    }

    /// As [`Watched::start`], with further lines of configuration.
    pub(crate) async fn start_with(lab: &Lab, more: &str) -> Self {
        let metrics = format!("{}:9464", lab.address);
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), format!("[metrics]\nlisten = \"{metrics}\"\n{more}")).unwrap();
        let server = Server::start_with(lab, &["--config", file.path().to_str().unwrap()]).await;
        Self { server, metrics }
    }

    /// A request to the listener for metrics.
    pub(crate) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.server.http().get(format!("http://{}{path}", self.metrics)).timeout(Duration::from_secs(10))
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        let text = self.request("/metrics").send().await.unwrap().text().await.unwrap();
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let samples = prometheus_parse::Scrape::parse(lines).unwrap().samples;
        Scrape { text, samples }
    }

    /// Scrapes until it is as `wanted`; `what` names that when it does not come.
    pub(crate) async fn scrape_until(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        let deadline = Instant::now() + PATIENCE;
        let mut turns = tokio::time::interval(Duration::from_millis(100));
        loop {
            turns.tick().await;
            let scrape = self.scrape().await;
            if wanted(&scrape) {
                return scrape;
            }
            assert!(Instant::now() < deadline, "{what} did not show within {PATIENCE:?}:\n{}", scrape.text);
        }
    }
}

impl Scrape {
    /// The value of a series, given as it stands in the text; of a histogram, name it with `_count` or `_sum`.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let found = self.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {series} in\n{}", self.text)).parse().unwrap()
    }

    /// What a value has risen by since another scrape.
    pub(crate) fn rise(&self, before: &Self, series: &str) -> f64 {
        self.value(series) - before.value(series)
    }

    /// The names of all series, with their labels.
    pub(crate) fn series(&self) -> BTreeSet<String> {
        let values = self.text.lines().filter(|line| !line.starts_with('#'));
        values.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
    }

    /// The labels that a metric has, and their values, with the name that PromQL knows it by.
    pub(crate) fn has(&self, name: &str, label: Option<(&str, Option<&str>)>) -> bool {
        self.samples.iter().any(|sample| {
            let is_histogram = matches!(sample.value, Value::Histogram(_));
            let base = if is_histogram {
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
            } else {
                name
            };
            if sample.metric != base {
                return false;
            }
            match label {
                None => true,
                Some(("le", None)) => is_histogram && name.ends_with("_bucket"),
                Some((label, value)) => {
                    sample.labels.get(label).is_some_and(|found| value.is_none_or(|value| value == found))
                }
            }
        })
    }
}
