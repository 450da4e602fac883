//! The door: every request passes it before any route sees it. Which pages may come stands in [`super::origin`], what one
//! has to have for what in [`needs`]; here it is acted upon.

use std::sync::Arc;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;

use super::needs::{self, Asks, Found, Route};
use super::origin::Origins;
use super::{Api, error, exchange};
use crate::access::{Access, Denied, Need, Pass};
use crate::egress::catalogue::Filter;
use crate::id::{RecordingId, RoomName};

/// Lets requests in, or not.
#[derive(Debug)]
pub struct Gate {
    access: Arc<Access>,
    origins: Origins,
    api: Api,
}

/// What has to be put on the answer to a request that was let in.
#[derive(Debug)]
pub struct Seal {
    /// The page that may read it.
    page: Option<HeaderValue>,
    /// Whether only whoever asked may have it.
    private: bool,
}

/// An answer that is given at the door.
type Turned = Response<String>;

#[derive(Debug, Default, Deserialize)]
struct Query {
    token: Option<String>,
}

impl Gate {
    /// For what `api` serves.
    #[must_use]
    pub fn new(access: Arc<Access>, origins: Origins, api: Api) -> Self {
        Self { access, origins, api }
    }

    /// Lets a request in, which then has its [`Pass`] with it where one was asked for.
    ///
    /// # Errors
    /// The answer, if that is all.
    pub async fn admit<B>(&self, request: &mut Request<B>) -> Result<Seal, Turned> {
        if let Some(refusal) = self.origins.refusal(request) {
            return Err(refusal);
        }
        let page = self.origins.reader(request);
        if page.is_some() && request.method() == Method::OPTIONS {
            return Err(preflight(page));
        }
        // What is asked of the catalogue lasts: the request has to stay here meanwhile.
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (query, headers) = (request.uri().query().unwrap_or_default().to_owned(), request.headers().clone());
        match self.pass(&method, &path, &query, &headers).await {
            Ok(pass) => {
                let private = matches!(pass, Some(Pass::Token(_)));
                pass.and_then(|pass| request.extensions_mut().insert(pass));
                Ok(Seal { page, private })
            }
            Err(mut refusal) => {
                Seal { page, private: true }.put_on(refusal.headers_mut());
                if ["/hls/", "/whep/", "/whip/"].iter().any(|start| path.starts_with(start)) {
                    exchange::open_to_every_page(refusal.headers_mut());
                }
                Err(refusal)
            }
        }
    }

    async fn pass(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Pass>, Turned> {
        let found = needs::find(method, path);
        if self.access.is_open() || matches!(found, Found::Free) {
            return Ok(Some(Pass::Open).filter(|_| self.access.is_open()));
        }
        let (route, room, id) = match found {
            Found::Route { route, room, id } => (route, room, id),
            Found::OtherMethod => {
                return Err(turned(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method_not_allowed",
                    "this address takes another method",
                ));
            }
            _ => return Err(turned(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")),
        };
        if route.asks == Asks::Nothing {
            return Ok(None);
        }
        let token = token(route, query, headers);
        let pass = self.access.admit(token.as_deref()).map_err(|denied| unauthorised(&denied))?;
        let (need, room) = match route.asks {
            Asks::Nothing => return Ok(None),
            Asks::Grant(need) => (need, room),
            Asks::OfQuery(need) => (need, room_of_query(query)),
            Asks::OfRecording(need) => match self.room_of(id.unwrap_or_default()).await? {
                Some(room) => (need, room),
                None => {
                    return Err(turned(
                        StatusCode::NOT_FOUND,
                        "no_such_recording",
                        "there is no such recording: see GET /api/v1/recordings",
                    ));
                }
            },
        };
        match pass.may(need, room.as_ref()) {
            true => Ok(Some(pass)),
            false => Err(forbidden(need, room.as_ref())),
        }
    }

    /// The room in which a recording was made; none if there is no such recording, and nothing in it if that is no name of today.
    async fn room_of(&self, id: &str) -> Result<Option<Option<RoomName>>, Turned> {
        let id = RecordingId::from_remote(id);
        match self.api.catalogue.get(&id).await {
            Ok(Some(manifest)) => Ok(Some(RoomName::parse(&manifest.room).ok())),
            // A room knows its recordings even where they could not be put on the list.
            Ok(None) => Ok(self.api.registry.recording_in(&id).await.map(|room| Some(room.name().clone()))),
            Err(error) => {
                tracing::error!(%error, "a request failed");
                Err(turned(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string()))
            }
        }
    }
}

impl Seal {
    /// Puts it on an answer.
    pub fn put_on(&self, headers: &mut HeaderMap) {
        if let Some(page) = &self.page {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Content-Disposition"));
        }
        if !self.private {
            return;
        }
        // So that no cache between gives it to somebody else.
        let kept = headers.get(header::CACHE_CONTROL).and_then(|kept| kept.to_str().ok()).unwrap_or("no-cache");
        let kept = match kept.strip_prefix("public") {
            Some(rest) => format!("private{rest}"),
            None if kept.contains("no-store") => return,
            None => format!("private, {kept}"),
        };
        if let Ok(kept) = HeaderValue::from_str(&kept) {
            headers.insert(header::CACHE_CONTROL, kept);
        }
    }
}

/// The token of a request.
fn token(route: &Route, query: &str, headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|header| header.to_str().ok()).and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    let by_query = || serde_html_form::from_str::<Query>(query).ok().and_then(|query| query.token);
    bearer.or_else(|| if route.by_query { by_query() } else { None })
}

/// The room whose recordings are asked for, read as the route reads it.
fn room_of_query(query: &str) -> Option<RoomName> {
    let room = serde_html_form::from_str::<Filter>(query).ok()?.room?;
    // Recordings are looked up as it is written.
    RoomName::parse(&room).ok().filter(|parsed| parsed.as_str() == room)
}

fn turned(status: StatusCode, code: &str, message: &str) -> Turned {
    let mut response = Response::new(error::text(code, message));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// RFC 6750, section 3.
fn unauthorised(denied: &Denied) -> Turned {
    let mut response = turned(StatusCode::UNAUTHORIZED, denied.code(), &denied.to_string());
    let challenge = match denied {
        Denied::Missing => "Bearer realm=\"plenum\"",
        Denied::Token(_) => "Bearer realm=\"plenum\", error=\"invalid_token\"",
    };
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

fn forbidden(need: Need, room: Option<&RoomName>) -> Turned {
    let needs = need.words();
    let message = match room {
        Some(room) => format!("the token does not allow this: it needs {needs}, for the room {room}"),
        None => {
            format!("the token does not allow this for all rooms: name a room, or use a token with {needs} for all")
        }
    };
    let mut response = turned(StatusCode::FORBIDDEN, "forbidden", &message);
    let challenge = HeaderValue::from_static("Bearer realm=\"plenum\", error=\"insufficient_scope\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// What a page of another origin that may come is told before it asks.
fn preflight(page: Option<HeaderValue>) -> Turned {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    Seal { page, private: false }.put_on(headers);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "DELETE, GET, HEAD, PATCH, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Range"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ] as [(HeaderName, &'static str); 3]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: Option<&str>) -> HeaderMap {
        let value = authorization.map(|text| HeaderValue::from_str(text).expect("a value"));
        value.map(|value| (header::AUTHORIZATION, value)).into_iter().collect()
    }

    #[test]
    fn a_token_is_taken_from_where_it_may_be() {
        let [api, file] = ["/api/v1/recordings/{id}/manifest", "/api/v1/recordings/{id}/file"]
            .map(|path| needs::ROUTES.iter().find(|route| route.path == path).expect("a route"));
        let taken = |route, query, authorization| token(route, query, &headers(authorization));
        assert_eq!(taken(api, "token=a", Some("bearer b")).as_deref(), Some("b"));
        assert_eq!(taken(file, "token=a", Some("Bearer b")).as_deref(), Some("b"));
        assert_eq!(taken(file, "x=1&token=a", None).as_deref(), Some("a"));
        assert_eq!(taken(api, "token=a", None), None);
        assert_eq!(taken(file, "token=a&token=b", None), None);
        assert_eq!(taken(api, "", Some("Basic YTpi")), None);
    }

    #[test]
    fn the_room_of_a_query_is_the_one_that_is_looked_up() {
        let named = |query| room_of_query(query).map(|room| room.to_string());
        assert_eq!(named("room=tea&limit=3").as_deref(), Some("tea"));
        for none in ["", "limit=3", "room=", "room=+tea", "room=tea&room=coffee", "room=tea&nonsense=1"] {
            assert_eq!(named(none), None, "{none}");
        }
    }

    #[test]
    fn what_was_asked_for_with_a_token_is_for_nobody_else() {
        let sealed = |kept: Option<&'static str>| {
            let value = kept.map(|kept| (header::CACHE_CONTROL, HeaderValue::from_static(kept)));
            let mut headers: HeaderMap = value.into_iter().collect();
            Seal { page: None, private: true }.put_on(&mut headers);
            headers[header::CACHE_CONTROL].to_str().expect("text").to_owned()
        };
        assert_eq!(sealed(None), "private, no-cache");
        assert_eq!(sealed(Some("public, max-age=31536000, immutable")), "private, max-age=31536000, immutable");
        assert_eq!(sealed(Some("no-store")), "no-store");
    }
}
