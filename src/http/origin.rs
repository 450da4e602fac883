//! Which pages may talk to the signaling: CORS does not stop a hostile page's websocket, so the server looks itself.

use http::{HeaderMap, Request, Response, StatusCode, Uri, header};

/// The origins that may connect.
#[derive(Debug)]
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// The server's own page, and `allowed` as `https://host:port`, or `*` for every page.
    #[must_use]
    pub fn new(allowed: &[String]) -> Self {
        Self { allowed: allowed.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect() }
    }

    /// The refusal, 403 and why, of a Socket.IO request that comes from a page elsewhere. Programs send no origin and
    /// may pass.
    #[must_use]
    pub fn refusal<B>(&self, request: &Request<B>) -> Option<Response<String>> {
        if !request.uri().path().starts_with("/socket.io") || self.allows(request.headers()) {
            return None;
        }
        tracing::warn!(origin = ?request.headers().get(header::ORIGIN), "a page of another origin was refused");
        let message = r#"{"code":"origin_refused","message":"this page may not connect here: add its origin to `origins` in the configuration"}"#;
        let mut refusal = Response::new(message.to_owned());
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        refusal.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        Some(refusal)
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else { return false };
        if self.allowed.iter().any(|allowed| allowed == "*" || *allowed == origin) {
            return true;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_ascii_lowercase);
        let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
        authority.is_some() && authority == host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
