//! What is said by HTTP: the offer and its answer, and the end of the session. Each request goes to an address that was looked
//! up and checked just before, and nowhere else: no proxy, no lookup and no redirection of the library's own.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::{Certificate, Client, Method, Response, redirect};

use crate::egress::outputs::destination::Destination;

/// How long it may take to reach a server, and how long all of a request.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// How often a server may send us on: RFC 9725, section 4.5.
const REDIRECTIONS: usize = 3;
/// The longest body that is read.
const BODY: usize = 64 * 1024;
/// How much of what a server says about a refusal is told.
const EXCERPT: usize = 200;

const SDP: &str = "application/sdp";

/// What came of an offer.
#[derive(Debug)]
pub(super) struct Answered {
    /// Who has answered, maybe after others have sent us there.
    pub(super) by: Destination,
    /// The answer, as it came.
    pub(super) body: String,
}

/// Posts an offer to a server, which is at `at` now. `noted` is told where the session is, if the server says so, before its answer
/// is read.
///
/// # Errors
/// Why there is no answer, without what is secret.
pub(super) async fn post(
    destination: &Destination,
    at: SocketAddr,
    offer: &str,
    noted: impl Fn(Destination),
) -> Result<Answered, String> {
    let all = async {
        let (mut to, mut at) = (destination.clone(), at);
        for _ in 0..=REDIRECTIONS {
            let response = ask(&to, at, Method::POST, Some(offer)).await.map_err(|error| to.conceal(&error))?;
            match response.status() {
                StatusCode::CREATED => {
                    session(&to, &response).into_iter().for_each(&noted);
                    let body = body(response).await.map_err(|error| to.conceal(&error))?;
                    return Ok(Answered { by: to, body });
                }
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    let next = location(&response).ok_or("the server sends us on without saying whereto")?;
                    let next = to.moved(next).map_err(|error| format!("the server sends us on, but {error}"))?;
                    at = next.look_up().await.map_err(|error| format!("the server sends us on, but {error}"))?;
                    tracing::debug!(from = %to, to = %next, "a server of WHIP sends us on");
                    to = next;
                }
                _ => return Err(to.conceal(&refusal(response).await)),
            }
        }
        Err(format!("the server has sent us on more than {REDIRECTIONS} times"))
    };
    match tokio::time::timeout(WHOLE, all).await {
        Ok(answered) => answered,
        Err(_) => Err(format!("{destination} has not answered within {WHOLE:?}")),
    }
}

/// Ends a session.
///
/// # Errors
/// Why the server may not have noticed, without what is secret.
pub(super) async fn delete(session: &Destination) -> Result<(), String> {
    let at = session.look_up().await.map_err(|error| error.to_string())?;
    let response = ask(session, at, Method::DELETE, None).await.map_err(|error| session.conceal(&error))?;
    match response.status() {
        status if status.is_success() => Ok(()),
        _ => Err(session.conceal(&refusal(response).await)),
    }
}

async fn ask(to: &Destination, at: SocketAddr, method: Method, offer: Option<&str>) -> Result<Response, String> {
    let client = {
        let to = to.clone();
        // It reads the certificates of the system.
        tokio::task::spawn_blocking(move || client(&to, at)).await.map_err(|error| error.to_string())??
    };
    let mut request = client.request(method, to.secret());
    if !to.token().is_empty() {
        let mut value = HeaderValue::try_from(format!("Bearer {}", to.token())).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    if let Some(offer) = offer {
        request = request.header(header::CONTENT_TYPE, SDP).header(header::ACCEPT, SDP).body(offer.to_owned());
    }
    request.send().await.map_err(|error| format!("{to} cannot be reached: {}", reason(error)))
}

/// A client for one request: it knows one address.
fn client(to: &Destination, at: SocketAddr) -> Result<Client, String> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("plenum/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .pool_max_idle_per_host(0)
        .resolve(to.host(), at);
    if to.scheme() != "https" {
        // Those of the system need not be read.
        return builder.tls_certs_only([]).build().map_err(reason);
    }
    let trusted = match to.reach().authorities() {
        Some(path) => {
            let bad = |error: &dyn std::fmt::Display| format!("the certificates in {}: {error}", path.display());
            let pem = std::fs::read(path).map_err(|error| bad(&error))?;
            Certificate::from_pem_bundle(&pem).map_err(|error| bad(&error))?
        }
        None => Vec::new(),
    };
    builder.tls_certs_merge(trusted).build().map_err(reason)
}

/// What lies at the bottom of an error: what is above says only that something failed, and where.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let error = error.without_url();
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn location(response: &Response) -> Option<&str> {
    response.headers().get(header::LOCATION)?.to_str().ok()
}

/// Where the session is. A server that does not say so, or names a place that is not its own, notices its end by itself: nobody
/// is to choose what is deleted elsewhere.
fn session(by: &Destination, response: &Response) -> Option<Destination> {
    let Some(location) = location(response) else {
        tracing::info!(%by, "a server of WHIP does not say where its session is: it cannot be deleted there");
        return None;
    };
    match by.moved(location) {
        Ok(session) if session.is_at(by) => Some(session),
        Ok(session) => {
            tracing::warn!(%by, %session, "a server of WHIP has its session elsewhere: it is not deleted there");
            None
        }
        Err(error) => {
            tracing::warn!(%by, %error, "a server of WHIP has its session where it cannot be deleted");
            None
        }
    }
}

async fn body(mut response: Response) -> Result<String, String> {
    let mut all = Vec::new();
    while let Some(part) = response.chunk().await.map_err(reason)? {
        if all.len() + part.len() > BODY {
            return Err(format!("the server's answer has more than {BODY} bytes"));
        }
        all.extend_from_slice(&part);
    }
    String::from_utf8(all).map_err(|_| "the server's answer is not text".to_owned())
}

/// What a server says that did not do what it was asked for.
async fn refusal(response: Response) -> String {
    let status = response.status();
    let remedy = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ": check the token",
        StatusCode::NOT_FOUND => ": check the address",
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => ", which WHIP has no use for",
        _ => "",
    };
    let said = body(response).await.unwrap_or_default();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let said: String = said.chars().filter(|character| !character.is_control()).take(EXCERPT).collect();
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    format!("the server answered {status}{said}{remedy}")
}
