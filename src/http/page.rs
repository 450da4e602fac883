//! The page and its libraries, out of the binary (out of `public/` in a debug build).

use http::{HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use warp::Filter;
use warp::path::FullPath;
use warp::reject::Rejection;
use warp::reply::Response;

use super::error;

/// Everything that a browser may load: nothing from elsewhere, nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; \
    img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/public/"]
#[exclude = "node_modules/*"]
#[exclude = "package*.json"]
#[exclude = ".npmrc"]
struct Public;

/// `GET` of the page and of everything that it loads.
pub(super) fn routes() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path::full().and(warp::get().or(warp::head()).unify()).and(warp::header::headers_cloned()).and_then(
        |path: FullPath, headers: http::HeaderMap| async move {
            let name = match path.as_str() {
                "/" => "index.html",
                "/recordings" => "recordings.html",
                other => other.trim_start_matches('/'),
            };
            let file = Public::get(name).ok_or_else(warp::reject::not_found)?;
            Ok::<_, Rejection>(respond(name, file, headers.get(header::IF_NONE_MATCH)))
        },
    )
}

fn respond(name: &str, file: EmbeddedFile, known: Option<&HeaderValue>) -> Response {
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let unchanged = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let builder = http::Response::builder()
        .header(header::ETAG, tag)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::CONTENT_TYPE, mime.as_ref())
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    let response = if unchanged {
        builder.status(StatusCode::NOT_MODIFIED).body(String::new().into())
    } else {
        builder.body(file.data.into_owned().into())
    };
    response
        .unwrap_or_else(|_| error::reply(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be made"))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
