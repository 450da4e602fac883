//! A mix as HLS, as [`crate::egress::hls`] has it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /hls/{room}/{mix}/index.m3u8` | the list of lists |
//! | `GET /hls/{room}/{mix}/media.m3u8`, with `_HLS_msn` and `_HLS_part` if wanted | the list of segments, once what is named is in it |
//! | `GET /hls/{room}/{mix}/{name}` | header, segment or part; the next part is waited for |
//!
//! Lists are never kept by caches, everything else for ever: a name always means the same. Any page may read them.

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::Response;

use super::error;
use crate::egress::hls::{Missing, Shelves};
use crate::id::RoomName;

const LIST: &str = "application/vnd.apple.mpegurl";
const MEDIA: &str = "video/mp4";
const NOT_KEPT: &str = "no-cache";
const KEPT: &str = "public, max-age=31536000, immutable";

/// Draft-pantos-hls-rfc8216bis, section 6.2.5: what a list must have. What else a page adds is for others.
#[derive(Debug, Default, Deserialize)]
struct Directives {
    #[serde(rename = "_HLS_msn")]
    number: Option<u64>,
    #[serde(rename = "_HLS_part")]
    part: Option<usize>,
}

pub(super) fn routes(
    shelves: Shelves,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path!("hls" / String / String / String)
        .and(warp::get())
        .and(query)
        .and(warp::any().map(move || shelves.clone()))
        .then(serve)
}

async fn serve(room: String, mix: String, name: String, query: String, shelves: Shelves) -> Response {
    let room = RoomName::parse(&percent_decode_str(&room).decode_utf8_lossy());
    let Some(shelf) = room.ok().and_then(|room| shelves.get(&room, &mix)) else {
        return error::reply(
            StatusCode::NOT_FOUND,
            "no_such_stream",
            "this mix is not served: start an output of kind hls",
        );
    };
    match name.as_str() {
        "index.m3u8" => match shelf.index() {
            Some(text) => answer(text.into(), LIST, NOT_KEPT),
            None => missing(Missing::Late),
        },
        "media.m3u8" => match serde_html_form::from_str::<Directives>(&query) {
            Ok(Directives { number, part }) => match shelf.list(number, part).await {
                Ok(text) => answer(text.into(), LIST, NOT_KEPT),
                Err(why) => missing(why),
            },
            Err(error) => {
                error::reply(StatusCode::BAD_REQUEST, "bad_query", &format!("the query cannot be used: {error}"))
            }
        },
        name => match shelf.get(name).await {
            Ok(bytes) => answer(bytes, MEDIA, KEPT),
            Err(why) => missing(why),
        },
    }
}

fn answer(body: Bytes, kind: &'static str, kept: &'static str) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn missing(why: Missing) -> Response {
    let (status, message) = match why {
        Missing::Unknown => (StatusCode::NOT_FOUND, "there is no such part of the stream, or not any more"),
        Missing::TooFar => {
            (StatusCode::BAD_REQUEST, "that is too far ahead: read the list, and ask for what follows it")
        }
        Missing::Late => (StatusCode::SERVICE_UNAVAILABLE, "it has not come yet: try again in a moment"),
    };
    let mut response = error::reply(status, "not_there", message);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
