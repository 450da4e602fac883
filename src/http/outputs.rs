//! The REST API of outputs.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/rooms/{room}/outputs` with `{"kind": "push", "url"}`, `{"kind": "whip", "url", "token"}` or `{"kind": "hls"}`, and `mix` or `layout` if wanted | 201 and the output, which is now tried |
//! | `GET /api/v1/rooms/{room}/outputs` | `{"outputs": […]}` |
//! | `GET /api/v1/rooms/{room}/outputs/{id}` | the output |
//! | `DELETE /api/v1/rooms/{room}/outputs/{id}` | the output, which has ended |
//!
//! An output is what [`Status`](crate::egress::outputs::Status) says; keys are not in it. What a body has wrong is 400
//! with the `field`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, body, error, mixes};
use crate::egress::outputs::{BadDestination, Destination, Reach, Target, Unreachable};
use crate::id::{MixName, OutputId};
use crate::mix::layout::Layout;
use crate::room::{MixesError, OutputError, Pick, RoomHandle, WantedOutput};

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
    let wanted = match wanted(&body, &api.reach) {
        Ok(wanted) => wanted,
        Err(wrong) => return wrong.answer(),
    };
    if let Target::Push(destination) = &wanted.target {
        // A name that cannot be found may be found later: then it is looked up again.
        let looked_up = tokio::time::timeout(LOOK_UP, destination.look_up()).await;
        if let Ok(Err(error @ Unreachable::Forbidden(_))) = looked_up {
            return Wrong::in_field("url", &error).answer();
        }
    }
    match room.start_output(wanted).await {
        Ok(status) => warp::reply::with_status(warp::reply::json(&status), StatusCode::CREATED).into_response(),
        Err(error) => refusal(&error),
    }
}

/// How long somebody who asks waits for a name to be looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// What a body may say.
const FIELDS: [&str; 5] = ["kind", "url", "token", "mix", "layout"];

/// What a body asks for.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    kind: Value,
    #[serde(default)]
    url: Value,
    #[serde(default)]
    token: Value,
    #[serde(default)]
    mix: Value,
    /// As it is written: a value of the library would forget the order of regions.
    layout: Option<Box<RawValue>>,
}

/// Why a body is of no use.
#[derive(Debug)]
struct Wrong {
    field: Option<String>,
    message: String,
}

impl Wrong {
    fn in_field(field: &str, message: &impl ToString) -> Self {
        let message = message.to_string();
        let deeper = error::field_of(&message, &[field]).unwrap_or(field).to_owned();
        Self { field: Some(deeper), message }
    }

    fn as_a_whole(message: String) -> Self {
        Self { field: None, message }
    }

    fn answer(&self) -> Response {
        error::of_field(StatusCode::BAD_REQUEST, "bad_output", &self.message, self.field.as_deref())
    }
}

/// Reads a body. What it says of one that it cannot use never repeats it: there may be a key in it.
fn wanted(body: &[u8], reach: &Reach) -> Result<WantedOutput, Wrong> {
    let unread = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        Wrong::as_a_whole(format!(
            "the body is no output, at line {line}, column {column}: send {{\"kind\": …}}, and url, token, mix or layout where wanted"
        ))
    };
    let all: BTreeMap<String, Value> = serde_json::from_slice(body).map_err(unread)?;
    if let Some(other) = all.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        // A word is a mistyped field; anything else may be what nobody should read.
        let is_word = other.len() <= 20 && other.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let message = format!("there are {} and no other fields", FIELDS.join(", "));
        return Err(Wrong { field: is_word.then(|| other.clone()), message });
    }
    let asked: Asked = serde_json::from_slice(body).map_err(unread)?;
    let text = |field: &str, value: Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Wrong::in_field(field, &format!("{field} is no text"))),
    };
    let (url, token, mix) = (text("url", asked.url)?, text("token", asked.token)?, text("mix", asked.mix)?);
    let target = target(&asked.kind, url, token.as_deref(), reach)?;
    let layout = asked.layout.map(|layout| serde_json::from_str::<Layout>(layout.get())).transpose();
    let layout = layout.map_err(|error| Wrong::in_field("layout", &error))?;
    let mix = mix.map(|mix| MixName::parse(&mix)).transpose();
    let mix = mix.map_err(|error| Wrong::in_field("mix", &format!("mix: {error}")))?;
    Ok(WantedOutput { target, pick: Pick { mix, layout } })
}

fn target(kind: &Value, url: Option<String>, token: Option<&str>, reach: &Reach) -> Result<Target, Wrong> {
    let kind = kind.as_str().filter(|kind| ["push", "whip", "hls"].contains(kind));
    let kind = kind.ok_or_else(|| Wrong::in_field("kind", &"kind is none of push, whip and hls"))?;
    if token.is_some() && kind != "whip" {
        return Err(Wrong::in_field("token", &"token is only for the kind whip: leave it out"));
    }
    let bad = |error: BadDestination| {
        let field = if error == BadDestination::Token { "token" } else { "url" };
        Wrong::in_field(field, &error)
    };
    match (kind, url) {
        ("hls", None) => Ok(Target::Hls),
        ("hls", Some(_)) => {
            Err(Wrong::in_field("url", &"url is nothing for the kind hls: leave it out, or use the kind push"))
        }
        (_, None) => Err(Wrong::in_field("url", &"url is missing: say where to push to")),
        ("whip", Some(url)) => Destination::whip(&url, token, reach).map(Target::Push).map_err(bad),
        (_, Some(url)) => Destination::parse(&url, reach).map(Target::Push).map_err(bad),
    }
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
    api.room(room).map_err(OutputError::NoRoom)
}

fn refusal(error: &OutputError) -> Response {
    let (status, code) = match error {
        OutputError::NoRoom(_) => (StatusCode::NOT_FOUND, "no_such_room"),
        OutputError::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_output"),
        OutputError::Mix(MixesError::Unknown(_)) => {
            return error::of_field(StatusCode::NOT_FOUND, "no_such_mix", &error.to_string(), Some("mix"));
        }
        OutputError::Mix(error) => return mixes::refused_as(error, "bad_output"),
        OutputError::Served => (StatusCode::CONFLICT, "already_served"),
        OutputError::TooMany(_) => (StatusCode::CONFLICT, "too_many_outputs"),
        OutputError::Media(_) => (StatusCode::INTERNAL_SERVER_ERROR, "output_failed"),
    };
    error::reply(status, code, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<WantedOutput, Wrong> {
        wanted(body.as_bytes(), &Reach::default())
    }

    #[test]
    fn what_can_be_had_is_taken() {
        assert!(matches!(
            read(r#"{"kind": "hls"}"#),
            Ok(WantedOutput { target: Target::Hls, pick: Pick { mix: None, layout: None } })
        ));
        let pushed = read(r#"{"kind": "push", "url": "rtmp://a/b/c", "layout": "speaker"}"#);
        assert!(matches!(
            pushed,
            Ok(WantedOutput { target: Target::Push(_), pick: Pick { mix: None, layout: Some(Layout::Speaker) } })
        ));
        let sent = read(r#"{"kind": "whip", "url": "https://a/b", "token": "c"}"#);
        assert!(matches!(sent, Ok(WantedOutput { target: Target::Push(to), .. }) if to.kind() == "whip"));
        let named = read(r#"{"kind": "hls", "mix": "stage"}"#);
        assert!(matches!(named, Ok(WantedOutput { pick: Pick { mix: Some(_), layout: None }, .. })));
    }

    #[test]
    fn what_cannot_is_refused_by_its_field_and_without_its_secrets() {
        for (body, field, said) in [
            ("", None, "line 1"),
            ("[]", None, "line 1"),
            ("null", None, "line 1"),
            (r#"{"kind": "rtmp://a/b/s3cret"}"#, Some("kind"), "none of push, whip and hls"),
            ("{}", Some("kind"), "none of push, whip and hls"),
            (r#"{"kind": 7}"#, Some("kind"), "none of push, whip and hls"),
            (r#"{"kind": "push", "rtmp://a/b/s3cret": 1}"#, None, "no other fields"),
            (r#"{"kind": "hls", "layuot": "grid"}"#, Some("layuot"), "no other fields"),
            (r#"{"kind": "push"}"#, Some("url"), "url is missing"),
            (r#"{"kind": "push", "url": ["rtmp://a/b/s3cret"]}"#, Some("url"), "no text"),
            (r#"{"kind": "push", "url": "http://a/s3cret"}"#, Some("url"), "use rtmp, rtmps or srt"),
            (r#"{"kind": "push", "url": "rtmp://169.254.169.254/a/s3cret"}"#, Some("url"), "may not go"),
            (r#"{"kind": "hls", "url": "rtmp://a/b/s3cret"}"#, Some("url"), "url is nothing"),
            (r#"{"kind": "whip", "token": "s3cret"}"#, Some("url"), "url is missing"),
            (r#"{"kind": "whip", "url": "https://a/s3cret", "token": 7}"#, Some("token"), "no text"),
            (r#"{"kind": "whip", "url": "https://a/s3cret", "token": "s3cret "}"#, Some("token"), "token is not"),
            (r#"{"kind": "whip", "url": "rtmp://a/b/s3cret", "token": "s3cret"}"#, Some("url"), "use https or http"),
            (
                r#"{"kind": "push", "url": "rtmp://a/b/s3cret", "token": "s3cret"}"#,
                Some("token"),
                "only for the kind whip",
            ),
            (r#"{"kind": "hls", "token": "s3cret"}"#, Some("token"), "only for the kind whip"),
            (r#"{"kind": "hls", "mix": "a b"}"#, Some("mix"), "mix: the name of a mix"),
            (r#"{"kind": "hls", "mix": 7}"#, Some("mix"), "no text"),
            (r#"{"kind": "hls", "layout": "mosaic"}"#, Some("layout"), "layout \"mosaic\""),
            (r#"{"kind": "hls", "layout": 7}"#, Some("layout"), "layout"),
            (
                r#"{"kind": "hls", "layout": {"regions": {"a": {"width": -1}}}}"#,
                Some("layout.regions.a.width"),
                "use a whole number",
            ),
        ] {
            let error = read(body).expect_err(body);
            assert!(error.message.contains(said) && !error.message.contains("s3cret"), "{body}: {error:?}");
            assert_eq!(error.field.as_deref(), field, "{body}: {error:?}");
        }
    }
}
