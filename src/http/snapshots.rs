//! Pictures of mixes.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/rooms/{room}/mixes/{mix}/snapshot.jpg`, with `width` if wanted | the mix as it is now, as JPEG |
//!
//! `{mix}` is the name of a mix, or of a layout. A mix that does not run is started for the picture, and ends after it: who wants
//! many pictures starts an output as well.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::Response;

use super::{Api, error, mixes};
use crate::egress::snapshot::NARROWEST;
use crate::room::{SnapshotError, WantedSnapshot};

/// How long a picture may take, the start of its mix included.
const WITHIN: Duration = Duration::from_secs(12);

#[derive(Debug, Default, Deserialize)]
struct Asked {
    width: Option<u32>,
}

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path!("api" / "v1" / "rooms" / String / "mixes" / String / "snapshot.jpg")
        .and(warp::get())
        .and(query)
        .and(warp::any().map(move || api.clone()))
        .then(take)
}

async fn take(room: String, mix: String, query: String, api: Api) -> Response {
    let width = match width(&query) {
        Ok(width) => width,
        Err(message) => return error::reply(StatusCode::BAD_REQUEST, "bad_query", &message),
    };
    let found = api.room(&room).map_err(SnapshotError::NoRoom);
    let (handle, mix) = match found.and_then(|room| Ok((room, mixes::named(&mix)?))) {
        Ok(found) => found,
        Err(error) => return refusal(&error),
    };
    let made = tokio::time::timeout(WITHIN, handle.snapshot(WantedSnapshot { mix, width })).await;
    match made.unwrap_or(Err(SnapshotError::Late)) {
        Ok(jpeg) => {
            let mut response = Response::new(jpeg.into());
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
            // What comes next shows another moment.
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => refusal(&error),
    }
}

/// How wide a picture is wanted. What else is in the query is for others: pages add to it what changes.
fn width(query: &str) -> Result<Option<u32>, String> {
    let no = || format!("width is none: use a whole number of pixels, {NARROWEST} or more");
    let Asked { width } = serde_html_form::from_str(query).map_err(|_| no())?;
    if width.is_some_and(|width| width < NARROWEST) { Err(no()) } else { Ok(width) }
}

fn refusal(error: &SnapshotError) -> Response {
    let (status, code) = match error {
        SnapshotError::NoRoom(_) => (StatusCode::NOT_FOUND, "no_such_room"),
        SnapshotError::Mix(error) => return unkept(mixes::refused_as(error, "bad_mix")),
        SnapshotError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        SnapshotError::Late => (StatusCode::SERVICE_UNAVAILABLE, "late"),
        SnapshotError::Media(_) => (StatusCode::INTERNAL_SERVER_ERROR, "snapshot_failed"),
    };
    unkept(error::reply(status, code, &error.to_string()))
}

/// So that no cache keeps a refusal, which is of this moment, too.
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_a_number_of_pixels_or_nothing() {
        assert_eq!(width(""), Ok(None));
        assert_eq!(width("width=320&at=7"), Ok(Some(320)));
        for bad in ["width=0", "width=-1", "width=wide", "width=99999999999", "width=1&width=2"] {
            assert!(width(bad).is_err_and(|message| message.contains("16 or more")), "{bad}");
        }
    }
}
