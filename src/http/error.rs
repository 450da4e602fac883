//! The one way from an error to a status and a JSON body `{code, message, field?}`.

use std::convert::Infallible;

use http::StatusCode;
use serde::Serialize;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::body::{Broken, TooLarge};
use super::mixes;
use crate::room::RecordingError;

/// The body of every error.
#[derive(Debug, Serialize)]
struct Body<'a> {
    /// A stable word for programs.
    code: &'a str,
    /// A sentence for people.
    message: &'a str,
    /// What of the request it is about, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// An error answer.
pub(super) fn reply(status: StatusCode, code: &str, message: &str) -> Response {
    of_field(status, code, message, None)
}

/// The body of an error answer, for those who make the rest of it themselves.
pub(super) fn text(code: &str, message: &str) -> String {
    // Two words always can be written.
    serde_json::to_string(&Body { code, message, field: None }).unwrap_or_default()
}

/// An error answer about a part of the request.
pub(super) fn of_field(status: StatusCode, code: &str, message: &str, field: Option<&str>) -> Response {
    warp::reply::with_status(warp::reply::json(&Body { code, message, field }), status).into_response()
}

/// The field that a message about a body is about: such messages begin with it, and then say what it is, has or does.
/// `fields` are those that there are at the top.
pub(super) fn field_of<'a>(message: &'a str, fields: &[&str]) -> Option<&'a str> {
    const VERBS: [&str; 9] =
        [" is ", " are ", " has ", " have ", " says ", " sets ", " names ", " cannot ", " begins "];
    let end = VERBS.iter().filter_map(|verb| message.find(verb)).min()?;
    // What it is now may stand behind it.
    let field = message[..end].split(" \"").next()?;
    fields.contains(&field.split('.').next()?).then_some(field)
}

/// Something of ours failed.
pub(super) fn internal(message: &str) -> Response {
    tracing::error!(message, "a request failed");
    reply(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

/// What a room says about a recording, as an answer.
pub(super) fn recording(error: &RecordingError) -> Response {
    let (status, code) = match error {
        RecordingError::Already(_) => (StatusCode::CONFLICT, "already_recording"),
        RecordingError::Mix(error) => return mixes::refused_as(error, "bad_format"),
        RecordingError::NotRunning(_) => (StatusCode::CONFLICT, "not_running"),
        RecordingError::NoRoom(_) => (StatusCode::NOT_FOUND, "no_such_room"),
        RecordingError::Format(_) => (StatusCode::BAD_REQUEST, "bad_format"),
        RecordingError::Space(_) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        RecordingError::Folder(_) => (StatusCode::INSUFFICIENT_STORAGE, "folder_unusable"),
        RecordingError::Media(_) => (StatusCode::INTERNAL_SERVER_ERROR, "recording_failed"),
    };
    reply(status, code, &error.to_string())
}

/// What no route took.
pub(super) async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    // What a route says of a body that it took counts for more than what the others say of the address.
    let (status, code, message) = if rejection.find::<TooLarge>().is_some() {
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is larger than anything that is understood here")
    } else if rejection.find::<Broken>().is_some() {
        (StatusCode::REQUEST_TIMEOUT, "no_body", "the body did not come to its end in time: send it again")
    } else if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address takes another method")
    } else {
        tracing::debug!(?rejection, "bad request");
        (StatusCode::BAD_REQUEST, "bad_request", "the request was not understood")
    };
    Ok(reply(status, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_begins_with_its_field() {
        let fields = ["url", "layout"];
        for (message, field) in [
            ("url has no host", Some("url")),
            ("url begins with \"http\": use rtmp", Some("url")),
            ("layout \"mosaic\" is unknown: use one of grid", Some("layout")),
            ("layout.regions.a b.width is -1: use a whole number", Some("layout.regions.a b.width")),
            ("the body is no output", None),
            ("nothing", None),
        ] {
            assert_eq!(field_of(message, &fields), field, "{message}");
        }
    }
}
