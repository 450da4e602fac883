//! Offer and answer by HTTP: what WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) have in common.
//!
//! An offer is posted to an endpoint; what comes of it is a session with an address of its own, a secret, to which further
//! candidates are sent, and which is deleted in the end. Any page may do that: every answer has what CORS wants.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};
use warp::Filter;
use warp::reject::Rejection;
use warp::reply::{Reply, Response};

use super::{body, error};
use crate::access::{Pass, is_same};
use crate::config::Ice;
use crate::id::EndpointId;
use crate::signaling::ice::{self, IceServer};
use crate::webrtc::candidate::CandidatePolicy;
use crate::webrtc::sdp::{Fragment, FragmentError, SdpError};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// After how many seconds whoever found no place may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// An answer to a request that cannot be used; boxed, since most can.
pub(super) type Refusal = Box<Response>;

/// A request to an endpoint or to a session.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) query: String,
    /// What the one who asks may do; none for what needs nothing.
    pub(super) pass: Option<Pass>,
    headers: HeaderMap,
    body: Bytes,
}

/// Takes a request, whatever its method.
pub(super) fn asked() -> impl Filter<Extract = (Asked,), Error = Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::method()
        .and(query)
        .and(warp::ext::optional())
        .and(warp::header::headers_cloned())
        .and(body::limited())
        .map(|method, query, pass, headers, body| Asked { method, query, pass, headers, body })
}

impl Asked {
    /// The offer that was posted, or the refusal.
    pub(super) fn offer(&self) -> Result<String, Refusal> {
        self.expect(SDP)?;
        self.text()
    }

    /// The candidates that were sent to the session `id`, or the refusal.
    pub(super) fn fragment(&self, id: &str, policy: CandidatePolicy) -> Result<Fragment, Refusal> {
        self.expect(FRAGMENT)?;
        let tag = tag(id);
        // Everything matches `*`; a client that restarts ICE says so, and is refused for that.
        let matches = |tags: &str| tags.split(',').map(str::trim).any(|known| known == "*" || is_same(known, &tag));
        match self.headers.get(header::IF_MATCH).map(|tags| tags.to_str().is_ok_and(matches)) {
            Some(true) => {}
            Some(false) => {
                let message = "the entity tag is not that of this connection: send that of the answer in If-Match";
                return Err(error::reply(StatusCode::PRECONDITION_FAILED, "wrong_tag", message).into());
            }
            None => {
                let message = "send the entity tag (ETag) of the answer in If-Match";
                return Err(error::reply(StatusCode::PRECONDITION_REQUIRED, "no_tag", message).into());
            }
        }
        Fragment::parse(&self.text()?, policy).map_err(|error| bad_fragment(&error).into())
    }

    fn expect(&self, wanted: &str) -> Result<(), Refusal> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted)) {
            return Ok(());
        }
        let message = format!("send the body as {wanted}");
        Err(error::reply(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", &message).into())
    }

    fn text(&self) -> Result<String, Refusal> {
        let bad = |_| error::reply(StatusCode::BAD_REQUEST, "bad_request", "the body is not text in UTF-8").into();
        String::from_utf8(self.body.to_vec()).map_err(bad)
    }
}

/// An offer was answered: `location` is the session's address, and `id` its secret.
pub(super) fn created(answer: String, location: &str, id: &str, ice: &Ice) -> Response {
    let mut response = Response::new(answer.into());
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    let values = [(header::LOCATION, location), (header::ETAG, &tag(id))];
    let values = values.map(|(name, value)| (name, HeaderValue::from_str(value)));
    // Nobody else has to know whose they are.
    let servers = ice::servers(ice, EndpointId::new().as_str());
    let links = links(servers).map(|link| (header::LINK, HeaderValue::from_str(&link)));
    for (name, value) in values.into_iter().chain(links) {
        match value {
            Ok(value) => drop(headers.append(name, value)),
            Err(error) => tracing::error!(%name, %error, "a header cannot be sent: look at ice in the configuration"),
        }
    }
    response
}

/// The entity tag of the one connection that a session ever has.
fn tag(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Each server for ICE as a `Link`, RFC 9725, section 4.6.
fn links(servers: Vec<IceServer>) -> impl Iterator<Item = String> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    servers.into_iter().map(move |server| match (&server.username, &server.credential) {
        (Some(name), Some(credential)) => format!(
            "<{}>; rel=\"ice-server\"; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
            server.urls,
            quoted(name),
            quoted(credential)
        ),
        _ => format!("<{}>; rel=\"ice-server\"", server.urls),
    })
}

/// What an endpoint says to all methods but POST.
pub(super) fn endpoint(method: &Method) -> Response {
    let mut response = match *method {
        Method::OPTIONS => StatusCode::OK.into_response(),
        // So that players know what this address is.
        Method::GET | Method::HEAD => warp::reply::with_header("", header::CONTENT_TYPE, SDP).into_response(),
        _ => not_allowed(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, POST"));
    headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    response
}

/// What a session says to all methods but PATCH and DELETE.
pub(super) fn session(method: &Method) -> Response {
    let mut response = match *method {
        Method::OPTIONS => StatusCode::OK.into_response(),
        Method::GET | Method::HEAD => StatusCode::NO_CONTENT.into_response(),
        _ => not_allowed(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH"));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    response
}

fn not_allowed() -> Response {
    let message = "this address takes another method: see Allow";
    error::reply(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

/// An offer that cannot be used.
pub(super) fn bad_offer(error: &SdpError) -> Response {
    let status = match error {
        SdpError::Syntax(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    error::reply(status, "bad_offer", &error.to_string())
}

/// Candidates that cannot be used.
pub(super) fn bad_fragment(error: &FragmentError) -> Response {
    match error {
        // RFC 9725, section 4.3.1: what is not supported of the two that a PATCH may mean.
        FragmentError::Restart => error::reply(StatusCode::UNPROCESSABLE_ENTITY, "no_ice_restart", &error.to_string()),
        _ => error::reply(StatusCode::BAD_REQUEST, "bad_candidate", &error.to_string()),
    }
}

/// There is no place; there may be one later.
pub(super) fn busy(code: &str, message: &str) -> Response {
    let mut response = error::reply(StatusCode::SERVICE_UNAVAILABLE, code, message);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// The same for the pages of everybody.
pub(super) fn for_every_page(mut response: Response) -> Response {
    open_to_every_page(response.headers_mut());
    response
}

/// Lets the pages of everybody read an answer.
pub(super) fn open_to_every_page(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Match"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Turn;

    #[test]
    fn servers_are_links() {
        let turn =
            Turn { url: "turn:t.example.org?transport=udp".into(), username: "u\"".into(), credential: "c".into() };
        let ice =
            Ice { stun: vec!["stun:s.example.org".into()], turn: vec![turn], ..crate::config::Config::default().ice };
        assert_eq!(
            links(ice::servers(&ice, "ann")).collect::<Vec<_>>(),
            [
                "<stun:s.example.org>; rel=\"ice-server\"",
                "<turn:t.example.org?transport=udp>; rel=\"ice-server\"; username=\"u\\\"\"; credential=\"c\"; credential-type=\"password\""
            ]
        );
    }

    #[test]
    fn a_tag_tells_sessions_apart_and_not_their_secret() {
        assert_eq!(tag("secret"), tag("secret"));
        assert_ne!(tag("secret"), tag("Secret"));
        assert!(!tag("secret").contains("secret") && tag("secret").starts_with('"'));
    }
}
