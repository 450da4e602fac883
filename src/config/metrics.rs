//! Where metrics are served.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Where metrics are served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Address and port of `/metrics`, and once more of `/healthz` and `/readyz`; none serves no metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}
