//! How mixes are served by HLS.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// How mixes are served by HLS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hls {
    /// How long a segment is, in seconds.
    pub segment_seconds: u64,
    /// How long a part of a segment is, in seconds: a player is some three of them behind.
    pub part_seconds: f64,
    /// How long a segment is kept after it ended, in seconds. The younger half is listed; the older is there for those who
    /// still go by an old list.
    pub retention_seconds: u64,
}

impl Default for Hls {
    fn default() -> Self {
        Self { segment_seconds: 2, part_seconds: 0.5, retention_seconds: 60 }
    }
}

impl Hls {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Self { segment_seconds, part_seconds, retention_seconds } = *self;
        let wrong =
            |key, value: &dyn ToString, remedy| Err(ConfigError::Value { key, value: value.to_string(), remedy });
        if !(1..=10).contains(&segment_seconds) {
            return wrong("hls.segment_seconds", &segment_seconds, "use 1 to 10, in whole seconds");
        }
        if !(0.1..=segment_seconds as f64).contains(&part_seconds) {
            return wrong("hls.part_seconds", &part_seconds, "use 0.1 or more, and no more than hls.segment_seconds");
        }
        if !(8 * segment_seconds..=3600).contains(&retention_seconds) {
            let remedy = "use at least 8 times hls.segment_seconds, and no more than 3600: it is all in memory";
            return wrong("hls.retention_seconds", &retention_seconds, remedy);
        }
        Ok(())
    }
}
