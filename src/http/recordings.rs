//! The REST API of recordings.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/rooms/{room}/recordings` | 201 and the recording, which now runs |
//! | `POST /api/v1/recordings/{id}/stop` | the recording, its file finalised |
//! | `GET /api/v1/recordings` | `{"recordings": […]}`, the newest first |
//! | `GET /api/v1/recordings/{id}` | the recording |
//! | `GET /api/v1/recordings/{id}/file` | the MP4, with ranges |

use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use sync_wrapper::SyncStream;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, error};
use crate::egress::catalogue::Entry;
use crate::id::{RecordingId, RoomName};
use crate::room::RecordingError;

#[derive(Debug, Serialize)]
struct List {
    recordings: Vec<Entry>,
}

pub(super) fn routes(api: Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let api = warp::any().map(move || api.clone());
    let start = warp::path!("api" / "v1" / "rooms" / String / "recordings").and(warp::post()).and(api.clone()).then(start);
    let stop = warp::path!("api" / "v1" / "recordings" / String / "stop").and(warp::post()).and(api.clone()).then(stop);
    let list = warp::path!("api" / "v1" / "recordings").and(warp::get()).and(api.clone()).map(|api: Api| {
        warp::reply::json(&List { recordings: api.catalogue.list() }).into_response()
    });
    let one = warp::path!("api" / "v1" / "recordings" / String).and(warp::get()).and(api.clone()).map(one);
    let file = warp::path!("api" / "v1" / "recordings" / String / "file")
        .and(warp::get().map(|| Method::GET).or(warp::head().map(|| Method::HEAD)).unify())
        .and(warp::header::headers_cloned())
        .and(api)
        .then(file);
    start.or(stop).unify().or(list).unify().or(one).unify().or(file).unify()
}

async fn start(room: String, api: Api) -> Response {
    let room = percent_decode_str(&room).decode_utf8_lossy().into_owned();
    let name = match RoomName::parse(&room) {
        Ok(name) => name,
        Err(error) => return error::reply(StatusCode::BAD_REQUEST, "bad_name", &error.to_string()),
    };
    let Some(handle) = api.registry.get(&name) else {
        return error::recording(&RecordingError::NoRoom(room));
    };
    match handle.start_recording().await {
        Ok(entry) => warp::reply::with_status(warp::reply::json(&entry), StatusCode::CREATED).into_response(),
        Err(error) => error::recording(&error),
    }
}

async fn stop(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    let Some(entry) = api.catalogue.get(&id) else { return unknown(&id) };
    if entry.state.is_over() {
        // Stopping twice is not an error: the caller gets what it wants to know.
        return warp::reply::json(&entry).into_response();
    }
    let Some(handle) = api.registry.recording_in(&id) else {
        return error::recording(&RecordingError::NotRunning(id));
    };
    match handle.stop_recording(&id).await {
        Ok(entry) => warp::reply::json(&entry).into_response(),
        Err(error) => error::recording(&error),
    }
}

fn one(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    api.catalogue.get(&id).map_or_else(|| unknown(&id), |entry| warp::reply::json(&entry).into_response())
}

async fn file(id: String, method: Method, headers: HeaderMap, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    // The path comes from the catalogue, never from the request.
    let Some(path) = api.catalogue.path(&id) else { return unknown(&id) };
    let mut request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let mut reply = warp::reply::stream(SyncStream::new(body.into_data_stream())).into_response();
            *reply.status_mut() = parts.status;
            *reply.headers_mut() = parts.headers;
            reply
        }
        Err(never) => match never {},
    }
}

fn unknown(id: &RecordingId) -> Response {
    error::reply(
        StatusCode::NOT_FOUND,
        "no_such_recording",
        &format!("there is no recording {id}: see GET /api/v1/recordings"),
    )
}
