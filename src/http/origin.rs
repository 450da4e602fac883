//! Which pages may talk to the signaling and change things by the API: CORS stops neither a hostile page's websocket nor its
//! plain requests, so the server looks itself. And which pages may read what the API answers: that is for CORS.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::error;

/// The origins that may connect.
#[derive(Debug)]
pub struct Origins {
    allowed: Vec<String>,
    here_only: bool,
}

impl Origins {
    /// The server's own page, and `allowed` as `https://host:port`, or `*` for every page.
    #[must_use]
    pub fn new(allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Self { allowed, here_only: false }
    }

    /// The same for a server that asks nobody for a token because only this machine reaches it. A page of whatever name may come to
    /// this machine's address (DNS rebinding), and would be its own page: so it must not be called by another host's name.
    #[must_use]
    pub fn here_only(self) -> Self {
        Self { here_only: true, ..self }
    }

    /// The refusal, 403 and why, of a request that comes from a page elsewhere: of Socket.IO, by whatever transport, and of the
    /// API where it changes something. Programs send no origin and may pass.
    #[must_use]
    pub fn refusal<B>(&self, request: &Request<B>) -> Option<Response<String>> {
        if self.here_only && !is_of_this_machine(request.headers()) {
            tracing::warn!(host = ?request.headers().get(header::HOST), "a request by the name of another host was refused");
            return Some(refuse(
                "host_refused",
                "this server asks for no tokens, and so answers by the names and addresses of its own machine only: set a key, or \
                 start it with --open if everybody may do everything",
            ));
        }
        let path = request.uri().path();
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        let looked_at = path.starts_with("/socket.io") || (path.starts_with("/api/") && !reads);
        if !looked_at || self.allows(request.headers()) {
            return None;
        }
        tracing::warn!(origin = ?request.headers().get(header::ORIGIN), "a page of another origin was refused");
        let message = "this page may not connect here: add its origin to `origins` in the configuration";
        Some(refuse("origin_refused", message))
    }

    /// The page of another origin that may read what the API answers, as CORS wants it named.
    #[must_use]
    pub fn reader<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN).filter(|_| request.uri().path().starts_with("/api/"))?;
        let named = origin.to_str().ok()?.to_ascii_lowercase();
        self.lists(&named).then(|| origin.clone())
    }

    fn lists(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == "*" || *allowed == origin)
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
        if self.lists(&origin) {
            return true;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
        authority.is_some() && authority == host
    }
}

fn refuse(code: &str, message: &str) -> Response<String> {
    let mut refusal = Response::new(error::text(code, message));
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    refusal.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    refusal
}

/// Whether a server is called by an address, or by a name that means the caller's own machine. Programs may call it by none.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return true };
    let Some(host) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = host.host().to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_nobody_is_not_called_by_a_foreign_name() {
        let here = Origins::new(&[]).here_only();
        let of =
            |host: &str| Request::get("/api/v1/recordings").header(header::HOST, host).body(()).expect("a request");
        for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000", "plenum.localhost", "LOCALHOST"] {
            assert!(here.refusal(&of(host)).is_none(), "{host}");
        }
        for host in ["evil.example:3000", "localhost.evil.example", "a b", ""] {
            assert_eq!(here.refusal(&of(host)).expect(host).status(), StatusCode::FORBIDDEN);
        }
        assert!(here.refusal(&Request::get("/healthz").body(()).expect("a request")).is_none());
    }

    fn request(origin: Option<&str>) -> Request<()> {
        let builder = Request::get("/socket.io/?EIO=4").header(header::HOST, "call.example.org:3000");
        let builder = origin.into_iter().fold(builder, |builder, origin| builder.header(header::ORIGIN, origin));
        builder.body(()).expect("a request")
    }

    #[test]
    fn only_the_own_page_and_the_listed_ones_connect() {
        let own = Origins::new(&[]);
        assert!(own.refusal(&request(None)).is_none());
        assert!(own.refusal(&request(Some("http://call.example.org:3000"))).is_none());
        for hostile in
            ["https://evil.example", "http://call.example.org", "null", "http://call.example.org:3000.evil.example"]
        {
            let refusal = own.refusal(&request(Some(hostile))).expect(hostile);
            assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        }
        let listed = Origins::new(&["https://other.example/".into()]);
        assert!(listed.refusal(&request(Some("https://other.example"))).is_none());
        assert!(Origins::new(&["*".into()]).refusal(&request(Some("https://evil.example"))).is_none());
    }

    #[test]
    fn pages_elsewhere_read_and_change_what_they_are_allowed_to() {
        let of = |method: &str, path: &str| {
            let builder = Request::builder().method(method).uri(path).header(header::HOST, "call.example.org");
            builder.header(header::ORIGIN, "https://other.example").body(()).expect("a request")
        };
        let (none, listed) = (Origins::new(&[]), Origins::new(&["https://other.example".into()]));
        for (method, path, refused, reads) in [
            ("POST", "/api/v1/rooms/tea/recordings", true, true),
            ("DELETE", "/api/v1/recordings/01h8", true, true),
            ("GET", "/api/v1/recordings", false, true),
            ("OPTIONS", "/api/v1/recordings", false, true),
            // Polling is as good as a websocket.
            ("GET", "/socket.io/?EIO=4&transport=polling", true, false),
            ("POST", "/socket.io/?EIO=4&transport=polling&sid=x", true, false),
            // These are for all pages.
            ("POST", "/whip/tea", false, false),
            ("GET", "/", false, false),
        ] {
            let request = of(method, path);
            assert_eq!(none.refusal(&request).is_some(), refused, "{method} {path}");
            assert!(listed.refusal(&request).is_none() && none.reader(&request).is_none(), "{method} {path}");
            let read = listed.reader(&request);
            assert_eq!(read.is_some_and(|origin| origin == "https://other.example"), reads, "{method} {path}");
        }
    }
}
