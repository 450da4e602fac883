//! The pipelines of a room as a drawing, for whoever operates the server.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/rooms/{room}/graph` | the pipelines of the room and of its mixes, in the language of Graphviz |
//! | … with `format=svg`, or `Accept: image/svg+xml` | the same as a picture, if the program `dot` is installed |

use std::process::Stdio;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, error};
use crate::media::sketch;

/// How long a picture may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How large it may be, in bytes.
const LARGEST: u64 = 32 << 20;
/// One at a time: it takes a core.
static TURN: Semaphore = Semaphore::const_new(1);

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum PictureError {
    #[error(
        "pictures are drawn by Graphviz, which is not installed here: apt-get install graphviz, or ask without format=svg"
    )]
    Missing,
    #[error("the picture was not done within {PATIENCE:?}: ask without format=svg, and draw it where there is time")]
    Late,
    #[error("the picture is larger than {} MB: ask without format=svg", LARGEST >> 20)]
    Large,
    #[error("dot failed: {0}")]
    Failed(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Dot,
    Svg,
}

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path!("api" / "v1" / "rooms" / String / "graph")
        .and(warp::get())
        .and(query)
        .and(warp::header::optional::<String>("accept"))
        .and(warp::any().map(move || api.clone()))
        .then(graph)
}

async fn graph(room: String, query: String, accept: Option<String>, api: Api) -> Response {
    let Ok(Query { format }) = serde_html_form::from_str(&query) else {
        return error::of_field(StatusCode::BAD_REQUEST, "bad_query", "format is dot or svg", Some("format"));
    };
    let prefers_svg = accept.is_some_and(|accept| accept.trim_start().starts_with("image/svg+xml"));
    let format = format.unwrap_or(if prefers_svg { Format::Svg } else { Format::Dot });
    let room = match api.room(&room) {
        Ok(room) => room,
        Err(name) => {
            let message = format!("there is no room {name:?}: somebody has to join it first");
            return error::reply(StatusCode::NOT_FOUND, "no_such_room", &message);
        }
    };
    let pipelines = room.pipelines().await;
    let text = match tokio::task::spawn_blocking(move || sketch::draw(&pipelines)).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return error::reply(StatusCode::CONFLICT, "graph_too_large", &error.to_string()),
        Err(error) => return error::internal(&error.to_string()),
    };
    if format == Format::Dot {
        return answer("text/vnd.graphviz; charset=utf-8", text.into_bytes());
    }
    match picture(text).await {
        Ok(picture) => answer("image/svg+xml", picture),
        Err(error) => {
            let (status, code) = match error {
                PictureError::Missing => (StatusCode::NOT_IMPLEMENTED, "no_graphviz"),
                PictureError::Late => (StatusCode::SERVICE_UNAVAILABLE, "graph_too_slow"),
                PictureError::Large => (StatusCode::CONFLICT, "graph_too_large"),
                PictureError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            };
            error::reply(status, code, &error.to_string())
        }
    }
}

fn answer(kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A picture may hold scripts; ours does not, and none would run.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Has `dot` draw a graph.
async fn picture(graph: String) -> Result<Vec<u8>, PictureError> {
    let drawn = async {
        let _turn = TURN.acquire().await;
        draw(graph).await
    };
    tokio::time::timeout(PATIENCE, drawn).await.unwrap_or(Err(PictureError::Late))
}

async fn draw(graph: String) -> Result<Vec<u8>, PictureError> {
    let failed = |error: std::io::Error| PictureError::Failed(error.to_string());
    let mut command = Command::new("dot");
    command.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Whoever gives up, or is late, ends it.
    let mut dot = command.kill_on_drop(true).spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PictureError::Missing,
        _ => failed(error),
    })?;
    let (stdin, stdout) = (dot.stdin.take(), dot.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // It may end before it has read all: its status says why.
            let _ = stdin.write_all(graph.as_bytes()).await;
        }
    };
    let mut picture = Vec::new();
    let read = async {
        match stdout {
            Some(stdout) => stdout.take(LARGEST + 1).read_to_end(&mut picture).await,
            None => Ok(0),
        }
    };
    let ((), read) = tokio::join!(write, read);
    if read.map_err(failed)? as u64 > LARGEST {
        return Err(PictureError::Large);
    }
    let status = dot.wait().await.map_err(failed)?;
    if status.success() { Ok(picture) } else { Err(PictureError::Failed(status.to_string())) }
}
