//! `GET /metrics`: everything that is counted, in the Prometheus text format, or in that of OpenMetrics for those who ask for it.
//!
//! Served by a listener of its own, `metrics.listen`, so that it is never where the page is: proxies make everybody a
//! neighbour.

use std::time::Duration;

use http::{HeaderValue, header};
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, error};
use crate::egress::catalogue::Catalogue;
use crate::egress::space;
use crate::metrics::{Form, metrics};

/// How long what is asked for at a scrape may take. What is late keeps its former value.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path!("metrics")
        .and(warp::get())
        .and(warp::header::optional::<String>("accept"))
        .and(warp::any().map(move || api.clone()))
        .then(scrape)
}

async fn scrape(accept: Option<String>, api: Api) -> Response {
    let open = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let form = if open { Form::OpenMetrics } else { Form::Prometheus };
    if tokio::time::timeout(PATIENCE, look_at_stores(&api.catalogue)).await.is_err() {
        tracing::warn!("the folder of recordings did not answer within {PATIENCE:?}: its metrics are not up to date");
    }
    let rendered = tokio::task::spawn_blocking(move || metrics().render(form)).await;
    match rendered {
        Ok(Ok(text)) => {
            let mut response = text.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
            response
        }
        Ok(Err(error)) => error::internal(&error.to_string()),
        Err(error) => error::internal(&error.to_string()),
    }
}

/// What nobody counts as it changes.
async fn look_at_stores(catalogue: &Catalogue) {
    let stores = &metrics().stores;
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    match catalogue.upload_queue().await {
        Ok(length) => drop(stores.upload_queue.set(number(length))),
        Err(error) => tracing::warn!(%error, "nobody knows how many uploads wait"),
    }
    let folder = catalogue.folder().to_owned();
    match tokio::task::spawn_blocking(move || space::size_and_free(&folder)).await {
        Ok(Ok((size, free))) => {
            stores.disk_size.set(number(size));
            stores.disk_free.set(number(free));
        }
        Ok(Err(error)) => tracing::warn!(%error, "nobody knows how full the disk is"),
        Err(error) => tracing::warn!(%error, "nobody knows how full the disk is"),
    }
}
