//! A mix as HLS, as [`crate::egress::hls`] has it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /hls/{room}/{mix}/index.m3u8` | the list of lists |
//! | `GET /hls/{room}/{mix}/media.m3u8`, with `_HLS_msn` and `_HLS_part` if wanted | the list of segments, once what is named is in it |
//! | `GET /hls/{room}/{mix}/{name}` | header, segment or part; the next part is waited for |
//!
//! Who has to have a token and cannot send a header gives it as `token` in the query: the lists that come then carry it on.
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
    token: Option<String>,
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
    if !matches!(name.as_str(), "index.m3u8" | "media.m3u8") {
        return match shelf.get(&name).await {
            Ok(bytes) => answer(bytes, MEDIA, KEPT),
            Err(why) => missing(why),
        };
    }
    let Directives { number, part, token } = match serde_html_form::from_str(&query) {
        Ok(directives) => directives,
        Err(error) => {
            return error::reply(StatusCode::BAD_REQUEST, "bad_query", &format!("the query cannot be used: {error}"));
        }
    };
    let list = if name == "index.m3u8" { shelf.index().ok_or(Missing::Late) } else { shelf.list(number, part).await };
    match (list, token) {
        (Ok(list), Some(token)) => answer(carrying(&list, &token).into(), LIST, NOT_KEPT),
        (Ok(list), None) => answer(list.into(), LIST, NOT_KEPT),
        (Err(why), _) => missing(why),
    }
}

/// A list whose addresses carry a token: players take over neither query nor cookies.
fn carrying(list: &str, token: &str) -> String {
    // What is no token has no place in a list.
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return list.to_owned();
    }
    let mut carrying = String::with_capacity(list.len() * 2);
    for line in list.lines() {
        match line.split_once("URI=\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?))) {
            Some((before, (uri, after))) if line.starts_with('#') => {
                carrying.extend([before, "URI=\"", uri, "?token=", token, "\"", after]);
            }
            _ if line.starts_with('#') || line.is_empty() => carrying.push_str(line),
            _ => carrying.extend([line, "?token=", token]),
        }
        carrying.push('\n');
    }
    carrying
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_carries_the_token_on() {
        let list = "#EXTM3U\n#EXT-X-MAP:URI=\"a.mp4\"\n#EXT-X-PART:DURATION=0.5,URI=\"a-1.0.m4s\",INDEPENDENT=YES\n#EXTINF:2.0,\na-1.m4s\n";
        assert_eq!(
            carrying(list, "x.y-z_0"),
            "#EXTM3U\n#EXT-X-MAP:URI=\"a.mp4?token=x.y-z_0\"\n#EXT-X-PART:DURATION=0.5,URI=\"a-1.0.m4s?token=x.y-z_0\",INDEPENDENT=YES\n#EXTINF:2.0,\na-1.m4s?token=x.y-z_0\n"
        );
        assert_eq!(carrying(list, "x\"\nhttp://evil.example"), list);
    }
}
