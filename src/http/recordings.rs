//! The REST API of recordings.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/rooms/{room}/recordings` with nothing, or what is [`Choice`] | 201 and the recording, which now runs |
//! | `POST /api/v1/recordings/{id}/pause`, `…/resume` | the recording, held or going on |
//! | `POST /api/v1/recordings/{id}/stop` | the recording, its file finalised |
//! | `GET /api/v1/recordings` | `{"recordings": […], "next"}`, the newest first: see [`catalogue::Filter`] for what the query may say; `next` is the `cursor` of the next page |
//! | `GET /api/v1/recordings/{id}` | the recording |
//! | `GET /api/v1/recordings/{id}/manifest` | the same with all that happened in it |
//! | `GET /api/v1/schemas/recording` | what a manifest looks like, as JSON Schema |
//! | `DELETE /api/v1/recordings/{id}` | 204: it is gone, file and all; a copy whose upload is done stays where it is |
//! | `POST /api/v1/recordings/{id}/upload` | 202 and the recording, whose upload is tried now, be it given up or not; 200 if it is done |
//! | `GET /api/v1/recordings/{id}/file` | the file, or the first of several, with ranges; 410 if it was uploaded and deleted here, as for those below |
//! | `GET /api/v1/recordings/{id}/files/{name}` | the file of that name, with ranges |
//! | `GET /api/v1/recordings/{id}/thumbnail` | a JPEG, 320 pixels wide |
//!
//! The answer to a start names the files of those who send already; whoever comes later has theirs in the recording. A body
//! of more than 64 KiB is refused with 413.

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use sync_wrapper::SyncStream;
use tower::ServiceExt;
use tower_http::services::ServeFile;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, body, error};
use crate::egress::OutputError;
use crate::egress::catalogue;
use crate::egress::format::Choice;
use crate::egress::manifest::{Manifest, UploadState};
use crate::id::{RecordingId, RoomName};
use crate::room::RecordingError;

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let api = warp::any().map(move || api.clone());
    let start = warp::path!("api" / "v1" / "rooms" / String / "recordings")
        .and(warp::post())
        .and(body::limited())
        .and(api.clone())
        .then(start);
    let stop = warp::path!("api" / "v1" / "recordings" / String / "stop").and(warp::post()).and(api.clone()).then(stop);
    let pause = warp::path!("api" / "v1" / "recordings" / String / "pause").and(warp::post()).and(api.clone());
    let pause = pause.then(|id, api| hold(id, api, true));
    let resume = warp::path!("api" / "v1" / "recordings" / String / "resume").and(warp::post()).and(api.clone());
    let resume = resume.then(|id, api| hold(id, api, false));
    let list = warp::path!("api" / "v1" / "recordings")
        .and(warp::get())
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(api.clone())
        .then(list);
    let one = warp::path!("api" / "v1" / "recordings" / String).and(warp::get()).and(api.clone()).then(one);
    let manifest = warp::path!("api" / "v1" / "recordings" / String / "manifest");
    let manifest = manifest.and(warp::get()).and(api.clone()).then(manifest_of);
    let schema = warp::path!("api" / "v1" / "schemas" / "recording")
        .and(warp::get())
        .map(|| warp::reply::json(&Manifest::schema()).into_response());
    let thumbnail = warp::path!("api" / "v1" / "recordings" / String / "thumbnail");
    let thumbnail = thumbnail.and(warp::get()).and(api.clone()).then(thumbnail_of);
    let delete = warp::path!("api" / "v1" / "recordings" / String).and(warp::delete()).and(api.clone()).then(delete);
    let upload = warp::path!("api" / "v1" / "recordings" / String / "upload");
    let upload = upload.and(warp::post()).and(api.clone()).then(upload_again);
    let read = warp::get().map(|| Method::GET).or(warp::head().map(|| Method::HEAD)).unify();
    let read = read.and(warp::header::headers_cloned()).and(api);
    let only = warp::path!("api" / "v1" / "recordings" / String / "file").map(|id| (id, None));
    let named = warp::path!("api" / "v1" / "recordings" / String / "files" / String).map(|id, name| (id, Some(name)));
    let file = only.or(named).unify().and(read).then(file);
    start
        .or(stop)
        .unify()
        .or(pause)
        .unify()
        .or(resume)
        .unify()
        .or(list)
        .unify()
        .or(one)
        .unify()
        .or(delete)
        .unify()
        .or(thumbnail)
        .unify()
        .or(manifest)
        .unify()
        .or(schema)
        .unify()
        .or(upload)
        .unify()
        .or(file)
        .unify()
}

async fn start(room: String, body: Bytes, api: Api) -> Response {
    let room = percent_decode_str(&room).decode_utf8_lossy().into_owned();
    let name = match RoomName::parse(&room) {
        Ok(name) => name,
        Err(error) => return error::reply(StatusCode::BAD_REQUEST, "bad_name", &error.to_string()),
    };
    let choice: Choice = match body.iter().all(u8::is_ascii_whitespace) {
        true => Choice::default(),
        false => match serde_json::from_slice(&body) {
            Ok(choice) => choice,
            Err(error) => {
                return error::reply(StatusCode::BAD_REQUEST, "bad_format", &format!("the body is no format: {error}"));
            }
        },
    };
    let Some(handle) = api.registry.get(&name) else {
        return error::recording(&RecordingError::NoRoom(room));
    };
    match handle.start_recording(choice).await {
        Ok(manifest) => warp::reply::with_status(warp::reply::json(&manifest), StatusCode::CREATED).into_response(),
        Err(error) => error::recording(&error),
    }
}

async fn stop(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    // A room knows its recordings even where they could not be put on the list.
    if let Some(handle) = api.registry.recording_in(&id).await {
        match handle.stop_recording(&id).await {
            Ok(manifest) => return warp::reply::json(&manifest).into_response(),
            // It has just ended.
            Err(RecordingError::NotRunning(_)) => {}
            Err(error) => return error::recording(&error),
        }
    }
    match found(&id, api.catalogue.get(&id).await) {
        Ok(manifest) if manifest.state.is_running() => error::recording(&RecordingError::NotRunning(id)),
        // Stopping twice is not an error: the caller gets what it wants to know.
        Ok(manifest) => warp::reply::json(&manifest).into_response(),
        Err(refusal) => refusal,
    }
}

async fn hold(id: String, api: Api, paused: bool) -> Response {
    let id = RecordingId::from_remote(&id);
    let Some(handle) = api.registry.recording_in(&id).await else {
        return match found(&id, api.catalogue.get(&id).await) {
            Ok(_) => error::recording(&RecordingError::NotRunning(id)),
            Err(refusal) => refusal,
        };
    };
    match handle.pause_recording(&id, paused).await {
        Ok(manifest) => warp::reply::json(&manifest).into_response(),
        Err(error) => error::recording(&error),
    }
}

async fn list(query: String, api: Api) -> Response {
    let filter: catalogue::Filter = match serde_html_form::from_str(&query) {
        Ok(filter) => filter,
        Err(error) => {
            return error::reply(StatusCode::BAD_REQUEST, "bad_query", &format!("the query cannot be used: {error}"));
        }
    };
    match api.catalogue.list(&filter).await {
        Ok(page) => warp::reply::json(&page).into_response(),
        Err(error) => error::internal(&error.to_string()),
    }
}

async fn one(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    found(&id, api.catalogue.get(&id).await)
        .map_or_else(|refusal| refusal, |manifest| warp::reply::json(&manifest).into_response())
}

async fn manifest_of(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    found(&id, api.catalogue.manifest(&id).await)
        .map_or_else(|refusal| refusal, |manifest| warp::reply::json(&manifest).into_response())
}

async fn thumbnail_of(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    found(&id, api.catalogue.thumbnail(&id).await).map_or_else(
        |refusal| refusal,
        |jpeg| warp::reply::with_header(jpeg, CONTENT_TYPE, "image/jpeg").into_response(),
    )
}

async fn delete(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    found(&id, api.catalogue.remove(&id).await)
        .map_or_else(|refusal| refusal, |_| StatusCode::NO_CONTENT.into_response())
}

async fn upload_again(id: String, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    let manifest = match found(&id, api.catalogue.upload_again(&id).await) {
        Ok(manifest) => manifest,
        Err(refusal) => return refusal,
    };
    let is_done = manifest.upload.as_ref().is_some_and(|upload| upload.state == UploadState::Done);
    let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
    warp::reply::with_status(warp::reply::json(&manifest), status).into_response()
}

async fn file((id, name): (String, Option<String>), method: Method, headers: HeaderMap, api: Api) -> Response {
    let id = RecordingId::from_remote(&id);
    // The path comes from the catalogue, never from the request.
    let path = match found(&id, api.catalogue.media(&id, name.as_deref()).await) {
        Ok(path) => path,
        Err(refusal) => return refusal,
    };
    let mut request = http::Request::new(http_body_util::Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let mut reply = warp::reply::stream(SyncStream::new(body.into_data_stream())).into_response();
            *reply.status_mut() = parts.status;
            *reply.headers_mut() = parts.headers;
            if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
                reply.headers_mut().insert(CONTENT_DISPOSITION, name);
            }
            reply
        }
        Err(never) => match never {},
    }
}

/// What the catalogue gave, or the answer that says why it gave nothing.
#[expect(clippy::result_large_err, reason = "an answer is made either way")]
fn found<T>(id: &RecordingId, looked: Result<Option<T>, OutputError>) -> Result<T, Response> {
    let (status, code, message) = match looked {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => {
            let message = format!("there is no recording {id}: see GET /api/v1/recordings");
            (StatusCode::NOT_FOUND, "no_such_recording", message)
        }
        Err(error @ OutputError::Running(_)) => (StatusCode::CONFLICT, "still_recording", error.to_string()),
        Err(error @ OutputError::Picture { .. }) => (StatusCode::NOT_FOUND, "no_picture", error.to_string()),
        Err(error @ OutputError::Elsewhere { .. }) => (StatusCode::GONE, "uploaded_elsewhere", error.to_string()),
        Err(error @ OutputError::NoTarget) => (StatusCode::CONFLICT, "no_upload_target", error.to_string()),
        Err(error) => return Err(error::internal(&error.to_string())),
    };
    Err(error::reply(status, code, &message))
}
