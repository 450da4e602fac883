//! WHIP (RFC 9725): an encoder takes part in a room, as somebody who only sends. See `docs/whep.md`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /whip/{room}`, with `?name=` if wanted and no token says another, an SDP offer to send | 201, the answer, and in `Location` the session's address |
//! | `PATCH /whip/{room}/{session}`, candidates as an SDP fragment, with `If-Match` | 204 |
//! | `DELETE /whip/{room}/{session}` | 200: the encoder has left |
//!
//! Each encoder has a task that takes what the room tells it, and lets it leave when its connection fails. Its identifier is a
//! secret, as that of a viewer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::exchange::{self, Asked};
use super::{Api, error};
use crate::access::{Entry, EntryError, Pass, Rights};
use crate::id::{EndpointName, NameError, ParticipantId, RoomName, ViewerId};
use crate::room::{
    Command, Done, EVENTS, Event, JoinError, Newcomer, Request, RequestError, Role as ParticipantRole, RoomHandle,
    Tracks,
};
use crate::webrtc::candidate::CandidatePolicy;
use crate::webrtc::sdp::{self, Policy, Refusal, Role};

/// How an encoder is called that does not say.
const NAME: &str = "Encoder";
/// How long a room may take to let somebody in.
const JOIN_WITHIN: Duration = Duration::from_secs(10);

/// The encoders that are in a room, by their secrets.
#[derive(Debug, Clone, Default)]
struct Encoders(Arc<Mutex<BTreeMap<ViewerId, Encoder>>>);

/// Where an encoder is.
#[derive(Debug, Clone)]
struct Encoder {
    room: RoomHandle,
    id: ParticipantId,
    session: u64,
}

impl Encoders {
    fn all(&self) -> MutexGuard<'_, BTreeMap<ViewerId, Encoder>> {
        // Held for single look-ups and changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Encoder {
    async fn ask(&self, request: Request) -> Result<Done, RequestError> {
        let (reply, outcome) = oneshot::channel();
        self.room.send(Command::Request { participant: self.id.clone(), request, reply }).await;
        outcome.await.unwrap_or(Err(RequestError::NotJoined))
    }

    async fn leave(&self) {
        self.room.send(Command::Leave { participant: self.id.clone(), session: self.session }).await;
    }
}

/// Why an encoder does not take part.
#[derive(Debug)]
enum Refused {
    Join(JoinError),
    Lobby,
    Request(RequestError),
}

/// What a query may say.
#[derive(Debug, Default, Deserialize)]
struct Query {
    name: Option<String>,
}

pub(super) fn routes(
    api: Api,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    let encoders = Encoders::default();
    let shared = warp::any().map(move || (api.clone(), encoders.clone())).untuple_one();
    let endpoint = warp::path!("whip" / String).and(exchange::asked()).and(shared.clone()).then(endpoint);
    let session = warp::path!("whip" / String / String).and(exchange::asked()).and(shared).then(session);
    endpoint.or(session).unify().map(exchange::for_every_page)
}

async fn endpoint(room: String, asked: Asked, api: Api, encoders: Encoders) -> Response {
    if asked.method != Method::POST {
        return exchange::endpoint(&asked.method);
    }
    let offer = match asked.offer() {
        Ok(offer) => offer,
        Err(refusal) => return *refusal,
    };
    let name = serde_html_form::from_str::<Query>(&asked.query).unwrap_or_default().name;
    let (room_name, entry) = match entry(&room, name.as_deref().unwrap_or(NAME), asked.pass.as_ref()) {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    if let Err(refusal) = check(&offer, &api) {
        return *refusal;
    }
    let ice = api.config.ice.clone();
    // A task of its own: whoever asked may go at any moment, and nobody is to stay in the room for that.
    let begun = tokio::spawn(begin(room_name, entry, offer, api, encoders)).await;
    match begun {
        Ok(Ok((secret, answer))) => {
            let secret = secret.as_str();
            exchange::created(answer, &format!("/whip/{room}/{secret}"), secret, &ice)
        }
        Ok(Err(refused)) => refusal(&refused),
        Err(error) => error::internal(&error.to_string()),
    }
}

/// As whom an encoder comes into which room.
fn entry(room: &str, said: &str, pass: Option<&Pass>) -> Result<(RoomName, Entry), exchange::Refusal> {
    let bad = |error: NameError| error::reply(StatusCode::BAD_REQUEST, "bad_name", &error.to_string());
    let room = RoomName::parse(&percent_decode_str(room).decode_utf8_lossy()).map_err(bad)?;
    // The gate gives one to everybody who may come.
    let pass = pass.ok_or_else(|| error::internal("an encoder came by without a pass"))?;
    match pass.enter(&room, said) {
        Ok(Entry { rights: Rights { hidden: true, .. }, .. }) => {
            let message = "hidden participants send nothing: an encoder needs a token without hidden";
            Err(error::reply(StatusCode::FORBIDDEN, "forbidden", message).into())
        }
        Ok(entry) => Ok((room, entry)),
        Err(EntryError::Name(error)) => Err(bad(error).into()),
        Err(error) => Err(error::reply(StatusCode::FORBIDDEN, error.code(), &error.to_string()).into()),
    }
}

/// Looks whether all that is offered can be taken: an encoder whose picture is refused would not notice (RFC 9725, section 4.4).
fn check(offer: &str, api: &Api) -> Result<(), exchange::Refusal> {
    let codec = api.config.rooms.video_codec;
    let offer = sdp::parse_offer(offer, Role::Publisher, &Policy::new(codec.into()));
    let offer = offer.map_err(|error| Box::new(exchange::bad_offer(&error)))?;
    if let Some(refused) = offer.refused.iter().find(|refused| refused.why == Refusal::Codec) {
        let message = format!(
            "the {} of the offer is in no codec of this server: send Opus, and {codec:?}, H264 as constrained baseline in packetization mode 1; \
             rooms.video_codec in the server's configuration says which",
            refused.media
        );
        return Err(error::reply(StatusCode::UNPROCESSABLE_ENTITY, "bad_offer", &message).into());
    }
    Ok(())
}

/// Lets an encoder in: gives its secret, and the answer to its offer.
async fn begin(
    room: RoomName,
    entry: Entry,
    offer: String,
    api: Api,
    encoders: Encoders,
) -> Result<(ViewerId, String), Refused> {
    let (sender, mut events) = mpsc::channel(EVENTS);
    let newcomer =
        || Newcomer { entry: entry.clone(), role: ParticipantRole::Participant, native: false, events: sender.clone() };
    let (room, id) = api.registry.join(&room, newcomer).await.map_err(Refused::Join)?;
    drop(sender);
    let mut encoder = Encoder { room, id: id.clone(), session: 0 };
    match tokio::time::timeout(JOIN_WITHIN, events.recv()).await {
        Ok(Some(Event::Joined(snapshot))) => encoder.session = snapshot.session,
        // Nobody could tell an encoder that it was let in at last.
        _ => {
            encoder.leave().await;
            return Err(Refused::Lobby);
        }
    }
    let endpoint = EndpointName::of(&id);
    let publish = Request::Publish { endpoint, offer, tracks: Tracks::ByKind, replaces: None, trickles: false };
    let answer = match encoder.ask(publish).await {
        Ok(Done::Answer(answer)) => answer,
        outcome => {
            encoder.leave().await;
            return Err(Refused::Request(outcome.err().unwrap_or(RequestError::NotJoined)));
        }
    };
    // As secret as that of a viewer.
    let secret = ViewerId::new();
    encoders.all().insert(secret.clone(), encoder.clone());
    tokio::spawn(attend(secret.clone(), encoder, events, encoders));
    Ok((secret, answer))
}

/// Takes what the room tells an encoder, until it is out, or its connection fails.
async fn attend(secret: ViewerId, encoder: Encoder, mut events: mpsc::Receiver<Event>, encoders: Encoders) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Removed(_) => break,
            Event::Error { endpoint: Some(_), message, .. } => {
                tracing::info!(participant = %encoder.id, message, "an encoder is gone");
                encoder.leave().await;
                break;
            }
            _ => {}
        }
    }
    encoders.all().remove(&secret);
}

async fn session(_room: String, secret: String, asked: Asked, api: Api, encoders: Encoders) -> Response {
    let unknown = || {
        let message = "no encoder sends by that address: it has left, perhaps; make a new offer";
        error::reply(StatusCode::NOT_FOUND, "no_such_session", message)
    };
    match asked.method {
        Method::PATCH => {
            let policy = CandidatePolicy { tcp: api.config.ice.tcp, loopback: false };
            let fragment = match asked.fragment(&secret, policy) {
                Ok(fragment) => fragment,
                Err(refusal) => return *refusal,
            };
            let Some(encoder) = encoders.all().get(&ViewerId::from_remote(&secret)).cloned() else { return unknown() };
            let endpoint = EndpointName::of(&encoder.id);
            match encoder.ask(Request::Trickle { endpoint, fragment }).await {
                Ok(_) => StatusCode::NO_CONTENT.into_response(),
                Err(RequestError::NotJoined | RequestError::UnknownEndpoint(_)) => unknown(),
                Err(error) => refusal(&Refused::Request(error)),
            }
        }
        Method::DELETE => {
            let Some(encoder) = encoders.all().remove(&ViewerId::from_remote(&secret)) else { return unknown() };
            encoder.leave().await;
            StatusCode::OK.into_response()
        }
        other => exchange::session(&other),
    }
}

fn refusal(refused: &Refused) -> Response {
    match refused {
        Refused::Join(error @ (JoinError::Full(_) | JoinError::TooManyRooms(_) | JoinError::Closing)) => {
            exchange::busy(error.code(), &error.to_string())
        }
        Refused::Join(error @ JoinError::Media(_)) => error::internal(&error.to_string()),
        Refused::Join(error) => error::reply(StatusCode::FORBIDDEN, error.code(), &error.to_string()),
        Refused::Lobby => {
            let message = "newcomers wait to be let in here, which an encoder cannot: ask a moderator to open the room";
            error::reply(StatusCode::FORBIDDEN, "lobby", message)
        }
        Refused::Request(RequestError::Offer(error)) => exchange::bad_offer(error),
        Refused::Request(RequestError::Fragment(error)) => exchange::bad_fragment(error),
        Refused::Request(error @ (RequestError::Forbidden(_) | RequestError::NotGranted(_))) => {
            error::reply(StatusCode::FORBIDDEN, error.code(), &error.to_string())
        }
        Refused::Request(error) => error::reply(StatusCode::INTERNAL_SERVER_ERROR, error.code(), &error.to_string()),
    }
}
