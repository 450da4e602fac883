//! The listener for whoever operates the server: metrics and health, apart from what everybody may reach. Plain HTTP, for
//! a scraper on this machine or in a network that is trusted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::http::Api;

/// How many connections there may be at once; scrapers have one or two.
const CONNECTIONS: usize = 32;
/// A client that has not sent its request's head by then is cut off; also the pause of one that keeps its connection.
const HEADER_DEADLINE: Duration = Duration::from_secs(120);

/// A listener at work, which ends with this.
#[derive(Debug)]
pub(super) struct Monitoring(JoinHandle<()>);

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Monitoring {
    /// Listens at `address`, if there is any.
    pub(super) async fn start(address: Option<SocketAddr>, api: Api) -> anyhow::Result<Option<Self>> {
        let Some(address) = address else { return Ok(None) };
        let listener = TcpListener::bind(address);
        let listener = listener
            .await
            .with_context(|| format!("metrics.listen: cannot listen on {address}: is another server running there?"))?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are served beyond this machine: let only those reach it who may read them");
        }
        tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
        Ok(Some(Self(tokio::spawn(serve(listener, api)))))
    }
}

async fn serve(listener: TcpListener, api: Api) {
    let service = TowerToHyperService::new(warp::service(crate::http::monitoring(api)));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection for metrics ended badly");
            }
            drop(place);
        });
    }
}
