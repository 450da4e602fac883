//! The REST API of outputs.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/rooms/{room}/outputs` with `{"kind": "push", "url"}` or `{"kind": "hls"}`, and `mix` or `layout` if wanted | 201 and the output, which is now tried |
//! | `GET /api/v1/rooms/{room}/outputs` | `{"outputs": […]}` |
//! | `GET /api/v1/rooms/{room}/outputs/{id}` | the output |
//! | `DELETE /api/v1/rooms/{room}/outputs/{id}` | the output, which has ended |
//!
//! An output is what [`Status`](crate::egress::outputs::Status) says; keys are not in it.

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, body, error, mixes};
use crate::egress::outputs::{Destination, Target};
use crate::id::{MixName, OutputId, RoomName};
use crate::mix::layout::Layout;
use crate::room::{OutputError, Pick, RoomHandle, WantedOutput};

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let api = warp::any().map(move || api.clone());
    let all = warp::path!("api" / "v1" / "rooms" / String / "outputs");
    let one = warp::path!("api" / "v1" / "rooms" / String / "outputs" / String);
    let start = all.and(warp::post()).and(body::limited()).and(api.clone()).then(start);
    let list = all.and(warp::get()).and(api.clone()).then(list);
    let show = one.and(warp::get()).and(api.clone()).then(show);
    let stop = one.and(warp::delete()).and(api).then(stop);
    start.or(list).unify().or(show).unify().or(stop).unify()
}

async fn start(room: String, body: Bytes, api: Api) -> Response {
    let room = match find(&room, &api) {
        Ok(room) => room,
        Err(error) => return refusal(&error),
    };
    let started = match wanted(&body) {
        Ok(wanted) => room.start_output(wanted).await,
        Err(reason) => Err(OutputError::Refused(reason)),
    };
    match started {
        Ok(status) => warp::reply::with_status(warp::reply::json(&status), StatusCode::CREATED).into_response(),
        Err(error) => refusal(&error),
    }
}

/// What a body asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    kind: String,
    url: Option<String>,
    mix: Option<String>,
    /// As it is written: a value of the library would forget the order of regions.
    layout: Option<Box<RawValue>>,
}

/// Reads a body. What it says of one that it cannot use never repeats it: there may be a key in it.
fn wanted(body: &[u8]) -> Result<WantedOutput, String> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!(
            "the body is no output, at line {line}, column {column}: send kind, and url or layout where wanted, as text"
        )
    })?;
    let target = match (asked.kind.as_str(), asked.url) {
        ("hls", None) => Target::Hls,
        ("hls", Some(_)) => return Err("url is nothing for the kind hls: leave it out, or use the kind push".into()),
        ("push", Some(url)) => Target::Push(Destination::parse(&url).map_err(|error| error.to_string())?),
        ("push", None) => return Err("url is missing: say where to push to".into()),
        _ => return Err("kind is none of push and hls".into()),
    };
    let layout = asked.layout.map(|layout| serde_json::from_str::<Layout>(layout.get())).transpose();
    let mix = asked.mix.map(|mix| MixName::parse(&mix)).transpose().map_err(|error| format!("mix: {error}"))?;
    Ok(WantedOutput { target, pick: Pick { mix, layout: layout.map_err(|error| error.to_string())? } })
}

async fn list(room: String, api: Api) -> Response {
    match find(&room, &api) {
        Ok(room) => warp::reply::json(&json!({ "outputs": room.outputs().await })).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn show(room: String, id: String, api: Api) -> Response {
    let room = match find(&room, &api) {
        Ok(room) => room,
        Err(error) => return refusal(&error),
    };
    let id = OutputId::from_remote(&id);
    match room.outputs().await.into_iter().find(|output| output.id == id) {
        Some(output) => warp::reply::json(&output).into_response(),
        None => refusal(&OutputError::Unknown(id)),
    }
}

async fn stop(room: String, id: String, api: Api) -> Response {
    let room = match find(&room, &api) {
        Ok(room) => room,
        Err(error) => return refusal(&error),
    };
    match room.stop_output(&OutputId::from_remote(&id)).await {
        Ok(status) => warp::reply::json(&status).into_response(),
        Err(error) => refusal(&error),
    }
}

fn find(room: &str, api: &Api) -> Result<RoomHandle, OutputError> {
    let room = percent_decode_str(room).decode_utf8_lossy().into_owned();
    let found = RoomName::parse(&room).ok().and_then(|name| api.registry.get(&name));
    found.ok_or(OutputError::NoRoom(room))
}

fn refusal(error: &OutputError) -> Response {
    let (status, code) = match error {
        OutputError::NoRoom(_) => (StatusCode::NOT_FOUND, "no_such_room"),
        OutputError::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_output"),
        OutputError::Mix(error) => return mixes::refused_as(error, "bad_output"),
        OutputError::Refused(_) => (StatusCode::BAD_REQUEST, "bad_output"),
        OutputError::Served => (StatusCode::CONFLICT, "already_served"),
        OutputError::TooMany(_) => (StatusCode::CONFLICT, "too_many_outputs"),
        OutputError::Media(_) => (StatusCode::INTERNAL_SERVER_ERROR, "output_failed"),
    };
    error::reply(status, code, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_had_is_taken() {
        assert!(matches!(
            wanted(br#"{"kind": "hls"}"#),
            Ok(WantedOutput { target: Target::Hls, pick: Pick { mix: None, layout: None } })
        ));
        let pushed = wanted(br#"{"kind": "push", "url": "rtmp://a/b/c", "layout": "speaker"}"#);
        assert!(matches!(
            pushed,
            Ok(WantedOutput { target: Target::Push(_), pick: Pick { mix: None, layout: Some(Layout::Speaker) } })
        ));
        let named = wanted(br#"{"kind": "hls", "mix": "stage"}"#);
        assert!(matches!(named, Ok(WantedOutput { pick: Pick { mix: Some(_), layout: None }, .. })));
    }

    #[test]
    fn what_cannot_is_refused_by_its_field_and_without_its_secrets() {
        for (body, said) in [
            ("", "line 1"),
            (r#"{"kind": "rtmp://a/b/s3cret"}"#, "kind"),
            (r#"{"kind": "push", "rtmp://a/b/s3cret": 1}"#, "line 1"),
            (r#"{"kind": "push"}"#, "url is missing"),
            (r#"{"kind": "push", "url": "http://a/s3cret"}"#, "use rtmp, rtmps or srt"),
            (r#"{"kind": "hls", "url": "rtmp://a/b/s3cret"}"#, "url is nothing"),
            (r#"{"kind": "hls", "mix": "a b"}"#, "mix: the name of a mix"),
            (r#"{"kind": "hls", "layout": "mosaic"}"#, "layout \"mosaic\""),
            (r#"{"kind": "hls", "layout": {"regions": {"a": {"width": -1}}}}"#, "layout.regions.a.width"),
        ] {
            let error = wanted(body.as_bytes()).expect_err(body);
            assert!(error.contains(said) && !error.contains("s3cret"), "{body}: {error}");
        }
    }
}
