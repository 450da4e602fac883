//! Each request has an identifier, so that what is in the log can be found again: that of the proxy in front, or a new one.
//! It is in the header `x-request-id` of request and answer, and in the span of all that is logged meanwhile.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tracing::Span;

use crate::metrics::label::Answer;
use crate::metrics::metrics;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from elsewhere: 36 is a UUID, and some add to it.
const LONGEST: usize = 64;

/// The identifier of one request.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// That of a request's `headers`, if a log can hold it, or a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let sane = |value: &&HeaderValue| {
            let is_sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
            (1..=LONGEST).contains(&value.len()) && value.as_bytes().iter().all(is_sane)
        };
        let given = headers.get(HEADER).filter(sane).cloned();
        let made = || HeaderValue::from_str(&ulid::Ulid::generate().to_string().to_ascii_lowercase());
        Self(given.or_else(|| made().ok()).unwrap_or(HeaderValue::from_static("none")))
    }

    /// The span of all that is done for `request`.
    #[must_use]
    pub fn span<B>(&self, request: &Request<B>) -> Span {
        let id = self.0.to_str().unwrap_or_default();
        // The path alone: what follows it may be a secret.
        let path = without_session(request.uri().path());
        tracing::info_span!("http", request = id, method = %request.method(), path)
    }

    /// Puts it into the answer, and counts that.
    pub fn answer<B>(self, response: &mut Response<B>) {
        let answer = match response.status().as_u16() {
            ..=199 => Answer::Informational,
            200..=299 => Answer::Success,
            300..=399 => Answer::Redirection,
            400..=499 => Answer::Refused,
            500.. => Answer::Failed,
        };
        metrics().server.requests.get_or_create(&answer).inc();
        response.headers_mut().insert(HEADER, self.0);
    }
}

/// A path without what is secret in it: whoever knows the address of a session by WHIP or WHEP may end it.
fn without_session(path: &str) -> &str {
    let parts = match path.split('/').nth(1) {
        Some("whip") => 2,
        Some("whep") => 3,
        _ => return path,
    };
    path.match_indices('/').nth(parts).map_or(path, |(end, _)| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_not_told() {
        for (path, told) in [
            ("/whip/tea", "/whip/tea"),
            ("/whip/tea/s3cret", "/whip/tea"),
            ("/whep/tea/default", "/whep/tea/default"),
            ("/whep/tea/default/s3cret", "/whep/tea/default"),
            ("/api/v1/rooms/tea/mixes", "/api/v1/rooms/tea/mixes"),
        ] {
            assert_eq!(without_session(path), told);
        }
    }

    fn of(value: Option<&[u8]>) -> String {
        let headers = value.map(|value| (HEADER, HeaderValue::from_bytes(value).unwrap())).into_iter().collect();
        RequestId::of(&headers).0.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_sane_one_is_taken_and_any_other_is_replaced() {
        for sane in ["0af7651916cd43dd", "b7ad6b71-6920-4331-8000-00f067aa0ba9", "Root=1".split('=').next().unwrap()] {
            assert_eq!(of(Some(sane.as_bytes())), sane);
        }
        for bad in [&b""[..], b"a b", b"<script>", "ü".as_bytes(), &[b'a'; LONGEST + 1]] {
            assert_eq!(of(Some(bad)).len(), 26, "{bad:?} is replaced by a ULID");
        }
        assert_ne!(of(None), of(None));
    }
}
