//! The server: everything wired together behind one listener, until it is told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Uri};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt};
use tracing::Instrument;

use crate::access::Access;
use crate::check;
use crate::config::Config;
use crate::egress::catalogue::Catalogue;
use crate::egress::hls::Shelves;
use crate::egress::outputs::{PATIENCE, Reach};
use crate::egress::recovery;
use crate::egress::retention::{self, Keep};
use crate::egress::upload::Uploader;
use crate::elements::dial;
use crate::http::Api;
use crate::http::body::hear_out;
use crate::http::gate::Gate;
use crate::http::health::Health;
use crate::http::origin::Origins;
use crate::http::request_id::RequestId;
use crate::media::description::Descriptions;
use crate::mix::trial;
use crate::room::{Registry, RoomContext};
use crate::signaling::{self, Signaling};

mod monitoring;

use monitoring::Monitoring;

/// Where the page has the Socket.IO client.
const SOCKET_IO_CLIENT: &str = "/vendor/socket.io.min.js";

/// A client that has not sent its request's head by then is cut off.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// How long rooms may take to finalise their recordings.
const ROOMS_DEADLINE: Duration = Duration::from_secs(12);

/// How long open requests may take after that.
const REQUESTS_DEADLINE: Duration = Duration::from_secs(2);

/// Serves on `listener` until `stop` resolves, then finalises all recordings and returns.
///
/// # Errors
/// When the folder of recordings or a description cannot be used.
pub async fn run(
    listener: TcpListener,
    config: Config,
    access: Access,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (config, access) = (Arc::new(config), Arc::new(access));
    let descriptions = described(&config).await?;
    let catalogue = Catalogue::open(&config.recordings)
        .await
        .with_context(|| format!("the folder of recordings, {}, cannot be used", config.recordings.display()))?;
    let reach = Reach::from(config.outputs.clone());
    let dialled = reach.clone();
    dial::keep_to(dial::Rules {
        allows: Box::new(move |host, address| dialled.allows(host, address)),
        authorities: config.outputs.ca_file.clone(),
        patience: PATIENCE,
    })?;
    let uploader = Uploader::new(&config.upload, &config.recordings)?;
    let catalogue = catalogue.keeping(config.disk.stop_mb.saturating_mul(1_000_000));
    let catalogue = Arc::new(if uploader.is_some() { catalogue.with_uploads() } else { catalogue });
    let upload = uploader.map(|uploader| tokio::spawn(uploader.run(Arc::clone(&catalogue))));
    let recovery = tokio::spawn(recovery::run(Arc::clone(&catalogue)));
    let retention = tokio::spawn(retention::run(Arc::clone(&catalogue), Keep::from(&config.disk)));
    let shelves = Shelves::new(&config.hls);
    let registry = Registry::new(RoomContext {
        config: Arc::clone(&config),
        descriptions: Arc::new(descriptions),
        catalogue: Arc::clone(&catalogue),
        shelves: shelves.clone(),
        viewers: Arc::new(Semaphore::new(config.viewers.max.min(Semaphore::MAX_PERMITS))),
    });
    let health = Health::new(check::missing);
    let api = Api {
        registry: registry.clone(),
        catalogue,
        shelves,
        reach,
        config: Arc::clone(&config),
        health: health.clone(),
    };
    let monitoring = Monitoring::start(config.metrics.listen, api.clone()).await?;
    let origins = Origins::new(&config.origins);
    let origins = if access.is_open() && !config.open { origins.here_only() } else { origins };
    let gate = Arc::new(Gate::new(Arc::clone(&access), origins, api.clone()));
    let routes = warp::service(crate::http::routes(api));
    let (layer, io) = signaling::layer(Signaling {
        registry: registry.clone(),
        config: Arc::clone(&config),
        access: Arc::clone(&access),
    });
    let service = layer.layer(routes);

    tracing::info!("serving on http://{}", listener.local_addr()?);
    say_who_may(&access, &config);
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    // Mostly no file descriptors left: give connections time to close instead of spinning.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let (service, gate) = (service.clone(), Arc::clone(&gate));
        let front = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let (service, gate) = (service.clone(), Arc::clone(&gate));
            let id = RequestId::of(request.headers());
            let span = id.span(&request);
            let answered = async move {
                let mut response = match gate.admit(&mut request).await {
                    Ok(seal) => {
                        let Ok(mut response) = service.oneshot(with_library_path(request)).await;
                        seal.put_on(response.headers_mut());
                        response.map(Either::Right)
                    }
                    Err(answer) => {
                        hear_out(request.into_body()).await;
                        answer.map(Either::Left)
                    }
                };
                id.answer(&mut response);
                Ok::<_, Infallible>(response)
            };
            answered.instrument(span)
        });
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), front).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended badly");
            }
        });
    }
    health.drain();
    drop(listener);
    tracing::info!("stopping: rooms are closed and recordings finalised");
    // What it has not done yet the next server does.
    recovery.abort();
    retention.abort();
    upload.inspect(tokio::task::JoinHandle::abort);
    registry.close(ROOMS_DEADLINE).await;
    io.close().await;
    if tokio::time::timeout(REQUESTS_DEADLINE, connections.shutdown()).await.is_err() {
        tracing::debug!("some connections did not end by themselves");
    }
    // Until now, so that the end can be watched.
    drop(monitoring);
    Ok(())
}

/// Who left the door open should know.
fn say_who_may(access: &Access, config: &Config) {
    match access {
        Access::Keys(keys) => tracing::info!(?keys, "everybody needs a token"),
        Access::Open if config.listen.ip().is_loopback() => tracing::info!(
            "no keys: whoever reaches this address may do everything; set keys before a proxy in front lets others in"
        ),
        Access::Open => tracing::warn!("open, and no keys: whoever reaches this address may do everything"),
    }
}

/// The descriptions, all of which can be used, with the encoder that was found to work.
async fn described(config: &Arc<Config>) -> anyhow::Result<Descriptions> {
    let config = Arc::clone(config);
    let described = tokio::task::spawn_blocking(move || {
        let mut descriptions = Descriptions::load(config.pipelines.as_deref())?;
        for trial in trial::choose(&mut descriptions, &config.mix)? {
            tracing::info!("{trial}");
        }
        let problems: Vec<_> = check::check(&descriptions).iter().map(ToString::to_string).collect();
        anyhow::ensure!(problems.is_empty(), "what is missing or wrong here: {}", problems.join("; "));
        Ok(descriptions)
    });
    described.await?
}

/// Every Socket.IO server serves its client beside its endpoint; socketioxide would take the path for a handshake.
fn with_library_path(mut request: Request<Incoming>) -> Request<Incoming> {
    if matches!(request.uri().path(), "/socket.io/socket.io.js" | "/socket.io/socket.io.min.js") {
        *request.uri_mut() = Uri::from_static(SOCKET_IO_CLIENT);
    }
    request
}
