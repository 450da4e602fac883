//! WHEP (draft-ietf-wish-whep): a mix is watched in any browser or player. See `docs/whep.md`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /whep/{room}/{mix}`, an SDP offer to receive | 201, the answer, and in `Location` the session's address |
//! | `PATCH /whep/{room}/{mix}/{session}`, candidates as an SDP fragment, with `If-Match` | 204 |
//! | `DELETE /whep/{room}/{mix}/{session}` | 200 |
//!
//! `{mix}` is the name of a mix, `default` or another, or of a layout.

use http::{Method, StatusCode};
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::exchange::{self, Asked};
use super::{Api, error, mixes};
use crate::id::ViewerId;
use crate::room::{MixesError, RoomHandle, WatchError};
use crate::webrtc::candidate::CandidatePolicy;

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let api = warp::any().map(move || api.clone());
    let endpoint = warp::path!("whep" / String / String).and(exchange::asked()).and(api.clone()).then(endpoint);
    let session = warp::path!("whep" / String / String / String).and(exchange::asked()).and(api).then(session);
    endpoint.or(session).unify().map(exchange::for_every_page)
}

async fn endpoint(room: String, mix: String, asked: Asked, api: Api) -> Response {
    if asked.method != Method::POST {
        return exchange::endpoint(&asked.method);
    }
    let offer = match asked.offer() {
        Ok(offer) => offer,
        Err(refusal) => return *refusal,
    };
    let found = find(&room, &api).and_then(|room| Ok((room, mixes::named(&mix)?)));
    let begun = match found {
        Ok((room, mix)) => room.watch(mix, offer).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(watching) => {
            let id = watching.viewer.as_str();
            exchange::created(watching.answer, &format!("/whep/{room}/{mix}/{id}"), id, &api.config.ice)
        }
        Err(error) => refusal(&error),
    }
}

async fn session(room: String, _mix: String, id: String, asked: Asked, api: Api) -> Response {
    let room = find(&room, &api);
    let outcome = match asked.method {
        Method::PATCH => {
            let policy = CandidatePolicy { tcp: api.config.ice.tcp, loopback: false };
            let fragment = match asked.fragment(&id, policy) {
                Ok(fragment) => fragment,
                Err(refusal) => return *refusal,
            };
            match room {
                Ok(room) => room.trickle(ViewerId::from_remote(&id), fragment).await.map(|()| StatusCode::NO_CONTENT),
                Err(error) => Err(error),
            }
        }
        Method::DELETE => match room {
            Ok(room) => room.stop_watching(ViewerId::from_remote(&id)).await.map(|()| StatusCode::OK),
            Err(error) => Err(error),
        },
        other => return exchange::session(&other),
    };
    outcome.map_or_else(|error| refusal(&error), Reply::into_response)
}

fn find(room: &str, api: &Api) -> Result<RoomHandle, WatchError> {
    api.room(room).map_err(WatchError::NoRoom)
}

fn refusal(error: &WatchError) -> Response {
    let message = error.to_string();
    match error {
        WatchError::NoRoom(_) => error::reply(StatusCode::NOT_FOUND, "no_such_room", &message),
        WatchError::Unknown => error::reply(StatusCode::NOT_FOUND, "no_such_session", &message),
        WatchError::Mix(MixesError::TooManyRun(_)) => exchange::busy("too_many_mixes", &message),
        // Whatever it is that there cannot be: there is no such address.
        WatchError::Mix(MixesError::Refused { .. }) => error::reply(StatusCode::NOT_FOUND, "no_such_mix", &message),
        WatchError::Mix(error) => mixes::refused_as(error, "no_such_mix"),
        WatchError::Full(_) => exchange::busy("too_many_viewers", &message),
        WatchError::Offer(error) => exchange::bad_offer(error),
        WatchError::Fragment(error) => exchange::bad_fragment(error),
        WatchError::Media(_) => error::reply(StatusCode::INTERNAL_SERVER_ERROR, "watching_failed", &message),
    }
}
