//! What is served over HTTP: the page, the API, HLS, WHEP and WHIP, the Socket.IO client, health. Composition only; each route has its file.

mod body;
mod error;
mod exchange;
mod hls;
mod leave;
mod mixes;
pub mod origin;
mod outputs;
mod page;
mod recordings;
mod snapshots;
mod whep;
mod whip;

use std::convert::Infallible;
use std::sync::Arc;

use warp::Filter;
use warp::reply::Response;

use crate::config::Config;
use crate::egress::catalogue::Catalogue;
use crate::egress::hls::Shelves;
use crate::egress::outputs::Reach;
use crate::room::Registry;

/// What the routes need.
#[derive(Debug, Clone)]
pub struct Api {
    /// All rooms.
    pub registry: Registry,
    /// All recordings.
    pub catalogue: Arc<Catalogue>,
    /// All HLS streams.
    pub shelves: Shelves,
    /// Where outputs may go.
    pub reach: Reach,
    /// What the operator set.
    pub config: Arc<Config>,
}

/// Every route, with errors as JSON `{code, message}`.
#[must_use]
pub fn routes(api: Api) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let health = warp::path!("healthz").and(warp::get()).map(|| warp::reply::Reply::into_response("ok"));
    health
        .or(leave::routes(api.clone()))
        .unify()
        .or(hls::routes(api.shelves.clone()))
        .unify()
        .or(outputs::routes(api.clone()))
        .unify()
        .or(mixes::routes(api.clone()))
        .unify()
        .or(snapshots::routes(api.clone()))
        .unify()
        .or(whep::routes(api.clone()))
        .unify()
        .or(whip::routes(api.clone()))
        .unify()
        .or(recordings::routes(api))
        .unify()
        .or(page::routes())
        .unify()
        .recover(error::recover)
        .unify()
}
