//! The REST API of a room's mixes.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/rooms/{room}/mixes` | `{"mixes": […]}`: `default`, those that were made, and those that run for a layout |
//! | `POST /api/v1/rooms/{room}/mixes` with `name` and what it is to be | 201 and the mix, which runs once something takes it |
//! | `GET /api/v1/rooms/{room}/mixes/{mix}` | the mix |
//! | `PATCH /api/v1/rooms/{room}/mixes/{mix}` with what is to change; null is as it was at first | the mix, changed at once if it runs |
//! | `DELETE /api/v1/rooms/{room}/mixes/{mix}` | 204; 409 while something takes it |
//!
//! What a mix can be is in `docs/mixes.md`.

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, body, error};
use crate::id::MixName;
use crate::mix::layout::Size;
use crate::mix::style::Assets;
use crate::room::{DescribedMix, MixChange, MixesError, RoomHandle};

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let api = warp::any().map(move || api.clone());
    let all = warp::path!("api" / "v1" / "rooms" / String / "mixes");
    let one = warp::path!("api" / "v1" / "rooms" / String / "mixes" / String);
    let make = all.and(warp::post()).and(body::limited()).and(api.clone()).then(make);
    let list = all.and(warp::get()).and(api.clone()).then(list);
    let show = one.and(warp::get()).and(api.clone()).then(show);
    let change = one.and(warp::patch()).and(body::limited()).and(api.clone()).then(change);
    let forget = one.and(warp::delete()).and(api).then(forget);
    make.or(list).unify().or(show).unify().or(change).unify().or(forget).unify()
}

async fn make(room: String, body: Bytes, api: Api) -> Response {
    let made = async {
        let room = find(&room, &api)?;
        let (name, change) = wanted(&body)?;
        look_at_images(&change, &api).await?;
        room.make_mix(name, change).await
    };
    answer(made.await, StatusCode::CREATED)
}

async fn list(room: String, api: Api) -> Response {
    match find(&room, &api) {
        Ok(room) => warp::reply::json(&json!({ "mixes": room.mixes().await })).into_response(),
        Err(error) => refusal(&error),
    }
}

async fn show(room: String, mix: String, api: Api) -> Response {
    let shown = async {
        let (room, name) = (find(&room, &api)?, named(&mix)?);
        let found = room.mixes().await.into_iter().find(|mix| *mix.name() == name);
        found.ok_or(MixesError::Unknown(name))
    };
    answer(shown.await, StatusCode::OK)
}

async fn change(room: String, mix: String, body: Bytes, api: Api) -> Response {
    let changed = async {
        let (room, name, change) = (find(&room, &api)?, named(&mix)?, read(&body)?);
        look_at_images(&change, &api).await?;
        room.change_mix(name, change).await
    };
    answer(changed.await, StatusCode::OK)
}

async fn forget(room: String, mix: String, api: Api) -> Response {
    let forgotten = async { find(&room, &api)?.forget_mix(named(&mix)?).await };
    match forgotten.await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refusal(&error),
    }
}

/// A name, and what the mix is to be.
fn wanted(body: &[u8]) -> Result<(MixName, MixChange), MixesError> {
    let mut change: MixChange = read(body)?;
    let message = "name is missing: give the mix one, of letters, digits, - and _";
    let missing = || MixesError::Refused { field: "name".into(), message: message.into() };
    Ok((change.name.take().ok_or_else(missing)?, change))
}

/// Reads a body, or says where it is wrong.
fn read(body: &[u8]) -> Result<MixChange, MixesError> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body)).map_err(|error| {
        let path = error.path().to_string();
        let field = path.split(['.', '[']).next().filter(|field| *field != "?").unwrap_or_default().to_owned();
        let message = match field.is_empty() {
            true => format!("the body is no mix: {}", error.inner()),
            false => error.inner().to_string(),
        };
        MixesError::Refused { field, message }
    })
}

/// Refuses images that cannot be shown, here, since reading them takes its time.
async fn look_at_images(change: &MixChange, api: &Api) -> Result<(), MixesError> {
    let Some(style) = change.style() else { return Ok(()) };
    let mix = &api.config.mix;
    let (assets, canvas) = (Assets::new(mix.assets.as_deref()), Size { width: mix.width, height: mix.height });
    let looked = tokio::task::spawn_blocking(move || assets.check(&style, canvas)).await;
    let refused = |field: &str, message: String| MixesError::Refused { field: field.to_owned(), message };
    match looked {
        Ok(checked) => checked.map_err(|error| refused(error.field(), error.to_string())),
        Err(error) => Err(refused("style", error.to_string())),
    }
}

/// The mix that a part of an address names.
pub(super) fn named(mix: &str) -> Result<MixName, MixesError> {
    MixName::parse(mix).map_err(|error| MixesError::Refused { field: "mix".into(), message: error.to_string() })
}

fn find(room: &str, api: &Api) -> Result<RoomHandle, MixesError> {
    api.room(room).map_err(MixesError::NoRoom)
}

fn answer(outcome: Result<DescribedMix, MixesError>, status: StatusCode) -> Response {
    match outcome {
        Ok(mix) => warp::reply::with_status(warp::reply::json(&mix), status).into_response(),
        Err(error) => refusal(&error),
    }
}

fn refusal(error: &MixesError) -> Response {
    refused_as(error, "bad_mix")
}

/// What a room says about a mix, as an answer; `bad` is the word for something that there cannot be.
pub(super) fn refused_as(error: &MixesError, bad: &str) -> Response {
    let (status, code) = match error {
        MixesError::NoRoom(_) => (StatusCode::NOT_FOUND, "no_such_room"),
        MixesError::Unknown(_) => (StatusCode::NOT_FOUND, "no_such_mix"),
        MixesError::Exists(_) => (StatusCode::CONFLICT, "mix_exists"),
        MixesError::Implied(_) => (StatusCode::CONFLICT, "mix_of_a_layout"),
        MixesError::Fixed(_) => (StatusCode::CONFLICT, "mix_runs"),
        MixesError::InUse(_) => (StatusCode::CONFLICT, "mix_in_use"),
        MixesError::Default => (StatusCode::CONFLICT, "mix_stays"),
        MixesError::TooMany(_) | MixesError::TooManyRun(_) => (StatusCode::CONFLICT, "too_many_mixes"),
        MixesError::Refused { .. } => (StatusCode::BAD_REQUEST, bad),
    };
    let field = match error {
        MixesError::Refused { field, .. } => Some(field.as_str()).filter(|field| !field.is_empty()),
        MixesError::Fixed(field) => Some(*field),
        _ => None,
    };
    error::of_field(status, code, &error.to_string(), field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(body: &str) -> String {
        match wanted(body.as_bytes()) {
            Err(MixesError::Refused { field, .. }) => field,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_body_that_cannot_be_used_is_refused_by_its_field() {
        assert_eq!(field("{}"), "name");
        assert_eq!(field(r#"{"name": "a b"}"#), "name");
        assert_eq!(field(r#"{"name": "a", "layout": "mosaic"}"#), "layout");
        assert_eq!(field(r#"{"name": "a", "layout": {"regions": {"b": {"x": -1}}}}"#), "layout");
        assert_eq!(field(r#"{"name": "a", "pins": ["b", 1]}"#), "pins");
        assert_eq!(field(r#"{"name": "a", "fps": "many"}"#), "fps");
        assert_eq!(field("not json"), "");
        assert!(wanted(br#"{"name": "stage", "layout": "pip", "pins": ["Ann"]}"#).is_ok());
    }
}
