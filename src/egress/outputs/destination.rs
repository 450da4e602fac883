//! Where a mix is pushed to: an address, checked before anything is opened, and never shown with its secrets. Pure.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use percent_encoding::percent_decode_str;
use url::Url;

use super::reach::{Reach, Unreachable};
use crate::config::Secret;

/// An address that a mix can be pushed to.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// The whole address, secrets included.
    url: Url,
    route: Route,
    /// Where it may be, whatever its name comes to mean.
    reach: Reach,
}

/// How it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// RTMP, or RTMP over TLS: the whole address says how.
    Rtmp,
    /// SRT.
    Srt(Srt),
    /// WHIP, RFC 9725: an offer is posted to the address.
    Whip {
        /// What is shown to the server with each request; empty for nothing.
        token: Secret,
    },
}

/// What SRT needs to know.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Srt {
    /// Whether receivers come here, instead of being called.
    pub(super) listens: bool,
    pub(super) stream_id: Option<String>,
    pub(super) passphrase: Option<String>,
    /// The length of the key, in bytes.
    pub(super) key_bytes: i32,
    /// How long what is lost is waited for, in milliseconds.
    pub(super) latency_ms: i32,
}

impl fmt::Debug for Srt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srt").field("listens", &self.listens).finish_non_exhaustive()
    }
}

/// Why an address is none to push to. Never says it: it may hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// It cannot be read.
    #[error(
        "url cannot be read ({0}): use rtmp://host/app/key, rtmps://host/app/key or srt://host:port; or https://host/path for WHIP"
    )]
    Unreadable(String),
    /// Another protocol.
    #[error("url begins with {0:?}: use rtmp, rtmps or srt")]
    Scheme(String),
    /// None of HTTP.
    #[error("url begins with {0:?}: for the kind whip use https or http")]
    NoHttp(String),
    /// A name or a password where nobody expects them.
    #[error(
        "url has a name or a password in front of its host: leave them out, and say a token where the server wants one"
    )]
    Credentials,
    /// What a token may not be.
    #[error("token is not 1 to {LONGEST} printable characters of ASCII without spaces")]
    Token,
    /// It came by TLS, and would go on without.
    #[error("url leads from https to http")]
    Downgrade,
    /// Something is missing.
    #[error("url has no {0}")]
    Lacks(&'static str),
    /// A setting behind the question mark is unknown, or has no fit value.
    #[error("url sets {name:?} wrongly: {remedy}")]
    Setting {
        /// Which.
        name: String,
        /// What would do.
        remedy: &'static str,
    },
    /// The operator forbids it.
    #[error(transparent)]
    Forbidden(#[from] Unreachable),
    /// The operator forbids to listen there.
    #[error(
        "url names {0}, where outputs may not listen: see outputs.listen_addresses and listen_port_min in the configuration"
    )]
    Listener(SocketAddr),
}

/// The longest address.
const LONGEST: usize = 2048;
/// No longer than this, a part of the path of WHIP is a word as any other.
const WORD: usize = 7;
/// What SRT allows of passphrases.
const PASSPHRASE: std::ops::RangeInclusive<usize> = 10..=79;
const LATENCY_MS: std::ops::RangeInclusive<i32> = 20..=8000;

impl Destination {
    /// Checks an address, and whether it is within `reach`, as far as that can be said without looking its name up.
    ///
    /// # Errors
    /// When nothing can be pushed there, or may be.
    pub fn parse(text: &str, reach: &Reach) -> Result<Self, BadDestination> {
        let url = read(text)?;
        let route = match url.scheme() {
            "rtmp" | "rtmps" if has_host(&url)? => rtmp(&url)?,
            "srt" if has_host(&url)? => Route::Srt(srt(&url)?),
            other => return Err(BadDestination::Scheme(other.chars().take(16).collect())),
        };
        Self { url, route, reach: reach.clone() }.checked()
    }

    /// The same of an address to which WHIP is spoken, and the token that its server wants, if it wants one.
    ///
    /// # Errors
    /// As with [`Self::parse`].
    pub fn whip(text: &str, token: Option<&str>, reach: &Reach) -> Result<Self, BadDestination> {
        let is_token =
            |token: &str| (1..=LONGEST).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        if token.is_some_and(|token| !is_token(token)) {
            return Err(BadDestination::Token);
        }
        Self::of_http(read(text)?, Secret::from(token.unwrap_or_default()), reach)
    }

    fn of_http(url: Url, token: Secret, reach: &Reach) -> Result<Self, BadDestination> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(BadDestination::NoHttp(url.scheme().chars().take(16).collect()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadDestination::Credentials);
        }
        has_host(&url)?;
        Self { url, route: Route::Whip { token }, reach: reach.clone() }.checked()
    }

    /// Where a server of WHIP sends us on to, or has put what we asked for: `location` may be relative. Checked as all are.
    ///
    /// # Errors
    /// When it may not be gone to.
    pub(super) fn moved(&self, location: &str) -> Result<Self, BadDestination> {
        let unreadable = |why: String| BadDestination::Unreadable(why);
        if location.len() > LONGEST {
            return Err(unreadable("it is too long".to_owned()));
        }
        let url = self.url.join(location.trim()).map_err(|error| unreadable(error.to_string()))?;
        if self.scheme() == "https" && url.scheme() == "http" {
            return Err(BadDestination::Downgrade);
        }
        Self::of_http(url, Secret::from(self.token()), &self.reach)
    }

    /// Whether it is at the same server.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    fn checked(self) -> Result<Self, BadDestination> {
        match self.listens_at() {
            Some(at) if !self.reach.allows_listener(at) => Err(BadDestination::Listener(at)),
            None if !self.reach.may_allow(self.host()) => Err(Unreachable::Forbidden(self.host().to_owned()).into()),
            _ => Ok(self),
        }
    }

    /// Looks its name up, and says where it is now.
    ///
    /// # Errors
    /// When the name means nothing now, or what the operator forbids.
    pub async fn look_up(&self) -> Result<SocketAddr, Unreachable> {
        match self.listens_at() {
            Some(at) => Ok(at),
            None => self.reach.look_up(self.host(), self.port()).await,
        }
    }

    /// Where receivers come to, if they do.
    fn listens_at(&self) -> Option<SocketAddr> {
        let listens = matches!(&self.route, Route::Srt(srt) if srt.listens);
        let address = listens.then(|| self.host().parse::<IpAddr>().ok()).flatten()?;
        Some((address, self.port()).into())
    }

    /// Whether what belongs to it may be at that address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.reach.allows(self.host(), address)
    }

    /// Where the operator is asked whom to trust.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What a server of WHIP is shown; empty for nothing.
    pub(super) fn token(&self) -> &str {
        match &self.route {
            Route::Whip { token } => token.reveal(),
            Route::Rtmp | Route::Srt(_) => "",
        }
    }

    /// A name or an address.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    fn port(&self) -> u16 {
        // Those of HTTP are known.
        self.url.port_or_known_default().unwrap_or_else(|| if self.scheme() == "rtmps" { 443 } else { 1935 })
    }

    /// How it is reached.
    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    /// All of it, for the element that connects.
    pub(super) fn secret(&self) -> &str {
        self.url.as_str()
    }

    /// A text without what is secret here: servers like to repeat what they were asked for.
    pub(super) fn conceal(&self, text: &str) -> String {
        let path = self.url.path().trim_start_matches('/');
        let mut secrets: Vec<String> = match self.route {
            // Any part of the path may be one; what is short is a word.
            Route::Whip { .. } => {
                path.split('/').filter(|part| part.len() > WORD).chain([path]).map(str::to_owned).collect()
            }
            Route::Rtmp | Route::Srt(_) => path.split_once('/').map(|(_, key)| key.to_owned()).into_iter().collect(),
        };
        secrets.push(self.token().to_owned());
        secrets.extend(self.url.query().map(str::to_owned));
        secrets.extend(self.url.password().map(str::to_owned));
        secrets.extend(self.url.query_pairs().map(|(_, value)| value.into_owned()));
        let plain = secrets.iter().map(|secret| percent_decode_str(secret).decode_utf8_lossy().into_owned());
        secrets.extend(plain.collect::<Vec<_>>());
        // What is shorter is none, and stands in many words. The longest first: one may hold another.
        secrets.retain(|secret| secret.len() > 3);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }

    /// `rtmp`, `rtmps`, `srt` or `whip`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self.route {
            Route::Whip { .. } => "whip",
            Route::Rtmp | Route::Srt(_) => self.scheme(),
        }
    }

    /// How its address begins.
    pub(super) fn scheme(&self) -> &str {
        self.url.scheme()
    }
}

/// Without what is secret: name, password, key, settings.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        match self.route {
            Route::Rtmp => write!(f, "/{}/…", self.url.path().split('/').nth(1).unwrap_or_default()),
            Route::Srt(_) => Ok(()),
            Route::Whip { .. } => f.write_str("/…"),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

fn read(text: &str) -> Result<Url, BadDestination> {
    if text.len() > LONGEST {
        return Err(BadDestination::Unreadable("it is too long".into()));
    }
    Url::parse(text.trim()).map_err(|error| BadDestination::Unreadable(error.to_string()))
}

/// What would be read in several ways is not read at all.
fn has_host(url: &Url) -> Result<bool, BadDestination> {
    match url.host_str().unwrap_or_default() {
        "" => Err(BadDestination::Lacks("host")),
        host if host.contains('%') || url.port() == Some(0) => {
            Err(BadDestination::Unreadable("its host or port is none".into()))
        }
        _ => Ok(true),
    }
}

fn rtmp(url: &Url) -> Result<Route, BadDestination> {
    let mut path = url.path().trim_start_matches('/').splitn(2, '/');
    match (path.next().unwrap_or_default(), path.next().unwrap_or_default()) {
        ("", _) => Err(BadDestination::Lacks("application: write rtmp://host/app/key")),
        (_, "") => Err(BadDestination::Lacks("key: write rtmp://host/app/key")),
        _ => Ok(Route::Rtmp),
    }
}

fn srt(url: &Url) -> Result<Srt, BadDestination> {
    url.port().ok_or(BadDestination::Lacks("port: write srt://host:port"))?;
    let mut srt = Srt { listens: false, stream_id: None, passphrase: None, key_bytes: 16, latency_ms: 120 };
    for (name, value) in url.query_pairs() {
        let wrong = |remedy| BadDestination::Setting { name: name.chars().take(32).collect(), remedy };
        match &*name {
            "mode" => {
                srt.listens = match &*value {
                    "caller" => false,
                    "listener" => true,
                    _ => return Err(wrong("mode is caller or listener")),
                }
            }
            "streamid" if value.len() <= 512 => srt.stream_id = Some(value.into_owned()),
            "streamid" => return Err(wrong("a stream id has at most 512 bytes")),
            "passphrase" if PASSPHRASE.contains(&value.len()) => srt.passphrase = Some(value.into_owned()),
            "passphrase" => return Err(wrong("a passphrase has 10 to 79 characters")),
            "pbkeylen" => {
                let bytes = value.parse().ok().filter(|bytes| [16, 24, 32].contains(bytes));
                srt.key_bytes = bytes.ok_or_else(|| wrong("pbkeylen is 16, 24 or 32"))?;
            }
            "latency" => {
                let ms = value.parse().ok().filter(|ms| LATENCY_MS.contains(ms));
                srt.latency_ms = ms.ok_or_else(|| wrong("latency is 20 to 8000 milliseconds"))?;
            }
            _ => return Err(wrong("there are mode, streamid, passphrase, pbkeylen and latency")),
        }
    }
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if srt.listens && host.parse::<IpAddr>().is_err() {
        let remedy = "a listener needs an address of this server, as srt://0.0.0.0:7001?mode=listener";
        return Err(BadDestination::Setting { name: "mode".to_owned(), remedy });
    }
    Ok(srt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_pushed_to_is_taken_and_shown_without_its_secrets() {
        for (text, shown) in [
            ("rtmp://live.example.org/app/s3cret?token=s3cret", "rtmp://live.example.org/app/…"),
            ("rtmps://me:s3cret@live.example.org:4443/app/a/s3cret", "rtmps://live.example.org:4443/app/…"),
            ("srt://[::1]:7001?streamid=s3cret&passphrase=s3cret-s3cret&pbkeylen=32&latency=200", "srt://[::1]:7001"),
            ("srt://0.0.0.0:7001?mode=listener", "srt://0.0.0.0:7001"),
        ] {
            let destination = Destination::parse(text, &Reach::default()).unwrap();
            assert_eq!(destination.to_string(), shown);
            assert!(!format!("{destination:?} {:?}", destination.route()).contains("s3cret"));
        }
    }

    #[test]
    fn what_servers_say_is_told_without_secrets() {
        let url = "rtmp://me:s3cret-1@live.example.org/app/s3cret-2%20b?token=s3cret-3";
        let destination = Destination::parse(url, &Reach::default()).unwrap();
        let said = "no stream app/s3cret-2 b (s3cret-2%20b?token=s3cret-3, s3cret-3) for me:s3cret-1, no app";
        assert_eq!(destination.conceal(said), "no stream app/… (…?…, …) for me:…, no app");
    }

    #[test]
    fn whip_goes_by_http_and_shows_nothing_of_path_query_and_token() {
        let whip = |text: &str, token: Option<&str>| Destination::whip(text, token, &Reach::default());
        let url = "https://live.example.org:4443/whip/s3cret-path?key=s3cret-key";
        let destination = whip(url, Some("s3cret.token==")).unwrap();
        assert_eq!(destination.to_string(), "https://live.example.org:4443/…");
        assert_eq!((destination.kind(), destination.token()), ("whip", "s3cret.token=="));
        assert!(!format!("{destination:?} {:?}", destination.route()).contains("s3cret"));
        let said = "no whip at /whip/s3cret-path, nor s3cret-path?key=s3cret-key for Bearer s3cret.token==";
        assert_eq!(destination.conceal(said), "no whip at /…, nor …?… for Bearer …");
        assert_eq!(whip("http://live.example.org", None).unwrap().port(), 80);
        assert_eq!(whip("https://live.example.org/a", None).unwrap().port(), 443);
        for (text, token, said) in [
            ("rtmp://live.example.org/app/s3cret", None, "use https or http"),
            ("https://me:s3cret@live.example.org/app", None, "name or a password"),
            ("https://live.ex%zzmple.org/s3cret", None, "cannot be read"),
            ("https://live.example.org:0/s3cret", None, "cannot be read"),
            ("https://169.254.169.254/s3cret", None, "may not go"),
            ("https://[::ffff:169.254.169.254]/s3cret", None, "may not go"),
            ("https://live.example.org/whip", Some(""), "token is not"),
            ("https://live.example.org/whip", Some("s3cret s3cret"), "token is not"),
            ("https://live.example.org/whip", Some("s3crét"), "token is not"),
        ] {
            let error = whip(text, token).expect_err(text).to_string();
            assert!(error.contains(said) && !error.contains("s3cr"), "{text}: {error}");
        }
    }

    #[test]
    fn where_a_server_sends_us_is_checked_as_the_first_address_was() {
        let first =
            Destination::whip("https://live.example.org/whip/a?b=c", Some("s3cret"), &Reach::default()).unwrap();
        for (location, at) in [
            ("/session/1", "https://live.example.org/session/1"),
            ("2", "https://live.example.org/whip/2"),
            ("https://other.example.org/x", "https://other.example.org/x"),
        ] {
            let moved = first.moved(location).unwrap();
            assert_eq!((moved.secret(), moved.token()), (at, "s3cret"));
        }
        for (location, said) in [
            ("http://live.example.org/session/1", "from https to http"),
            ("https://169.254.169.254/latest", "may not go"),
            ("ftp://live.example.org/", "use https or http"),
            ("https://a:b@live.example.org/", "name or a password"),
            ("https://", "cannot be read"),
        ] {
            let error = first.moved(location).expect_err(location).to_string();
            assert!(error.contains(said), "{location}: {error}");
        }
    }

    #[test]
    fn what_cannot_is_refused_with_what_would_do_and_without_its_secrets() {
        for (text, said) in [
            ("", "cannot be read"),
            ("live.example.org/app/s3cret", "cannot be read"),
            ("http://live.example.org/app/s3cret", "use rtmp, rtmps or srt"),
            ("file:///etc/passwd", "use rtmp, rtmps or srt"),
            ("rtmp:///app/s3cret", "no host"),
            ("rtmp://live.ex%61mple.org/app/s3cret", "cannot be read"),
            ("rtmp://live.example.org:0/app/s3cret", "cannot be read"),
            ("rtmp://live.example.org:99999/app/s3cret", "cannot be read"),
            ("rtmp://169.254.169.254/app/s3cret", "may not go"),
            ("srt://[fe80::1]:7001?streamid=s3cret", "may not go"),
            ("srt://localhost:7001?mode=listener", "an address of this server"),
            ("srt://0.0.0.0:443?mode=listener&passphrase=s3cret-s3cret", "may not listen"),
            ("rtmp://live.example.org", "no application"),
            ("rtmp://live.example.org/app", "no key"),
            ("rtmp://live.example.org/app/", "no key"),
            ("srt://live.example.org", "no port"),
            ("srt://live.example.org:1?mode=rendezvous", "caller or listener"),
            ("srt://live.example.org:1?passphrase=s3cret", "10 to 79"),
            ("srt://live.example.org:1?latency=1e9", "20 to 8000"),
            ("srt://live.example.org:1?pbkeylen=17", "16, 24 or 32"),
            ("srt://live.example.org:1?bind=s3cret", "streamid, passphrase"),
        ] {
            let error = Destination::parse(text, &Reach::default()).expect_err(text).to_string();
            assert!(error.contains(said) && !error.contains("s3cret"), "{text}: {error}");
        }
        let long = format!("rtmp://live.example.org/app/{}", "k".repeat(3000));
        assert!(Destination::parse(&long, &Reach::default()).is_err());
    }
}
