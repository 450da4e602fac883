//! Going without a session: for pages that are being closed. A browser may drop what a page that is going away says over
//! its websocket (Firefox closes that first), but it delivers a beacon.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/rooms/{room}/leave`, the body is the secret `resume` of the last join | 204, or 404 if nobody has it |

use http::StatusCode;
use percent_encoding::percent_decode_str;
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{Api, body, error};
use crate::id::RoomName;

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path!("api" / "v1" / "rooms" / String / "leave")
        .and(warp::post())
        .and(body::limited())
        .and(warp::any().map(move || api.clone()))
        .then(leave)
}

async fn leave(room: String, resume: bytes::Bytes, api: Api) -> Response {
    let room = RoomName::parse(&percent_decode_str(&room).decode_utf8_lossy()).ok();
    let room = room.and_then(|room| api.registry.get(&room));
    let left = match room {
        Some(room) => room.depart(String::from_utf8_lossy(&resume).trim().to_owned()).await,
        None => false,
    };
    if left {
        StatusCode::NO_CONTENT.into_response()
    } else {
        error::reply(
            StatusCode::NOT_FOUND,
            "bad_resume",
            "nobody in this room has that secret: they left already, perhaps",
        )
    }
}
