//! What is served over HTTP: the page, the API, HLS, WHEP and WHIP, the Socket.IO client, health. Composition only; each route has its file.
//! All requests pass [`gate`] first; what each asks for is in [`needs`].

pub mod body;
mod error;
mod exchange;
pub mod gate;
mod graph;
pub mod health;
mod hls;
mod leave;
mod metrics;
mod mixes;
pub mod needs;
pub mod origin;
mod outputs;
mod page;
mod recordings;
pub mod request_id;
mod snapshots;
mod whep;
mod whip;

use std::convert::Infallible;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::reply::Response;

use health::Health;

use crate::config::Config;
use crate::egress::catalogue::Catalogue;
use crate::egress::hls::Shelves;
use crate::egress::outputs::Reach;
use crate::id::RoomName;
use crate::room::{Registry, RoomHandle};

/// What the routes need.
#[derive(Debug, Clone)]
pub struct Api {
    /// All rooms.
    pub registry: Registry,
    /// All recordings.
    pub catalogue: Arc<Catalogue>,
    /// All HLS streams.
    pub shelves: Shelves,
    /// What the operator set.
    pub config: Arc<Config>,
    /// Where outputs may go.
    pub reach: Reach,
    /// How the server fares.
    pub health: Health,
}

impl Api {
    /// The room that a part of an address names, or what it names instead.
    pub(crate) fn room(&self, escaped: &str) -> Result<RoomHandle, String> {
        let name = percent_decode_str(escaped).decode_utf8_lossy().into_owned();
        let found = RoomName::parse(&name).ok().and_then(|name| self.registry.get(&name));
        found.ok_or(name)
    }
}

/// Every route, with errors as JSON `{code, message}`.
#[must_use]
pub fn routes(api: Api) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    health::routes(api.clone())
        .or(graph::routes(api.clone()))
        .unify()
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

/// What is for whoever operates the server, and for nobody else: metrics, and health once more.
#[must_use]
pub fn monitoring(api: Api) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    metrics::routes(api.clone()).or(health::routes(api)).unify().recover(error::recover).unify()
}
