//! Whether the server lives, and whether it wants further calls.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 `ok`, as long as the process answers |
//! | `GET /readyz` | 200 `{"status": "ready"}`, or 503 `{code, message, failing}` with the names of the checks that fail |
//!
//! Checks: `elements` (GStreamer has all that is needed), `catalogue` (recordings can be written and found), `draining` (the
//! server is about to stop). What is wrong in detail is in the log: this is open to everybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::Api;
use crate::egress::catalogue::Catalogue;

/// Who takes longer than this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the server fares; all clones are one.
#[derive(Debug, Clone)]
pub struct Health {
    draining: Arc<AtomicBool>,
    /// Says what this machine lacks.
    missing: fn() -> Vec<String>,
}

impl Health {
    /// Of a server that wants calls. `missing` says what the machine lacks.
    #[must_use]
    pub fn new(missing: fn() -> Vec<String>) -> Self {
        Self { draining: Arc::default(), missing }
    }

    /// The server wants no further calls: whoever distributes them is to look elsewhere.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether [`Self::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The checks that fail.
    async fn failing(&self, catalogue: &Catalogue) -> Vec<&'static str> {
        let mut failing = Vec::new();
        let missing = (self.missing)();
        if !missing.is_empty() {
            tracing::warn!(missing = missing.join("; "), "not ready");
            failing.push("elements");
        }
        match tokio::time::timeout(PATIENCE, catalogue.must_work()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "not ready");
                failing.push("catalogue");
            }
            Err(_) => {
                tracing::warn!("not ready: the folder of recordings did not answer within {PATIENCE:?}");
                failing.push("catalogue");
            }
        }
        if self.is_draining() {
            failing.push("draining");
        }
        failing
    }
}

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let lives = warp::path!("healthz").and(warp::get()).map(|| "ok".into_response());
    let ready = warp::path!("readyz").and(warp::get()).and(warp::any().map(move || api.clone())).then(ready);
    lives.or(ready).unify()
}

async fn ready(api: Api) -> Response {
    let failing = api.health.failing(&api.catalogue).await;
    if failing.is_empty() {
        return warp::reply::json(&json!({ "status": "ready" })).into_response();
    }
    let message = format!("not ready: {}; the log says more", failing.join(", "));
    let body = json!({ "code": "not_ready", "message": message, "failing": failing });
    warp::reply::with_status(warp::reply::json(&body), StatusCode::SERVICE_UNAVAILABLE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_check_fails_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(folder.path()).await.unwrap();
        let health = Health::new(Vec::new);
        assert!(health.failing(&catalogue).await.is_empty());
        let clone = health.clone();
        clone.drain();
        assert_eq!(health.failing(&catalogue).await, ["draining"]);
        let lacking = Health::new(|| vec!["GStreamer element x264enc is missing".to_owned()]);
        assert_eq!(lacking.failing(&catalogue).await, ["elements"]);
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert_eq!(lacking.failing(&catalogue).await, ["elements", "catalogue"]);
    }
}
